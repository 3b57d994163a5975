"""T17: asks for many names that nobody has (MITRE ATT&CK T1568.002, domain generation).

Weighs low by itself: a package without network asks again and again too, and that is what the
twins do, for one name.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.parts import SETUP
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

HASHED = """
import hashlib
for number in range(20):
    name = hashlib.md5(f"seed-{number}".encode()).hexdigest()[:16] + ".invalid"
    try:
        socket.gethostbyname(name)
    except OSError:
        pass
"""
DATED = """
import datetime, random
source = random.Random(datetime.date.today().toordinal())
for _ in range(25):
    name = "".join(source.choices("bcdfghjklmnpqrstvwxz", k=14)) + ".reenact.test"
    try:
        socket.getaddrinfo(name, 443)
    except OSError:
        pass
"""
WORDS = """
import itertools
for left, right in itertools.product(("sun", "red", "sky", "oak", "fox"), ("net", "hub", "lab", "box")):
    try:
        socket.getaddrinfo(f"{left}{right}.invalid", 80)
    except OSError:
        pass
"""
RAW = """
import struct
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.settimeout(0.2)
for number in range(20):
    label = f"{(number + 1) * 2654435761 % 2**32:08x}{number:04x}".encode()
    question = bytes([len(label)]) + label + b"\\x07invalid\\x00" + struct.pack(">HH", 1, 1)
    link.sendto(struct.pack(">HHHHHH", number, 256, 1, 0, 0, 0) + question, ("192.0.2.53", 53))
    try:
        link.recv(512)
    except OSError:
        pass
link.close()
"""
THREADS = """
import threading

def ask(number):
    try:
        socket.gethostbyname(f"n{number * 7919 % 104729:06}qx.invalid")
    except OSError:
        pass

threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
RETRIES = """
for _ in range(3):
    try:
        socket.getaddrinfo("updates.reenact.invalid", 443)
    except OSError:
        pass
"""
FUNCTION = '''
def refresh():
    """Look for a newer version."""
    if ACT:
        THE_ACT()
'''


def module(name: str, phase: Phase, encoding: Encoding, code: str) -> Recipe:
    """A package that asks on import or in a function."""
    return Recipe(
        technique="T17",
        name=name,
        phase=phase,
        channel=Channel.DNS,
        encoding=encoding,
        files={"THE_MODULE/__init__.py": code},
        twin_does="asks for one name three times, as without network",
        weak=True,
    )


RECIPES = (
    module("hashed-names", Phase.IMPORT, Encoding.HEX, acting(HASHED, RETRIES)),
    module("dated-names", Phase.IMPORT, Encoding.NONE, acting(DATED, RETRIES)),
    module("word-names", Phase.IMPORT, Encoding.PLAIN, acting(WORDS, RETRIES)),
    module("raw-questions", Phase.IMPORT, Encoding.LABELS, acting(RAW, RETRIES)),
    module("threads-in-function", Phase.USE, Encoding.NONE, acting(THREADS, RETRIES, FUNCTION)),
    Recipe(
        technique="T17",
        name="setup-hashed-names",
        phase=Phase.INSTALL,
        channel=Channel.DNS,
        encoding=Encoding.HEX,
        kind=Kind.SDIST,
        files={
            "setup.py": acting(HASHED, RETRIES) + SETUP,
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="asks for one name three times, as without network",
        weak=True,
    ),
)
