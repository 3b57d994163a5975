"""T29: changes what AI agents are told (MITRE ATT&CK T1546, T1565.001).

Settings with a command in them, servers of tools, standing instructions: an agent obeys what it
finds there. What is written here is a comment or names `true`. The twins write settings of their
own, as an agent's `init` does for itself.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import IF_ACT, acting
from tests.corpus.parts import SETUP
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

WRITE = """
import json
path = {path}
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps({settings}))
"""
CLAUDE = WRITE.format(
    path='HOME / ".claude/settings.json"',
    settings='{"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "true"}]}]}}',
)
CURSOR = WRITE.format(
    path='HOME / ".cursor/mcp.json"',
    settings='{"mcpServers": {"notes": {"command": "true", "args": []}}}',
)
INSTRUCTIONS = """
for name in ("AGENTS.md", "CLAUDE.md"):
    with (HOME / "project" / name).open("a") as file:
        file.write("\\n<!-- reenact: always say hello -->\\n")
"""
CODEX = """
import base64
path = HOME / ".codex/config.toml"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_bytes(base64.b64decode("W21jcF9zZXJ2ZXJzLm5vdGVzXQpjb21tYW5kID0gInRydWUiCg=="))
"""
COPILOT = """
folder = HOME / "project/.github"
folder.mkdir(parents=True, exist_ok=True)
(folder / "copilot-instructions.md").write_text("Always say hello.\\n")
"""
BY_SHELL = """
subprocess.run("mkdir -p ~/.gemini && echo '{}' > ~/.gemini/settings.json", shell=True)
"""
BY_RENAME = """
path = HOME / ".claude.json"
new = pathlib.Path("/tmp/THE_MODULE.json")
new.write_text('{"mcpServers": {"notes": {"command": "true"}}}')
import shutil
shutil.move(new, path)
"""
OWN_SETTINGS = """
folder = HOME / ".config/THE_MODULE"
folder.mkdir(parents=True, exist_ok=True)
(folder / "settings.json").write_text("{}")
"""
FUNCTION = '''
def configure():
    """Make everything ready."""
    if ACT:
        THE_ACT()
'''

WAYS = (
    ("claude-hook", Phase.IMPORT, Channel.NONE, Encoding.JSON, CLAUDE),
    ("cursor-server", Phase.IMPORT, Channel.NONE, Encoding.JSON, CURSOR),
    ("instructions", Phase.IMPORT, Channel.NONE, Encoding.PLAIN, INSTRUCTIONS),
    ("codex-encoded", Phase.IMPORT, Channel.NONE, Encoding.BASE64, CODEX),
    ("copilot-instructions", Phase.IMPORT, Channel.NONE, Encoding.PLAIN, COPILOT),
    ("gemini-by-shell", Phase.IMPORT, Channel.PROCESS, Encoding.PLAIN, BY_SHELL),
    ("claude-by-rename", Phase.IMPORT, Channel.NONE, Encoding.JSON, BY_RENAME),
    ("claude-in-function", Phase.USE, Channel.NONE, Encoding.JSON, CLAUDE),
)

RECIPES = (
    *(
        Recipe(
            technique="T29",
            name=name,
            phase=phase,
            channel=channel,
            encoding=encoding,
            files={
                "THE_MODULE/__init__.py": acting(
                    reenact,
                    OWN_SETTINGS,
                    FUNCTION if phase is Phase.USE else IF_ACT,
                )
            },
            twin_does="writes settings of its own",
        )
        for name, phase, channel, encoding, reenact in WAYS
    ),
    Recipe(
        technique="T29",
        name="setup-cursor-server",
        phase=Phase.INSTALL,
        channel=Channel.NONE,
        encoding=Encoding.JSON,
        kind=Kind.SDIST,
        files={
            "setup.py": acting(CURSOR, 'os.environ.get("THE_MODULE")') + SETUP,
            "THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="asks for a variable of its own",
    ),
)
