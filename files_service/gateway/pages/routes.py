"""The doors of the pages: HTML for owners with a session and for strangers, and the stream of events."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.cors import READ_EXPOSED, Cors
from files_service.gateway.openapi import ANY_BYTES, JSON_TYPE, TEXT, parameter, reply
from files_service.gateway.pages import (
    activity,
    assets,
    cards,
    links,
    listing,
    people,
    photos,
    reference,
    session,
    settings,
    share,
    style,
    trash,
    versions,
)
from files_service.gateway.pages.admin.routes import ROUTES as ADMIN
from files_service.gateway.pages.events import FEED, MAX_PAGES, PAGES, events
from files_service.gateway.pages.feed import Feed
from files_service.gateway.pages.refusals import page_or_json
from files_service.gateway.routes import Door, Route, at
from files_service.runtime.limiter import Limiter
from storage_adapters import JSON


def _page(description: str) -> JSON:
    return reply(description, TEXT, "text/html")


async def _close(app: web.Application) -> None:
    await app[FEED].close()


_COMPONENTS, _THEMES = "The components of the pages; in development alone.", "Both themes beside each other, for it."
_INDEX, _REFERENCE = "The page of one's own files.", "This description, for people."
_REFUSED: JSON = {
    "description": "A refusal: a page, and for a program with a token an error.",
    "content": {**_page("")["content"], **reply("")["content"]},
}
_SHARED: dict[int, JSON] = {
    200: {"description": "The page, or the bytes.", "content": {**_page("")["content"], **ANY_BYTES}},
    **dict.fromkeys((400, 403, 404, 410, 412, 500, 501, 503), _REFUSED),
}
_SHARE_QUERY = [
    parameter("file_id", "path", description="The file."),
    parameter("raw", "query", description="1: the bytes instead of the page."),
]
_CARDS, _SESSION = "The page of one's own memory cards.", "The page of a session of a card."
_TO_SIGN_IN: JSON = {"description": "To `/`, for whoever is not signed in."}
_SIGN_IN = "The forms for signing in; opening them uses no link up."
_BY_FORM = "Sign in by name and password, or by the code of a link; sent by the pages."
_FAULTS = "What is wrong with the form, beside it; for a form of another site, an error."
_EITHER: JSON = {"description": _FAULTS, "content": {**_page("")["content"], **reply("")["content"]}}
_SENT: dict[int, JSON] = {
    200: _page("A question first: the link would replace another session."),
    303: {"description": "Done; to another page."},
    **dict.fromkeys((400, 401, 403, 409, 429, 501, 503), _EITHER),
}
_SENT_ERRORS = (404, 408, 413, 417, 500)
_FORM = {200: _page("The form; opening it uses no code up.")}
_SIGNED_OUT: dict[int, JSON] = {303: {"description": "To `/`."}}
_PHOTOS = "The page of one's own pictures and videos, by month."
_OWN: dict[int, JSON] = {303: _TO_SIGN_IN}
_LINKS = "The page of one's own links."
_ACTIVITY = "The page of one's own notices, of jobs, and of what visitors did with links."
_SETTINGS = "The page of one's own storage, sign-in and keys."
_TRASH = "The page of one's own trash."
_CHOSEN: dict[int, JSON] = {
    303: {"description": "Done; back to the list."},
    **dict.fromkeys((400, 401, 403), reply("A form of another site, or none.")),
}
_SHARE, _STATIC = "What a shared link shows.", "A script or the style of the pages."
_ASSET: dict[int, JSON] = {200: {"description": "The file.", "content": ANY_BYTES}}
_ASSET_NAME = [parameter("name", "path", description="The name of the file.")]
_EVENTS = "What changes of the owner's files, as it happens."
_STREAM = {200: reply("Events, until the client goes.", TEXT, "text/event-stream")}

_TO = [parameter("to", "query", description="The page to go to afterwards, one of ours.")]
_FORMS_OF_ERRORS = (JSON_TYPE, "text/html")
_VERSIONS = "The page of the versions of one's own file."
_PLACES = ("/activity", "/admin", "/admin/", "/cards", "/photos", "/settings", "/shared", "/trash")
_FORMS = ("/delete", "/join", "/reset", "/restore", "/sign-in", "/sign-out")
_DELETE, _RESTORE = "Move files to the trash.", "Take files out of the trash."

DOOR = Door(
    name="pages",
    match=at("/", "/cards/", "/download/", "/versions/", *_PLACES, *_FORMS),
    routes=(
        Route("GET", "/", listing.index, "index", _INDEX, {200: _page(_INDEX)}, tag="operation"),
        Route("GET", "/cards", cards.cards, "cards_page", _CARDS, {200: _page(_CARDS), 303: _TO_SIGN_IN}),
        Route(
            "GET",
            "/cards/{session_id}",
            cards.card_session,
            "card_session_page",
            _SESSION,
            {200: _page(_SESSION), 303: _TO_SIGN_IN, 404: _page("There is no such session of one's own.")},
        ),
        Route("GET", "/photos", photos.photos, "photos_page", _PHOTOS, {200: _page(_PHOTOS), 303: _TO_SIGN_IN}),
        Route("GET", "/shared", links.links, "links_page", _LINKS, {200: _page(_LINKS), 303: _TO_SIGN_IN}),
        Route("GET", "/activity", activity.activity, "activity_page", _ACTIVITY, _OWN | {200: _page(_ACTIVITY)}),
        Route("GET", "/settings", settings.settings, "settings_page", _SETTINGS, _OWN | {200: _page(_SETTINGS)}),
        Route("GET", "/trash", trash.trash, "trash_page", _TRASH, {200: _page(_TRASH), 303: _TO_SIGN_IN}),
        Route("POST", "/delete", trash.delete, "delete_by_form", _DELETE, _CHOSEN, errors=_SENT_ERRORS),
        Route("POST", "/restore", trash.restore, "restore_by_form", _RESTORE, _CHOSEN, errors=_SENT_ERRORS),
        *ADMIN,
        Route(
            "GET",
            "/versions/{file_id}",
            versions.versions,
            "versions_page",
            _VERSIONS,
            {200: _page(_VERSIONS), 303: _TO_SIGN_IN, 404: _page("There is no such file of one's own.")},
        ),
        Route("GET", "/download/{file_id}", share.share, "share_page", _SHARE, _SHARED, _SHARE_QUERY, errors=()),
        Route("GET", "/sign-in", session.sign_in, "sign_in", _SIGN_IN, {200: _page("The forms.")}, _TO),
        Route("POST", "/sign-in", session.signed_in, "switch", _BY_FORM, _SENT, errors=_SENT_ERRORS),
        Route("GET", "/join", people.join, "join_page", "The form that makes an account.", _FORM),
        Route("POST", "/join", people.joined, "join", "Make an account and sign in.", _SENT, errors=_SENT_ERRORS),
        Route("GET", "/reset", people.reset, "reset_page", "The form that sets a password.", _FORM),
        Route("POST", "/reset", people.was_reset, "reset", "Set a password by the code.", _SENT, errors=_SENT_ERRORS),
        Route("POST", "/sign-out", session.sign_out, "sign_out", "Forget the cookie.", _SIGNED_OUT),
    ),
    sessions=True,
    error_form=page_or_json,
    error_types=_FORMS_OF_ERRORS,
    tag="pages",
    errors=(400, 404, 500),
)
DOCS_DOOR = Door(
    name="docs",
    match=at("/docs", "/docs/"),
    routes=(
        Route("GET", "/docs", reference.docs, "docs", _REFERENCE, {200: _page(_REFERENCE)}),
        Route("GET", "/docs/style", style.components, "style_page", _COMPONENTS, {200: _page(_COMPONENTS)}),
        Route("GET", "/docs/style.css", style.themes, "style_themes", _THEMES, {200: reply(_THEMES, TEXT, "text/css")}),
    ),
    sessions=True,
    error_form=page_or_json,
    error_types=_FORMS_OF_ERRORS,
    tag="operation",
    errors=(400, 404, 500),
)
STATIC_DOOR = Door(
    name="static",
    match=at("/static/"),
    routes=(Route("GET", "/static/{name}", assets.static, "static", _STATIC, _ASSET, _ASSET_NAME),),
    tag="pages",
    errors=(400, 404, 500),
)
# Stands before the REST door, to which the other addresses below /api/ belong.
EVENTS_DOOR = Door(
    name="events",
    match=at("/api/events"),
    routes=(Route("GET", "/api/events", events, "events", _EVENTS, _STREAM),),
    authenticate=by_bearer_or_session,
    cors=Cors("", READ_EXPOSED, embeddable=True),
    sessions=True,
    state={FEED: Feed, PAGES: lambda _: Limiter("open pages", MAX_PAGES)},
    close=_close,
    tag="pages",
    errors=(400, 401, 403, 500, 501, 503),
)
