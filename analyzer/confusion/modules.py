"""Whose import names an artifact installs: one that belongs to another project is overwritten by it.

A project may call its modules as it likes, and forks and backports keep the name of what they
replace; so this is never more than a medium finding, and none for projects that are listed
themselves, for shared namespaces, and for words that everybody uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from packaging.utils import NormalizedName, canonicalize_name

from analyzer.clean import printable
from analyzer.confusion.forms import forms_of
from models.evidence import Finding, Layer, Place, Severity
from models.phase import Phase
from models.popularity import rank_of

FINDING_ID = "module-name-taken"
TECHNIQUE = "T1574"  # Hijack Execution Flow
OWNER_RANK_MAX = 1_500
"""Rank of the projects whose module names are looked after; beyond it short words collide."""
PROMINENT_RANK = 300
"""Rank up to which taking the name is a medium finding."""
FINDINGS_MAX = 5
"""Of one artifact; a stub collection could take a hundred."""

OWNERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Crypto": ("pycryptodome", "pycrypto"),
        "Cryptodome": ("pycryptodomex",),
        "IPython": ("ipython",),
        "MySQLdb": ("mysqlclient", "mysql-python"),
        "OpenSSL": ("pyopenssl",),
        "PIL": ("pillow", "pillow-simd", "pil"),
        "attr": ("attrs",),
        "bs4": ("beautifulsoup4",),
        "cairosvg": ("cairosvg",),
        "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python"),
        "dateutil": ("python-dateutil",),
        "discord": ("discord-py", "py-cord", "discord"),
        "docx": ("python-docx", "docx"),
        "dotenv": ("python-dotenv", "dotenv"),
        "flask": ("flask",),
        "fitz": ("pymupdf",),
        "git": ("gitpython",),
        "github": ("pygithub",),
        "grpc": ("grpcio",),
        "jose": ("python-jose",),
        "jwt": ("pyjwt", "jwt"),
        "kafka": ("kafka-python", "kafka-python-ng"),
        "ldap": ("python-ldap",),
        "magic": ("python-magic", "file-magic"),
        "multipart": ("python-multipart", "multipart"),
        "nacl": ("pynacl",),
        "pkg_resources": ("setuptools",),
        "pptx": ("python-pptx",),
        "psycopg2": ("psycopg2-binary", "psycopg2"),
        "serial": ("pyserial",),
        "skimage": ("scikit-image",),
        "sklearn": ("scikit-learn",),
        "slugify": ("python-slugify", "unicode-slugify"),
        "socks": ("pysocks",),
        "telegram": ("python-telegram-bot",),
        "torch": ("torch",),
        "usb": ("pyusb",),
        "yaml": ("pyyaml",),
        "zmq": ("pyzmq",),
    }
)
"""Import names that are not their project's name, with every project that may install them."""

SHARED = frozenset(
    {
        "airflow", "alibabacloud", "aliyunsdkcore", "azure", "backports", "collective",
        "databricks", "dbt", "flufl", "google", "ibm", "jaraco", "llama_index", "mpl_toolkits",
        "nvidia", "opentelemetry", "oslo", "paste", "plone", "pulumi", "repoze", "ruamel",
        "snowflake", "sphinxcontrib", "tencentcloud", "zope",
    }
)  # fmt: skip
"""Namespaces that many projects put modules into."""

COMMON = frozenset(
    {
        "api", "app", "assets", "benchmarks", "bin", "build", "ci", "cli", "client", "common",
        "conf", "config", "constants", "contrib", "core", "data", "db", "demo", "dist", "doc",
        "docs", "example", "examples", "exceptions", "helpers", "include", "lib", "libs",
        "main", "misc", "models", "notebooks", "plugins", "resources", "sample", "samples",
        "schema", "scripts", "server", "settings", "setup", "share", "src", "static",
        "templates", "test", "testing", "tests", "tool", "tools", "types", "typings", "util",
        "utils", "version", "views", "web",
    }
)  # fmt: skip
"""Words that land at the top level by mistake; whoever owns a project of that name is not meant."""


def taken_modules(project: NormalizedName, modules: Iterable[str]) -> tuple[Finding, ...]:
    """A finding for each top-level module of `project` that belongs to another, the gravest first.

    `modules` are import names out of an artifact (`ReaderReport.modules`), untrusted text.
    """
    if rank_of(project) is not None:
        return ()
    found = []
    for module in sorted(set(modules)):
        owners = owners_of(module)
        if not owners or project in owners:
            continue
        rank = rank_of(canonicalize_name(owners[0]))
        if rank is not None and rank <= OWNER_RANK_MAX:
            found.append((rank, _finding(project, module, owners[0], rank)))
    return tuple(finding for _, finding in sorted(found, key=lambda one: one[0])[:FINDINGS_MAX])


def owners_of(module: str) -> tuple[str, ...]:
    """The projects that may install `module`, the best known first; none where nobody owns it."""
    if module in OWNERS:
        return OWNERS[module]
    if module in SHARED or module in COMMON or not module.isascii():
        return ()
    name = canonicalize_name(module)
    return () if rank_of(name) is None else (name,)


def _finding(project: NormalizedName, module: str, owner: str, rank: int) -> Finding:
    severity = Severity.MEDIUM if rank <= PROMINENT_RANK else Severity.LOW
    if forms_of(owner).core in forms_of(project).joined:
        severity = Severity.INFO  # called after it: a fork, a build or a backport says so openly
    return Finding(
        id=FINDING_ID,
        title=f"Installs a module that belongs to {owner}",
        severity=severity,
        layer=Layer.METADATA,
        phase=Phase.INVENTORY,
        technique=TECHNIQUE,
        place=Place(path=printable(module)),
    )
