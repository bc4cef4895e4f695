"""All routes, and who may use each."""

from __future__ import annotations

from console.pages import (
    campaigns,
    dead_letters,
    operations,
    plan_asking,
    plan_rows,
    plans,
    product,
    runs,
    sign_in,
    tokens,
)
from console.route import Page
from console.security.identity import Role

_LOOK = (Role.VIEWER,)
_PLAN = (Role.PLANNER,)
_APPROVE = (Role.APPROVER,)
_OPERATE = (Role.OPERATOR,)
_STEER = runs.STEERERS

PAGES = (
    Page("GET", "/", sign_in.home),
    Page("GET", "/login", sign_in.show_sign_in, is_public=True),
    Page("POST", "/login", sign_in.sign_in, is_public=True),
    Page("GET", "/oidc/begin", sign_in.begin_elsewhere, is_public=True),
    Page("GET", "/oidc/end", sign_in.end_elsewhere, is_public=True),
    Page("POST", "/logout", sign_in.sign_out),
    Page("GET", "/tokens", tokens.list_tokens),
    Page("POST", "/tokens", tokens.make_token),
    Page("POST", "/tokens/{token}/revoke", tokens.revoke_token),
    Page("GET", "/a/{account}/campaigns", campaigns.list_campaigns, _LOOK),
    Page("GET", "/a/{account}/products", product.show_product, _LOOK),
    Page("GET", "/a/{account}/plans/new", plan_asking.show_form, _PLAN),
    Page("POST", "/a/{account}/plans", plan_asking.ask, _PLAN),
    Page("GET", "/a/{account}/plans/{plan}", plans.show_plan, _LOOK),
    Page("GET", "/a/{account}/plans/{plan}/progress", plans.show_progress, _LOOK),
    Page("GET", "/a/{account}/plans/{plan}/rows", plan_rows.show_rows, _LOOK),
    Page("POST", "/a/{account}/plans/{plan}/ticks", plan_rows.change_ticks, _PLAN),
    Page("POST", "/a/{account}/plans/{plan}/without", plan_rows.plan_without, _PLAN),
    Page("GET", "/a/{account}/plans/{plan}/files/{file}", plans.download, _LOOK),
    Page("POST", "/a/{account}/plans/{plan}/again", plan_asking.ask_again, _PLAN),
    Page("POST", "/a/{account}/plans/{plan}/approve", plans.approve, _APPROVE),
    Page("POST", "/a/{account}/plans/{plan}/send-back", plans.send_back, _APPROVE),
    Page("POST", "/a/{account}/plans/{plan}/apply", plans.apply, _PLAN),
    Page("POST", "/a/{account}/plans/{plan}/withdraw", plans.withdraw, _PLAN),
    Page("GET", "/a/{account}/runs/{run}", runs.show_run, _LOOK),
    Page("GET", "/a/{account}/runs/{run}/report", runs.report, _LOOK),
    Page("POST", "/a/{account}/runs/{run}/pause", runs.pause, _STEER),
    Page("POST", "/a/{account}/runs/{run}/resume", runs.resume, _STEER),
    Page("POST", "/a/{account}/runs/{run}/cancel", runs.cancel, _STEER),
    Page("POST", "/a/{account}/runs/{run}/set", runs.set_pace, _STEER),
    Page("POST", "/a/{account}/runs/{run}/retry", runs.retry, _PLAN),
    Page("POST", "/a/{account}/runs/{run}/undo", runs.undo, _PLAN),
    Page("GET", "/a/{account}/operations", operations.show_operations, _LOOK),
    Page("POST", "/a/{account}/lanes/{lane}/pause", operations.pause_lane, _OPERATE),
    Page("POST", "/a/{account}/lanes/{lane}/resume", operations.resume_lane, _OPERATE),
    Page("GET", "/a/{account}/jobs", operations.find_job, _LOOK),
    Page("GET", "/a/{account}/audit", operations.show_audit, _LOOK),
    Page("GET", "/a/{account}/dead", dead_letters.list_dead, _LOOK),
    Page("GET", "/a/{account}/dead/{job}", dead_letters.show_dead, _LOOK),
    Page("POST", "/a/{account}/dead/{job}/retry", dead_letters.retry, _OPERATE),
    Page("POST", "/a/{account}/dead/{job}/settle", dead_letters.settle, _OPERATE),
    Page("POST", "/a/{account}/dead/{job}/discard", dead_letters.discard, _OPERATE),
)
