"""Which secret goes where by trade."""

from __future__ import annotations

import pytest

from analyzer.detectors.trade import belongs
from models.phase import Phase
from models.trace import Event, EventKind


def to(host: str, address: str = "203.0.113.7") -> Event:
    return Event(kind=EventKind.NET, phase=Phase.USE, at_us=0, host=host, address=address)


@pytest.mark.parametrize(
    ("kind", "variable", "host"),
    [
        ("aws-key", "", "s3.eu-central-1.amazonaws.com"),
        ("aws-key", "", "AMAZONAWS.com."),
        ("gcloud-token", "", "oauth2.googleapis.com"),
        ("kube-token", "", "k8s.corp.example"),
        ("docker-auth", "", "registry.corp.example"),
        ("npm-token", "", "npm.corp.example"),
        ("netrc-password", "", "git.corp.example"),
        ("git-credential", "", "api.github.com"),
        ("pypi-token", "", "upload.test"),
        ("huggingface-token", "", "huggingface.co"),
        ("azure-token", "", "login.microsoftonline.com"),
        ("github-token", "", "api.github.com"),
        ("agent-token", "", "api.anthropic.com"),
        ("env-token", "GITHUB_TOKEN", "api.github.com"),
        ("env-token", "AWS_SECRET_ACCESS_KEY", "sts.amazonaws.com"),
        ("env-token", "PYPI_TOKEN", "upload.test"),
        ("env-token", "OPENAI_API_KEY", "api.openai.com"),
        ("cloud-role", "", "sts.amazonaws.com"),
    ],
)
def test_belongs__to_its_own_service(kind: str, variable: str, host: str) -> None:
    assert belongs(kind, variable, to(host))


@pytest.mark.parametrize(
    ("kind", "variable", "host"),
    [
        ("aws-key", "", ""),
        ("aws-key", "", "evilamazonaws.com"),
        ("aws-key", "", "amazonaws.com.c2.test"),
        ("aws-key", "", "oauth2.googleapis.com"),
        ("ssh-key", "", "git.corp.example"),
        ("browser-store", "", "mail.corp.example"),
        ("wallet", "", "upload.test"),
        ("dotenv-secret", "", "db.corp.example"),
        ("kube-token", "", "git.corp.example"),
        ("env-token", "", "api.github.com"),
        ("env-token", "GITHUB_TOKEN", "upload.test"),
        ("env-token", "OPENAI_API_KEY", "api.github.com"),
        ("unknown", "", "api.github.com"),
    ],
)
def test_belongs__nowhere_else(kind: str, variable: str, host: str) -> None:
    assert not belongs(kind, variable, to(host))


def test_belongs__a_roles_credentials_to_who_gave_them() -> None:
    assert belongs("cloud-role", "", to("", "169.254.169.254"))
    assert not belongs("aws-key", "", to("", "169.254.169.254"))
