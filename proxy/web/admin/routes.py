"""Where each page is: addresses and handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from proxy.web.admin.audit import Audit
from proxy.web.admin.frame import Frame
from proxy.web.admin.installed import Installed
from proxy.web.admin.overrides import Overrides
from proxy.web.admin.overview import Overview
from proxy.web.admin.policy import PolicyPages
from proxy.web.admin.projects import Projects
from proxy.web.admin.queue import Queue
from proxy.web.admin.requests import Requests
from proxy.web.admin.tokens import Tokens
from proxy.web.admin.trial import TrialPage, Trials
from proxy.web.admin.workers import Workers
from proxy.web.api.routes import add_api
from proxy.web.health import Health
from proxy.web.home import Home
from proxy.web.served import served

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_admin(app: web.Application, frame: Frame, home: Home, health: Health) -> None:
    """Add every page for people to the application."""
    queue, projects, overrides = Queue(frame), Projects(frame), Overrides(frame)
    audit, workers, tokens, policy = Audit(frame), Workers(frame), Tokens(frame), PolicyPages(frame)
    requests, trials = Requests(frame), Trials(frame)
    # The overview decides itself who sees it: whoever may install and no more sees how to.
    add_api(app, frame, trials)
    app.router.add_get("/", served("home", frame.guarded(Overview(frame, home, health).page)))
    for name, path, page in (
        ("queue", "/queue", queue.page),
        ("projects_page", "/projects", projects.search),
        ("project_page", "/projects/{project}", projects.project),
        ("release_page", "/projects/{project}/{version}", projects.release),
        ("policy", "/policy", policy.page),
        ("policy_past", "/policy/{digest}", policy.past),
        ("overrides", "/overrides", overrides.page),
        ("requests", "/requests", requests.page),
        ("request", "/requests/{request_id}", requests.one),
        ("ask", "/v/{decision_id}/request", requests.ask_page),
        ("turned", "/installed", Installed(frame).turned),
        ("installed", "/installed/{sha256}", Installed(frame).page),
        ("audit", "/audit", audit.page),
        ("workers", "/workers", workers.page),
        ("tokens", "/tokens", tokens.page),
    ):
        app.router.add_get(path, served(name, frame.guarded(page)))
    for name, path, page in (
        ("review", "/queue/{decision_id}", queue.decide),
        ("policy_put", "/policy", policy.put),
        ("policy_restore", "/policy/documents/{number}/restore", policy.restore),
        ("policy_check", "/policy/check", policy.check),
        ("policy_trial", "/policy/trial", TrialPage(frame, trials, policy).page),
        ("asked", "/v/{decision_id}/request", requests.ask),
        ("request_answer", "/requests/{request_id}", requests.answer),
        ("override_add", "/overrides", overrides.add),
        ("override_end", "/overrides/{override_id}/end", overrides.end),
        ("audit_verify", "/audit/verify", audit.verify),
        ("worker_distrust", "/workers/{name}/distrust", workers.distrust),
        ("token_add", "/tokens", tokens.create),
        ("token_revoke", "/tokens/{token_id}/revoke", tokens.revoke),
    ):
        app.router.add_post(path, served(name, frame.guarded(page)))
