"""The table of ``/api/cards``, ``/api/card-sessions`` and ``/api/files/known``."""

from __future__ import annotations

from files_service.domain.scopes import READ, WRITE
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.doors.cards import handlers
from files_service.gateway.openapi import TEXT, body_schema, json_body, query, reply
from files_service.gateway.routes import Door, Route, at
from storage_adapters import JSON

_CARDS, _CARD, _SESSIONS = "/api/cards", "/api/cards/{card_id}", "/api/card-sessions"
_SESSION, _KNOWN = "/api/card-sessions/{session_id}", "/api/files/known"
_INSERTED, _PERMIT, _LIST = "Note that a card was inserted.", "Allow or ignore a card.", "One page of cards."
_BEGIN, _ADD = "Begin a session of a card, or go on with one.", "Tell what came of files of the card."
_PROGRESS, _VERIFY = "Tell the state of a session.", "Read all copies again; a worker does it."
_INFO, _PAGE, _FILES = "A session with its verdict.", "One page of sessions, the newest first.", "Files of a session."
_RECEIPT = "The verdict on a card, signed."
_MANIFEST = "The files of a session as a manifest of the ASC Media Hash List."
_KNOWN_FILES = "Files that cards have brought before, found by fast key, size and path."


def _body(method: str, *without: str) -> JSON:
    schema = body_schema(method, without=("actor", *without))
    return json_body({**schema, "required": [each for each in schema.get("required", []) if each != "owner"]})


def _limit(most: int) -> JSON:
    return {"type": "integer", "minimum": 1, "maximum": most}


_QUERY = query(owner=TEXT, limit=_limit(100), cursor=TEXT)
_OF_SESSION, _SOME = {200: reply("The session.")}, {200: reply(_PAGE)}

DOOR = Door(
    name="cards",
    match=at(_CARDS, f"{_CARDS}/", _SESSIONS, f"{_SESSIONS}/", _KNOWN),
    routes=(
        Route(
            "POST",
            _CARDS,
            handlers.inserted,
            "insert_card",
            _INSERTED,
            {200: reply("The card, and its last session.")},
            body=_body("cards.inserted"),
            scope=WRITE,
        ),
        Route("GET", _CARDS, handlers.list_cards, "cards", _LIST, {200: reply(_LIST)}, _QUERY, scope=READ),
        Route(
            "PUT",
            _CARD,
            handlers.permit,
            "permit_card",
            _PERMIT,
            {200: reply("The card.")},
            body=_body("cards.permit", "card_id"),
            scope=WRITE,
        ),
        Route(
            "POST",
            f"{_CARD}/sessions",
            handlers.begin,
            "begin_card_session",
            _BEGIN,
            {201: reply("The session.")},
            body=_body("cards.begin", "card_id"),
            scope=WRITE,
        ),
        Route("GET", _SESSIONS, handlers.list_sessions, "card_sessions", _PAGE, _SOME, _QUERY, scope=READ),
        Route("GET", _SESSION, handlers.session, "card_session", _INFO, _OF_SESSION, scope=READ),
        Route(
            "POST",
            _SESSION,
            handlers.progress,
            "progress_card_session",
            _PROGRESS,
            _OF_SESSION,
            body=_body("cards.progress", "session_id"),
            scope=WRITE,
        ),
        Route(
            "POST",
            f"{_SESSION}/files",
            handlers.add,
            "add_card_files",
            _ADD,
            _OF_SESSION,
            body=_body("cards.add", "session_id"),
            scope=WRITE,
        ),
        Route(
            "GET",
            f"{_SESSION}/files",
            handlers.list_files,
            "card_files",
            _FILES,
            {200: reply(_FILES)},
            query(limit=_limit(1_000), cursor=TEXT),
            scope=READ,
        ),
        Route(
            "POST",
            f"{_SESSION}/verify",
            handlers.verify,
            "verify_card_session",
            _VERIFY,
            {202: reply("The session.")},
            scope=WRITE,
        ),
        Route(
            "GET",
            f"{_SESSION}/receipt",
            handlers.receipt,
            "card_receipt",
            _RECEIPT,
            {200: reply(_RECEIPT)},
            scope=READ,
        ),
        Route(
            "GET",
            f"{_SESSION}/mhl",
            handlers.manifest,
            "card_manifest",
            _MANIFEST,
            {200: reply(_MANIFEST)},
            query(generation=_limit(9_999)),
            scope=READ,
        ),
        Route(
            "POST",
            _KNOWN,
            handlers.known,
            "known_files",
            _KNOWN_FILES,
            {200: reply(_KNOWN_FILES)},
            body=_body("files.known"),
            scope=READ,
        ),
    ),
    authenticate=by_bearer_or_session,
    sessions=True,
    tag="cards",
    errors=(400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 417, 500, 501, 503, 507),
)
