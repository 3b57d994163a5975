"""Records the shapes of real trees: `python -m tests.graph.record` asks the upstream, once, for all.

Only names, versions, days of upload and who requires whom are kept; no text of any package.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import structlog

from analyzer.graph.tree import Tree
from analyzer.interpreter import describe_interpreter
from models.artifact import parse_index_name
from models.clock import utc_now
from models.work import ResolveRequest
from proxy.artifacts.fetcher import Fetcher
from proxy.artifacts.folder import FolderArtifacts
from proxy.graphing import asked_for
from proxy.index.cached import CachedIndex
from proxy.index.default import default_upstream
from proxy.index.upstream import UpstreamIndex
from proxy.resolve import Resolver
from proxy.store.memory import MemoryStore
from proxy.tree import below

RECORDED = Path(__file__).parent / "trees.json"
ROOTS = (
    "aiohttp", "alembic", "apache-airflow", "awscli", "black", "boto3", "celery", "cookiecutter",
    "dask[complete]", "django", "fastapi[standard]", "flask", "google-cloud-storage", "hatch",
    "httpie", "httpx", "ipython", "jupyterlab", "kubernetes", "matplotlib", "mkdocs-material",
    "moto", "nltk", "notebook", "nox", "pandas", "paramiko", "poetry", "pre-commit", "pytest",
    "requests", "scikit-learn", "scrapy", "seaborn", "sphinx", "sqlfluff", "statsmodels", "tox",
    "twine", "uvicorn[standard]",
)  # fmt: skip
"""Applications and libraries of many kinds, from 3 to 125 releases below each."""
SMALL = 3
"""Trees with fewer releases below the root are left out: there is hardly a depth to inject at."""


async def record() -> None:
    """Ask for every root and write the file."""
    target = (await describe_interpreter()).target
    upstream = UpstreamIndex(parse_index_name("pypi"), default_upstream())
    await upstream.start()
    index = CachedIndex(upstream, MemoryStore(clock=utc_now), clock=utc_now)
    with tempfile.TemporaryDirectory() as scratch:
        fetcher = Fetcher(index, upstream.client, FolderArtifacts(Path(scratch)))
        resolver = Resolver(index, fetcher)
        shapes = {}
        for root in ROOTS:
            asked = ResolveRequest(requirements=(root,), role="run", target=target)
            tree = await resolver.tree(asked)
            if len(tree.releases) > SMALL:
                shapes[root] = shape_of(below(tree, asked_for(root).name))
            print(root, len(tree.releases), tree.stopped)
        resolver.close()
        await fetcher.close()
    await index.close()
    await upstream.close()
    document = {"recorded": f"{utc_now():%Y-%m-%d}", "trees": shapes}
    RECORDED.write_text(json.dumps(document, separators=(",", ":")).replace('},"', '},\n"') + "\n")


def shape_of(tree: Tree) -> dict[str, Any]:
    """What is kept of a tree: project → [version, uploaded, since], and `a>b` for each link."""
    return {
        "root": tree.root,
        "releases": {
            one.project: [
                one.version,
                f"{one.uploaded_at:%Y-%m-%d}" if one.uploaded_at else None,
                f"{one.project_since:%Y-%m-%d}" if one.project_since else None,
            ]
            for one in tree.releases
        },
        "links": sorted({f"{link.source}>{link.target}" for link in tree.links}),
    }


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(record())
