"""Which secret goes where by trade: an SDK that is used sends its own service's key to its own service."""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.detectors.metadata_service import is_metadata_service
from models.trace import Event

AWS = (".amazonaws.com", ".amazonaws.com.cn", ".aws.dev", ".api.aws")
GOOGLE = (".googleapis.com", ".google.com", ".googleusercontent.com", ".gcr.io")
AZURE = (".azure.com", ".windows.net", ".microsoftonline.com")
GIT = (".github.com", ".githubusercontent.com", ".gitlab.com", ".bitbucket.org")
AGENTS = (".anthropic.com", ".claude.ai", ".openai.com", ".chatgpt.com", ".cursor.com")
COMPANY = ".corp.example"
"""Where the decoys that name a server say it is (`analyzer.sandbox.decoys`), and the hosts that P4
gives as arguments. Nobody can own a name below `.example` (RFC 2606)."""
UPLOAD = ("upload.", "test-upload.")
"""Beginnings of the hosts that indexes take uploads at."""
_BY_KIND: Mapping[str, tuple[str, ...]] = {
    "agent-token": (*AGENTS, *GOOGLE, *GIT),
    "aws-key": AWS,
    "azure-token": AZURE,
    "cargo-token": (".crates.io",),
    "chat-session": (".slack.com", ".discord.com", ".telegram.org"),
    "cloud-role": (*AWS, *GOOGLE, *AZURE),
    "docker-auth": (".docker.io", ".docker.com", f".registry{COMPANY}"),
    "gcloud-token": GOOGLE,
    "git-credential": (*GIT, f".git{COMPANY}"),
    "github-token": GIT,
    "gitlab-token": GIT,
    "huggingface-token": (".huggingface.co", ".hf.co"),
    "kube-token": (f".k8s{COMPANY}",),
    "netrc-password": (f".git{COMPANY}",),
    "npm-token": (f".npm{COMPANY}", ".npmjs.org", ".npmjs.com"),
    "terraform-token": (".terraform.io",),
}
"""Kind of a planted value → suffixes of the hosts that it belongs to."""
_BY_VARIABLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AWS_", AWS),
    ("AZURE_", AZURE),
    ("GOOGLE_", GOOGLE),
    ("GEMINI_", GOOGLE),
    ("GITHUB_", GIT),
    ("GH_", GIT),
    ("GITLAB_", GIT),
    ("OPENAI_", (".openai.com",)),
    ("ANTHROPIC_", (".anthropic.com",)),
    ("HF_", (".huggingface.co", ".hf.co")),
    ("HUGGING", (".huggingface.co", ".hf.co")),
    ("SLACK_", (".slack.com",)),
    ("STRIPE_", (".stripe.com",)),
    ("NPM_", (f".npm{COMPANY}", ".npmjs.org", ".npmjs.com")),
)
"""Beginning of a planted variable's name → suffixes of the hosts that it belongs to."""
_TO_UPLOAD = ("pypi-token",)


def was_given(event: Event) -> bool:
    """Whether a host is one that P4 itself told the package to go to, and so is no stranger."""
    return f".{event.host.rstrip('.').lower()}".endswith(COMPANY)


def belongs(kind: str, variable: str, event: Event) -> bool:
    """Whether a planted value of `kind` (in `variable`) goes to `event`'s host by trade.

    A host that a name points to counts by that name: which addresses a service has is not known here.
    """
    if kind == "cloud-role" and is_metadata_service(event):
        return True
    host = event.host.rstrip(".").lower()
    if not host:
        return False
    if host.startswith(UPLOAD) and (kind in _TO_UPLOAD or variable.startswith(("PYPI_", "TWINE_"))):
        return True
    suffixes = _BY_KIND.get(kind, ())
    for beginning, hosts in _BY_VARIABLE:
        suffixes += hosts if variable.startswith(beginning) else ()
    return f".{host}".endswith(suffixes) if suffixes else False
