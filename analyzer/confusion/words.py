"""Closed lists of words that names are made with, and of names that are known from elsewhere."""

from __future__ import annotations

import itertools
import sys

AFFIXES = frozenset(
    {
        "a", "api", "app", "beta", "cli", "client", "clients", "code", "core", "dev", "devel",
        "for", "framework", "helper", "helpers", "kit", "lib", "libs", "library", "module",
        "my", "new", "ng", "official", "org", "package", "pkg", "pro", "project", "py", "py2",
        "py3", "pypi", "python", "python2", "python3", "release", "sdk", "stable", "test",
        "the", "tool", "toolkit", "tools", "util", "utils", "v2", "v3", "wrapper", "x",
    }
)  # fmt: skip
"""Words that add nothing to a name: somebody who leaves one out or puts one in means the same."""

GLUED_BEFORE = ("python3", "python", "py3", "py")
GLUED_BEHIND = ("python", "sdk", "lib", "py")
"""Affixes that are also written without a separator, the longest first."""

COMBO_WORDS = AFFIXES | frozenset(
    {
        "add", "addon", "admin", "advanced", "aio", "async", "auth", "aws", "backend",
        "backport", "backup", "base", "basic", "better", "bot", "build", "builder", "bundle",
        "cloud", "color", "colors", "common", "compat", "config", "connect", "connector", "cpu",
        "cuda", "darwin", "data", "db", "debug", "deploy", "download", "downloader", "easy",
        "encrypt", "engine", "enterprise", "ex", "exp", "experimental", "ext", "extended",
        "extension", "extensions", "extra", "extras", "fast", "faster", "fix", "fixed", "fork",
        "free", "full", "fun", "generator", "gpu", "gui", "hash", "http", "https", "install",
        "installer", "integration", "interface", "internal", "io", "json", "kernel", "legacy",
        "linux", "lite", "live", "load", "loader", "local", "log", "logger", "logging", "login",
        "mac", "manager", "mini", "mock", "nano", "native", "next", "nightly", "node", "open",
        "original", "parser", "patch", "patched", "plugin", "plugins", "plus", "prod", "proxy",
        "public", "pure", "quick", "re", "reborn", "redux", "remote", "runtime", "safe", "scan",
        "secure", "security", "server", "service", "session", "setup", "simd", "simple",
        "speed", "speedup", "ssl", "standalone", "std", "super", "support", "sync", "system",
        "token", "tracker", "ultra", "unofficial", "update", "updated", "updater", "upgrade",
        "validator", "web", "win", "windows", "xl",
    }
)  # fmt: skip
"""Words that make a plausible variant of a popular project. Names of projects count as such, too."""

VENDOR_NAMESPACES = (
    "alibabacloud",
    "apache-airflow-providers",
    "aws-cdk",
    "azure",
    "databricks",
    "google-cloud",
    "huaweicloudsdk",
    "mypy-boto3",
    "nvidia",
    "opentelemetry-instrumentation",
    "pulumi",
    "tencentcloud-sdk-python",
    "types",
)
"""Beginnings of names under which one publisher has hundreds of listed projects."""

OTHER_ECOSYSTEMS = frozenset(
    # The best known of npm, RubyGems and Debian, and words that people take for projects of ours.
    [
        "actionpack",
        "activerecord",
        "angular",
        "apache2",
        "async",
        "axios",
        "babel",
        "bignumber",
        "bluebird",
        "bootstrap",
        "bower",
        "busybox",
        "chai",
        "chalk",
        "cheerio",
        "classnames",
        "coffeescript",
        "commander",
        "concurrently",
        "crossenv",
        "curl",
        "dayjs",
        "discordjs",
        "dotenv",
        "electron",
        "eslint",
        "ethereum",
        "ethers",
        "express",
        "fastify",
        "ffmpeg",
        "figlet",
        "firebase",
        "formik",
        "gatsby",
        "gcc",
        "golang",
        "graphql",
        "gulp",
        "handlebars",
        "imagemagick",
        "inquirer",
        "java",
        "javascript",
        "jest",
        "jquery",
        "jsonwebtoken",
        "karma",
        "laravel",
        "lodash",
        "mariadb",
        "minimatch",
        "minimist",
        "mkdirp",
        "mocha",
        "moment",
        "mongodb",
        "mongoose",
        "mysql",
        "nestjs",
        "nextjs",
        "nginx",
        "nodejs",
        "nodemailer",
        "nodemon",
        "nokogiri",
        "nuxt",
        "opencv",
        "openssl",
        "opensea",
        "passport",
        "php",
        "phpmyadmin",
        "postgresql",
        "prettier",
        "puppeteer",
        "python",
        "rails",
        "react",
        "react-dom",
        "reactjs",
        "readline",
        "redux",
        "requirejs",
        "rimraf",
        "rollup",
        "rspec",
        "rubygems",
        "rxjs",
        "sequelize",
        "sidekiq",
        "sinatra",
        "socketio",
        "solidity",
        "sqlite",
        "sqlite3",
        "svelte",
        "swagger",
        "symfony",
        "tailwindcss",
        "tslib",
        "typeorm",
        "typescript",
        "underscore",
        "uuidjs",
        "vite",
        "vue",
        "vuejs",
        "webpack",
        "winston",
        "wordpress",
        "yargs",
        "zlib",
    ]
)
"""Names of other ecosystems, as written here: facts, no copy of anybody's list."""

STANDARD_LIBRARY = frozenset(
    name for name in sys.stdlib_module_names if not name.startswith("_") and len(name) >= 4
)
"""Importable modules of the standard library; shorter ones resemble too much."""

_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> frozenset[tuple[str, str]]:
    pairs = {("y", "z"), ("q", "a"), ("w", "z")}  # QWERTZ and AZERTY swap these
    for row in _ROWS:
        pairs |= set(itertools.pairwise(row))
    for above, below in itertools.pairwise(_ROWS):
        for at, key in enumerate(below):
            pairs |= {(key, above[near]) for near in (at, at + 1) if near < len(above)}
    return frozenset(pairs | {(b, a) for a, b in pairs})


KEYBOARD = _neighbours()
"""Pairs of keys that touch, both ways round."""

LOOK_ALIKE = (
    ("rn", "m"),
    ("vv", "w"),
    ("cl", "d"),
    ("0", "o"),
    ("1", "l"),
    ("i", "l"),
    ("5", "s"),
    ("3", "e"),
    ("4", "a"),
    ("7", "t"),
    ("8", "b"),
)
"""What reads like what, once a name is in lower case; applied from the top."""

SOUNDS = (
    ("ph", "f"),
    ("ck", "k"),
    ("qu", "k"),
    ("ou", "o"),
    ("sch", "sh"),
    ("c", "k"),
    ("q", "k"),
    ("x", "ks"),
    ("z", "s"),
    ("y", "i"),
    ("w", "v"),
    ("ee", "i"),
    ("oo", "u"),
    ("ei", "ai"),
    ("ie", "i"),
)
"""Spellings of one sound; applied from the top."""
