"""What each detector must let pass: the near misses, most of them something that honest packages do."""

from __future__ import annotations

from models.trace import Event, EventKind
from tests.analyzer.detectors.acts import (
    SCRATCH,
    TMP,
    asks_for_route,
    deletes,
    detached,
    encrypts,
    looks_at,
    renames,
    reverse_shell,
)
from tests.analyzer.detectors.runs import (
    HOME,
    P1,
    P2,
    P3,
    P4,
    P5,
    SITE,
    asks,
    calls,
    connects,
    denied,
    event,
    execs,
    forks,
    reads,
    shell,
    talks,
    touches,
    writes,
)

NEAR_MISSES: list[tuple[str, list[Event]]] = [
    ("canary-left", [talks(), asks("x.test")]),
    ("decoy-read-then-sent", [talks(phase=P2), touches("aws")]),
    ("decoy-read-then-sent", [touches("aws"), talks(size=0)]),
    ("decoy-read-then-sent", [touches("env"), talks()]),
    ("decoys-collected", [touches("aws"), touches("ssh"), touches("env"), touches("aws", "open")]),
    ("decoy-read", [touches("aws", "modify"), reads(f"{HOME}/.aws/config")]),
    ("decoy-written", [touches("aws", "access"), touches("aws", "open")]),
    # subprocess: pipes onto the streams, or one descriptor for both outputs
    ("reverse-shell", reverse_shell(connected=False)),
    ("reverse-shell", reverse_shell(streams=(1, 2))),
    ("reverse-shell", reverse_shell(domain=1)),
    (
        "reverse-shell",
        [
            calls("socket", 2, 1, 0, result=5),
            connects("127.0.0.1"),
            event(EventKind.OPEN, path="/dev/null", result=5),
            calls("dup2", 5, 0),
            calls("dup2", 5, 1),
            execs("/bin/sh", "sh"),
        ],
    ),
    # shared memory
    ("exec-memory", [event(EventKind.MEMFD, path="shm"), execs("/usr/bin/true")]),
    (
        "exec-memory",
        [event(EventKind.MEMFD, path="shm"), forks(200), reads("/proc/self/fd", pid=200)],
    ),
    ("exec-memory", [reads("/proc/self/fd/5"), reads("/dev/fd/63")]),
    # configure scripts and compilers
    (
        "exec-dropped",
        [
            forks(120, P1),
            execs("/usr/bin/x86_64-linux-gnu-ld.bfd", "ld", phase=P1, pid=120),
            writes(TMP, P1, pid=120),
            execs(TMP, phase=P1),
        ],
    ),
    ("exec-dropped", [writes(TMP), execs("/usr/bin/true")]),
    ("exec-dropped", [execs(TMP), writes(TMP)]),
    ("exec-dropped", [writes(TMP, result=-13), execs(TMP)]),
    ("exec-dropped", [connects("203.0.113.7"), writes(TMP), execs(TMP)]),
    ("exec-downloaded", [writes(TMP), execs(TMP), connects("203.0.113.7")]),
    ("exec-downloaded", [connects("127.0.0.1"), writes(TMP), execs(TMP)]),
    ("exec-downloader", [execs("/usr/bin/gcc", "gcc", "curl.c"), shell("echo curlew", P1)]),
    (
        "exec-downloader",
        [
            execs("/usr/bin/git", "git", "describe", "--tags"),
            execs("/env/bin/python", "python", "-m", "pip", "--version"),
            execs("/usr/bin/make", "make", "install", phase=P1),
            execs("/usr/bin/cargo", "cargo", "build", phase=P1),
            execs("/usr/bin/install", "install", "-m", "755", "x", phase=P1),
            shell("echo pip install x"),
        ],
    ),
    # ctypes.util.find_library, platform
    ("exec-shell", [shell("/sbin/ldconfig -p 2>/dev/null"), shell("uname -p 2> /dev/null")]),
    ("exec-shell", [shell("./configure && make", P1)]),
    (
        "exec-process",
        [
            execs("/sbin/ldconfig", "ldconfig", "-p"),
            execs("/usr/bin/gcc", "gcc"),
            execs("/usr/lib/gcc/x86_64-linux-gnu/12/collect2", "collect2"),
            execs("/usr/bin/x86_64-linux-gnu-gcc-12", "gcc"),
            execs("/usr/bin/uname", "uname"),
            execs("/usr/bin/git", "git", "version"),
            execs("/usr/bin/id", result=-2),
            execs("/env/bin/python"),
        ],
    ),
    # distutils-precedence.pth, editable installs, coverage
    (
        "start-hook-acts",
        [
            reads(f"{SITE}/_distutils_hack/__init__.py", P2),
            execs("/sbin/ldconfig", "ldconfig", phase=P2),
            connects("127.0.0.1", phase=P2),
            asks("ws-0417", phase=P2),
        ],
    ),
    ("start-hook-acts", [execs("/env/bin/git", "git", phase=P2, result=-2)]),
    ("start-hook-acts", [execs("/usr/bin/id", phase=P3), touches("aws", phase=P3)]),
    # loopback, socket pairs, unix sockets, netlink, resolvers and glibc's routing probes
    (
        "network-connect",
        [
            connects("127.0.0.1", 8000),
            connects("::1", 8000),
            connects("10.0.2.3", 53),
            connects("198.51.100.9", 0),
            event(EventKind.CONNECT, path="/run/nscd/socket", detail="unix"),
            event(EventKind.BIND, detail="netlink"),
        ],
    ),
    ("metadata-service", [connects("169.254.0.1"), asks("google.test")]),
    (
        "network-listen",
        [
            event(EventKind.TCP, address="127.0.0.1", port=8000, detail="CLOSE>LISTEN"),
            event(EventKind.TCP, address="203.0.113.7", port=80, detail="CLOSE>SYN_SENT"),
            event(EventKind.BIND, address="::1"),
        ],
    ),
    ("dns-exfiltration", [asks(f"host{n}.example.test") for n in range(5)]),
    ("dns-exfiltration", [asks(f"{n}q7a0b1c2d3e4f5a6.corp.example", P4) for n in range(30)]),
    ("dns-lookup", [asks("ws-0417"), asks("printer.local")]),
    (
        "persistence-write",
        [
            reads(f"{HOME}/.bashrc"),
            writes(f"{HOME}/bashrc"),
            writes(f"{SCRATCH}/build/lib/x.pth", P1),
            writes(f"{HOME}/.cache/x"),
        ],
    ),
    (
        "agent-config-write",
        [reads(f"{HOME}/.claude/settings.json"), writes(f"{SITE}/demo/AGENTS.md")],
    ),
    ("escape-attempt", [denied("clone3"), denied("keyctl")]),
    ("process-injection", [reads("/proc/self/mem"), reads("/proc/17/maps")]),
    (
        "denied-calls",
        [denied("clone3"), denied("mount"), denied("ptrace"), denied("io_uring_setup")],
    ),
    ("mass-file-change", [deletes(f"{HOME}/.cache/{n}") for n in range(20)]),
    ("mass-file-change", [deletes(f"conftest{n}.h", P1) for n in range(20)]),  # autoconf
    (
        "mass-file-change",
        [item for n in range(20) for item in (writes(f"{HOME}/t{n}"), deletes(f"{HOME}/t{n}"))],
    ),
    (
        "own-files-deleted",
        [
            deletes(f"{SITE}/demo/__pycache__/a.cpython-311.pyc.1234"),
            deletes(f"{SCRATCH}/x"),
            writes(f"{SITE}/demo/lock"),
            deletes(f"{SITE}/demo/lock"),
        ],
    ),
    (
        "own-files-deleted",
        [
            writes(f"{SITE}/demo/real.py", P1),
            writes(f"{SITE}/demo/data.json", P1),
            writes(f"{SITE}/demo/__pycache__/real.cpython-311.pyc", P1),
            writes(f"{SITE}/demo/data.json"),
            writes(f"{SITE}/demo/parsetab.py"),
            writes(f"{SITE}/demo/real.py", result=-30),
            writes(f"{SITE}/demo/__pycache__/real.cpython-311.pyc.1234"),
            renames(
                f"{SITE}/demo/__pycache__/real.cpython-311.pyc.1234",
                f"{SITE}/demo/__pycache__/real.cpython-311.pyc",
            ),
        ],
    ),
    ("process-outlived", detached(setsid=True, ends=True)),
    ("process-outlived", detached(setsid=False, ends=False)),
    (
        "writes-outside",
        [
            writes(f"{SITE}/demo/x"),
            writes(f"{SCRATCH}/x"),
            writes(f"{HOME}/.cache/x"),
            writes("/dev/null"),
            writes(f"{HOME}/x", result=-13),
            writes("/deps/site-packages/a/__pycache__/b.cpython-311.pyc.99"),
            writes(f"{HOME}/x", P1),
        ],
    ),
    # a role's credentials on their way back to who gave them; an argument, which P4 planted itself
    ("canary-left", [talks("169.254.169.254", canaries=("role",), phase=P4)]),
    ("canary-left", [talks(canaries=("argument",), phase=P4)]),
    ("canary-argument-left", [talks(canaries=("aws",)), asks("x.test", P4)]),
    ("decoys-collected", [touches("aws", phase=P4), touches("ssh"), touches("npm", phase=P5)]),
    ("decoy-read-then-sent", [talks(phase=P4), touches("aws", phase=P5)]),
    ("environment-dump", [talks(canaries=("token",)), reads("/proc/self/status")]),
    ("environment-dump", [talks(canaries=("token", "aws"))]),
    ("reverse-shell", [shell("nc -z localhost 80"), shell("cat /dev/null"), shell("ncdu -e")]),
    (
        "reverse-shell",
        [execs("/env/bin/python", "python", "-c", "import socket; print(socket.gethostname())")],
    ),
    # a build's own scripts, in its own tree
    (
        "exec-dropped",
        [
            writes(f"{SCRATCH}/pip-req-build-x/config.status", P1),
            execs("/bin/sh", "sh", f"{SCRATCH}/pip-req-build-x/config.status", phase=P1),
        ],
    ),
    (
        "exec-dropped",
        [writes(TMP), shell(f"cat {TMP}"), execs("/usr/bin/python3", "python3", "-c", TMP)],
    ),
    ("foreign-runtime", [execs("/usr/bin/node", "node", "--version"), execs("/opt/go/bin/go")]),
    (
        "foreign-runtime",
        [writes(f"{SITE}/nodejs/bin/node", P1), execs(f"{SITE}/nodejs/bin/node", "node")],
    ),
    ("foreign-runtime", [execs("/usr/bin/perl"), execs(f"{HOME}/x/nodelist")]),
    ("network-connect", [asks_for_route("127.0.0.1", 80)]),
    (
        "network-scan",
        [connects("203.0.113.7", 443), connects("203.0.113.7", 80), connects("10.0.0.5", 5432)],
    ),
    ("network-scan", [connects(f"203.0.113.{n}") for n in range(1, 20)]),
    ("network-scan", [connects("127.0.0.1", 6379) for _ in range(40)]),
    ("metadata-service", [looks_at("/var/run/secrets/kubernetes.io/serviceaccount/token")]),
    (
        "exec-hidden",
        [
            execs("/env/bin/python", "python", "-c", code)
            for code in (
                "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5)",
                "from joblib.externals.loky.backend.resource_tracker import main; main(3, False)",
                "import sysconfig; print(sysconfig.get_path('include'))",
                "import setuptools, tokenize;__file__='setup.py';exec(compile(open(__file__).read()))",
                "import base64; print(base64.b64decode('aWQ='))",
            )
        ],
    ),
    (
        "exec-hidden",
        [shell("base64 -d x > y"), execs("/usr/bin/git", "git", "-c", "exec(b64decode(")],
    ),
    (
        "others-files-changed",
        [
            writes("/deps/site-packages/a/__pycache__/b.cpython-311.pyc.99", result=-30),
            writes("/deps/site-packages/a/cache.json", result=-30),
            writes("/deps/site-packages/pycparser/yacctab.py", result=-30),
            writes(f"{SITE}/demo/x.py", P3),
            writes(f"{SCRATCH}/pip-req-build-x/build/lib/x.py", P1),
            reads("/deps/site-packages/a/__init__.py"),
        ],
    ),
    # retries of one name, and many names that are words
    ("dga-burst", [asks("xkqzwvbnt.invalid") for _ in range(30)]),
    ("dga-burst", [asks(f"{word}.example.test") for word in "abcdefghijklm"]),
    (
        "dga-burst",
        [asks(f"{word}.test") for word in ("kubernetes", "grafana", "prometheus", "postgresql")]
        + [asks(f"{word}.test") for word in ("elasticsearch", "rabbitmq", "cloudflare", "jenkins")]
        + [
            asks(f"{word}.test")
            for word in ("strengths", "airflow-web", "analytics2", "mlflow-srv")
        ],
    ),
    (
        "service-channel",
        [
            talks(host="api.github.com", detail="tcp GET /repos/a/b/releases"),
            asks("discord.com"),
            asks("nott.me"),
            asks("example.test"),
        ],
    ),
    ("mining", [talks(path2="mining is fun"), asks("pooling.test"), execs("/usr/bin/minerdoc")]),
    ("mining", [talks(path2='{"jsonrpc":"2.0","method":"initialize","id":0')]),
    (
        "worm-publish",
        [touches("pypi"), talks(host="example.test", detail="tcp POST /events HTTP/1.1")],
    ),
    (
        "worm-publish",
        [execs("/usr/bin/npm", "npm", "install"), shell("twine check dist/*"), shell("git push")],
    ),
    ("worm-publish", [talks(host="registry.test", detail="tcp GET /left-pad HTTP/1.1")]),
    (
        "persistence-write",
        [
            writes(f"{HOME}/project/.git/hooks/pre-commit.sample"),
            writes(f"{SCRATCH}/x/.git/hooks/pre-commit", P1),
            writes(f"{HOME}/.ipython/profile_default/startup/README"),
            shell("systemctl is-active x; crontab -l; echo look at 5"),
            execs("/usr/bin/git", "git", "config", "--get", "user.name"),
        ],
    ),
    ("agent-config-write", [writes(f"{HOME}/project/claude.py"), writes(f"{HOME}/.claudette")]),
    (
        "mass-file-change",
        [act for n in range(4) for act in encrypts(n)],
    ),
    (
        "mass-file-change",
        [
            act
            for n in range(20)
            for act in (
                writes(f"{HOME}/.config/x/{n}.tmp"),
                renames(f"{HOME}/.config/x/{n}.tmp", f"{HOME}/.config/x/{n}"),
                reads(f"{HOME}/.config/x/{n}"),
                writes(f"{HOME}/.config/x/{n}"),
            )
        ],
    ),
    (
        "sandbox-probing",
        [reads("/proc/self/cgroup"), looks_at("/.dockerenv"), reads("/proc/cpuinfo")],
    ),
    (
        "native-connect",
        [
            reads("/usr/lib/python3.11/__pycache__/socket.cpython-311.pyc"),
            forks(200),
            reads(f"{SITE}/demo/_fast.so", pid=200),
            connects("203.0.113.7", pid=200),
        ],
    ),
    ("native-connect", [reads("/usr/lib/libssl.so"), connects("203.0.113.7")]),
    (
        "native-connect",
        [reads(f"{SITE}/demo/_fast.so"), execs("/usr/bin/curl"), connects("203.0.113.7")],
    ),
    (
        "secrets-searched",
        [
            looks_at(f"{HOME}/.aws/credentials"),
            looks_at(f"{HOME}/.aws/config"),
            looks_at(f"{HOME}/.netrc"),
            looks_at(f"{HOME}/.config/demo"),
            looks_at(f"{HOME}/.cache/huggingface/hub"),
            looks_at(f"{SITE}/.mozilla/x"),
            looks_at(f"{HOME}/.kube/config", P4),
            looks_at(f"{HOME}/.mozilla/x", P4),
        ],
    ),
    # the same as at first; a question of the system; nothing to compare with
    ("acts-later", [asks("c2.test", P3), asks("c2.test", P5)]),
    ("acts-later", [connects("203.0.113.7"), connects("203.0.113.7", phase=P5)]),
    ("acts-later", [reads("/x"), execs("/usr/bin/uname", phase=P5), asks("ws-0417", P5)]),
    ("acts-later", [touches("aws"), touches("aws", phase=P5), writes(f"{SCRATCH}/y", P5)]),
    ("acts-later", [execs("/usr/bin/id", phase=P4)]),
    ("acts-later", [asks("c2.test", P5)]),
]
