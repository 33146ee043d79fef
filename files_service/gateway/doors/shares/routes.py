"""The table of ``/api/shares``."""

from __future__ import annotations

from files_service.domain.scopes import ADMIN, SHARES
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.doors.shares import links, policy
from files_service.gateway.openapi import TEXT, body_schema, json_body, parameters_of, query, reply
from files_service.gateway.routes import Door, Route, at

_SHARES, _SHARE = "/api/shares", "/api/shares/{share_id}"
_MAKE, _PAGE, _INFO = "Make a link to files.", "One page of links, the newest first.", "A link."
_UPDATE, _REVOKE = "Change a link, pause it, or make it active again.", "Revoke a link."
_EVENTS = "What visitors did lately, the newest first."
_RULE = "The policy."
_DONE, _MADE = {200: reply("The share.")}, {201: reply("The share.")}
_NEW = json_body({**body_schema("shares.create", without=("actor",)), "required": []})
_CHANGES = json_body(parameters_of("shares.update")["changes"])
_POLICY, _RULES = "/api/share-policy", json_body(parameters_of("shares.set_policy")["changes"])
_SHOW_POLICY = "The policy of a tenant for its links and versions."
_SET_POLICY = "Change the policy of a tenant for its links and versions."
_TENANT = query(tenant=TEXT)
_QUERY = query(owner=TEXT, limit={"type": "integer", "minimum": 1, "maximum": 100}, cursor=TEXT)

DOOR = Door(
    name="shares",
    match=at(_SHARES, f"{_SHARES}/", _POLICY),
    routes=(
        Route("POST", _SHARES, links.create, "create_share", _MAKE, _MADE, body=_NEW, scope=SHARES),
        Route("GET", _SHARES, links.list_shares, "shares", _PAGE, {200: reply(_PAGE)}, _QUERY, scope=SHARES),
        Route("GET", _SHARE, links.info, "share", _INFO, _DONE, scope=SHARES),
        Route("GET", f"{_SHARE}/events", links.events, "share_events", _EVENTS, {200: reply(_EVENTS)}, scope=SHARES),
        Route("PATCH", _SHARE, links.update, "update_share", _UPDATE, _DONE, body=_CHANGES, scope=SHARES),
        Route("DELETE", _SHARE, links.revoke, "revoke_share", _REVOKE, _DONE, scope=SHARES),
        Route("GET", _POLICY, policy.show, "share_policy", _SHOW_POLICY, {200: reply(_RULE)}, _TENANT, scope=SHARES),
        Route(
            "PATCH",
            _POLICY,
            policy.change,
            "set_share_policy",
            _SET_POLICY,
            {200: reply(_RULE)},
            _TENANT,
            body=_RULES,
            scope=ADMIN,
        ),
    ),
    authenticate=by_bearer_or_session,
    sessions=True,
    tag="shares",
    errors=(400, 401, 403, 404, 405, 408, 409, 413, 415, 417, 500, 501, 503),
)
