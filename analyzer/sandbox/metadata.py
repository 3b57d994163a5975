"""The metadata services of clouds: what a machine there is asked for, answered with planted roles.

Shapes follow the providers' documentation (EC2 instance metadata v1 and v2, ECS task credentials,
Compute Engine metadata, Azure IMDS). Every credential is a canary of this run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from analyzer.sandbox.http import Request

LINK_LOCAL = "169.254.169.254"
"""AWS, Azure, Google and most others."""
CONTAINER = "169.254.170.2"
"""AWS ECS task credentials."""
ADDRESSES = frozenset({LINK_LOCAL, CONTAINER, "fd00:ec2::254"})
NAMES = {
    "metadata.google.internal": LINK_LOCAL,
    "metadata.goog": LINK_LOCAL,
    "metadata": LINK_LOCAL,
    "instance-data": LINK_LOCAL,
    "instance-data.ec2.internal": LINK_LOCAL,
}
"""Names that have these addresses wherever the service exists."""
TOKEN_HEADER = "x-aws-ec2-metadata-token"  # noqa: S105 - a header's name
ROLE = "app-worker-role"
_REGION = "eu-central-1"
_ACCOUNT = "482913057716"
_VERSION = re.compile(r"latest\Z|1\.0\Z|\d{4}-\d\d-\d\d\Z")
_EXPIRES = "2099-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP response, before it is written out."""

    body: bytes = b""
    kind: str = "text/plain"
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = ()


_MISSING = Reply(status="404 Not Found", kind="text/html", body=b"Not Found")
_REFUSED = Reply(status="403 Forbidden", kind="text/html", body=b"Forbidden")


def reply(request: Request, address: str, cloud: Mapping[str, str]) -> Reply:
    """What the service at `address` says. `cloud`: the planted credentials, by name."""
    path, _, query = request.target.partition("?")
    if path.startswith("http://"):  # sent as to a proxy
        path = "/" + path[7:].partition("/")[2]
    if address == CONTAINER:
        return _json(_aws_role(cloud, "ecs", code=False))
    if path.startswith("/computeMetadata/"):
        return _google(request, path, cloud)
    if path.startswith("/metadata/"):
        return _azure(request, path, query, cloud)
    return _amazon(request, path, cloud)


def _json(value: object) -> Reply:
    return Reply(body=json.dumps(value, indent=1).encode(), kind="application/json")


def _aws_role(cloud: Mapping[str, str], prefix: str, *, code: bool) -> dict[str, str]:
    start = {"Code": "Success", "LastUpdated": "2026-01-01T00:00:00Z", "Type": "AWS-HMAC"}
    return {
        **(start if code else {"RoleArn": f"arn:aws:iam::{_ACCOUNT}:role/{ROLE}"}),
        "AccessKeyId": cloud[f"{prefix}-id"],
        "SecretAccessKey": cloud[f"{prefix}-secret"],
        "Token": cloud[f"{prefix}-session"],
        "Expiration": _EXPIRES,
    }


def _identity(cloud: Mapping[str, str]) -> dict[str, str]:
    return {
        "accountId": _ACCOUNT,
        "architecture": "x86_64",
        "availabilityZone": f"{_REGION}a",
        "imageId": "ami-0b7fd829e7758b06d",
        "instanceId": cloud["instance"],
        "instanceType": "m6i.large",
        "privateIp": "10.0.2.15",
        "region": _REGION,
        "version": "2017-09-30",
    }


_AMAZON: dict[str, Callable[[Mapping[str, str]], Reply]] = {
    "": lambda _: Reply(body=b"dynamic\nmeta-data\nuser-data"),
    "user-data": lambda _: Reply(body=b"#!/bin/sh\nexit 0\n"),
    "meta-data": lambda _: Reply(
        body=b"ami-id\nhostname\niam/\ninstance-id\ninstance-type\nlocal-ipv4\nplacement/"
    ),
    "meta-data/iam": lambda _: Reply(body=b"info\nsecurity-credentials/"),
    "meta-data/iam/security-credentials": lambda _: Reply(body=ROLE.encode()),
    f"meta-data/iam/security-credentials/{ROLE}": lambda cloud: _json(
        _aws_role(cloud, "ec2", code=True)
    ),
    "meta-data/instance-id": lambda cloud: Reply(body=cloud["instance"].encode()),
    "meta-data/instance-type": lambda _: Reply(body=b"m6i.large"),
    "meta-data/local-ipv4": lambda _: Reply(body=b"10.0.2.15"),
    "meta-data/hostname": lambda _: Reply(body=b"ip-10-0-2-15.ec2.internal"),
    "meta-data/placement/region": lambda _: Reply(body=_REGION.encode()),
    "meta-data/placement/availability-zone": lambda _: Reply(body=f"{_REGION}a".encode()),
    "dynamic/instance-identity/document": lambda cloud: _json(_identity(cloud)),
}


def _amazon(request: Request, path: str, cloud: Mapping[str, str]) -> Reply:
    """IMDSv1 and v2: a token is given out, and asked for only where a wrong one is shown."""
    version, _, rest = path.strip("/").partition("/")
    if rest == "api/token":
        life = request.headers.get(f"{TOKEN_HEADER}-ttl-seconds", "")
        if request.method != "PUT" or not life:
            return Reply(status="400 Bad Request", kind="text/html")
        header = (f"{TOKEN_HEADER}-ttl-seconds", life[:8])
        return Reply(body=cloud["imds-session"].encode(), headers=(header,))
    shown = request.headers.get(TOKEN_HEADER, "")
    if shown and shown != cloud["imds-session"]:
        return Reply(status="401 Unauthorized", kind="text/html")
    if not version:
        return Reply(body=b"1.0\n2021-07-15\nlatest")
    found = _AMAZON.get(rest.strip("/")) if _VERSION.match(version) else None
    return found(cloud) if found else _MISSING


def _google(request: Request, path: str, cloud: Mapping[str, str]) -> Reply:
    flavour = ("Metadata-Flavor", "Google")
    if request.headers.get("metadata-flavor", "").lower() != "google":
        return _REFUSED
    place = path.removeprefix("/computeMetadata/v1").strip("/")
    account = "instance/service-accounts/default"
    token = {"access_token": cloud["gcp"], "expires_in": 3599, "token_type": "Bearer"}
    known: dict[str, Reply] = {
        "": Reply(body=b"instance/\noslogin/\nproject/\n"),
        "project/project-id": Reply(body=b"prod-data-314159"),
        "project/numeric-project-id": Reply(body=b"314159265358"),
        "instance/service-accounts": Reply(body=b"default/\n"),
        f"{account}/email": Reply(body=b"app@prod-data-314159.iam.gserviceaccount.com"),
        f"{account}/scopes": Reply(body=b"https://www.googleapis.com/auth/cloud-platform\n"),
        f"{account}/token": _json(token),
        "instance/zone": Reply(body=b"projects/314159265358/zones/europe-west3-b"),
        "instance/hostname": Reply(body=b"worker-1.c.prod-data-314159.internal"),
    }
    found = known.get(place, _MISSING)
    return Reply(body=found.body, kind=found.kind, status=found.status, headers=(flavour,))


def _azure(request: Request, path: str, query: str, cloud: Mapping[str, str]) -> Reply:
    if request.headers.get("metadata", "").lower() != "true":
        return Reply(status="400 Bad Request", kind="application/json", body=b"{}")
    if path.startswith("/metadata/identity/oauth2/token"):
        resource = "https://management.azure.com/" if "resource=" in query else ""
        token = {
            "access_token": cloud["azure"],
            "client_id": "5f1c6a3e-2b1d-4c7b-9a55-0c1e8f0d7b42",
            "expires_in": "86399",
            "expires_on": "4070908800",
            "resource": resource,
            "token_type": "Bearer",
        }
        return _json(token)
    if path.startswith("/metadata/instance"):
        compute = {"location": "westeurope", "name": "worker-1", "osType": "Linux", "vmSize": "D2s"}
        return _json({"compute": compute})
    return _MISSING
