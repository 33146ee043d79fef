"""shares.create, shares.list, shares.info, shares.events, shares.update, shares.revoke."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from files_service.api.action import Params, ParamsSchema, action, file_id_field, owner_field
from files_service.api.fields import OPTIONAL, Strict, StrictBoolean, choice, integer, several, string
from files_service.api.parameters import flag, request_id_field
from files_service.api.text import line, text
from files_service.core import Core
from files_service.domain.shares import MAX_ITEMS, MAX_PASSWORD, MIN_PASSWORD, ShareKind, ShareState
from files_service.services.shares import ownership
from storage_adapters import JSON

_STATES = [ShareState.ACTIVE, ShareState.PAUSED]


def _items(**arguments: Any) -> fields.List[str]:
    description = f"Ids of the owner's files, at most {MAX_ITEMS}; or none with a path."
    return several(file_id_field(required=False), description, 0, MAX_ITEMS, **arguments)


def _versions(**arguments: Any) -> fields.Dict:
    return fields.Dict(
        keys=file_id_field(required=False),
        values=fields.String(validate=line(1, 40)),
        validate=validate.Length(0, MAX_ITEMS),
        metadata={"description": "Id of the version that is shown of a file in `items`, by the id of the file."},
        **arguments,
    )


def _path(**arguments: Any) -> fields.String:
    description = "Folder of the owner: its files are shown, or files are taken there; null: none."
    return string(description, line(1, 1_024), allow_none=True, **arguments)


def _text(description: str, most: int, **arguments: Any) -> fields.String:
    return string(description, text(0, most), **arguments)


def _number(description: str, least: int = 0, **arguments: Any) -> fields.Integer:
    return integer(description, least, allow_none=True, **arguments)


def _password(**arguments: Any) -> fields.String:
    return fields.String(
        allow_none=True,
        validate=validate.Length(
            MIN_PASSWORD, MAX_PASSWORD, error=f"Must be {MIN_PASSWORD} to {MAX_PASSWORD} characters long."
        ),
        metadata={"description": "Password that visitors must give; null: none.", "format": "password"},
        **arguments,
    )


_LABEL, _TITLE, _MESSAGE = "Name for the owner alone.", "Title of the page.", "Text on the page."
_STARTS, _EXPIRES = "Time from which the link opens; null: at once.", "Time at which it closes; null: never."
_MOST, _NOTIFY = "Number of downloads; null: any.", "Announce downloads and uploads by the event `share_used`."
_METADATA = "Show description, tags and time of the upload."
_ALLOW = "Allow downloads; else the page shows previews alone."

_KIND = "`view`: visitors read files; `collect`: they also add files; `drop`: they add files and see none."
_NAME = "Take files only with the name of their sender."
_FILES, _BYTES = "Number of files that visitors may add; null: any.", "Bytes that visitors may add; null: any."
_ADDRESS = "Number of files from one address within 24 hours; null: any."


class CreateParams(ParamsSchema):
    """Parameters of shares.create."""

    owner = owner_field()
    kind = choice(ShareKind, _KIND, load_default=ShareKind.VIEW)
    items = _items(load_default=list)
    versions = _versions(load_default=dict)
    path = _path(load_default=None)
    label = _text(_LABEL, 100, load_default="")
    title = _text(_TITLE, 200, load_default="")
    message = _text(_MESSAGE, 2_000, load_default="")
    password = _password(load_default=None)
    starts_at = _number(_STARTS, load_default=None)
    expires_at = _number(f"{_EXPIRES} Absent: by the policy of the tenant.")
    max_downloads = _number(_MOST, 1, load_default=None)
    allow_download = flag(_ALLOW, default=True)
    show_metadata = flag(_METADATA)
    notify = flag(_NOTIFY)
    require_name = flag(_NAME)
    max_files = _number(_FILES, 1, load_default=None)
    max_bytes = _number(_BYTES, 1, load_default=None)
    max_files_per_address = _number(_ADDRESS, 1, load_default=None)
    request_id = request_id_field("Idempotency key: repeating the call with it returns the same share.")


class ListParams(ParamsSchema):
    """Parameters of shares.list."""

    owner = owner_field()
    limit = integer("Size of the page.", 1, 100, load_default=20)
    cursor = string("next_cursor of a page.", line(1, 100), **OPTIONAL)


class ShareParams(ParamsSchema):
    """Parameters of shares.info, shares.events and shares.revoke."""

    share_id = string("Id of the share.", line(1, 64), required=True)


class ShareChanges(Strict):
    """Fields of a share to set; what is absent stays."""

    items = _items()
    versions = _versions()
    path = _path()
    label = _text(_LABEL, 100)
    title = _text(_TITLE, 200)
    message = _text(_MESSAGE, 2_000)
    password = _password()
    starts_at = _number(_STARTS)
    expires_at = _number(_EXPIRES)
    max_downloads = _number(_MOST, 1)
    allow_download = StrictBoolean(metadata={"description": _ALLOW})
    show_metadata = StrictBoolean(metadata={"description": _METADATA})
    notify = StrictBoolean(metadata={"description": _NOTIFY})
    require_name = StrictBoolean(metadata={"description": _NAME})
    max_files = _number(_FILES, 1)
    max_bytes = _number(_BYTES, 1)
    max_files_per_address = _number(_ADDRESS, 1)
    state = choice(
        ShareState,
        "`active` or `paused`.",
        validate=validate.OneOf(_STATES, error="Must be active or paused; shares.revoke revokes."),
    )


class UpdateParams(ShareParams):
    """Parameters of shares.update."""

    changes = fields.Nested(ShareChanges, required=True, metadata={"description": "Fields to set."})


@action("shares.create", CreateParams)
def create(params: Params, core: Core) -> JSON:
    """Make a link to files of an owner; private ones become ``shared``."""
    return ownership.create_share(core, params["actor"], params["owner"], params)


@action("shares.list", ListParams)
def list_shares(params: Params, core: Core) -> JSON:
    """Return one page of an owner's shares, the newest first."""
    return ownership.list_shares(core, params["actor"], params["owner"], limit=params["limit"], after=params["cursor"])


@action("shares.info", ShareParams)
def info(params: Params, core: Core) -> JSON:
    """Return a share."""
    return ownership.share_info(core, params["actor"], params["share_id"])


@action("shares.events", ShareParams)
def events(params: Params, core: Core) -> JSON:
    """Return what visitors did with a share lately, the newest first."""
    return ownership.share_events(core, params["actor"], params["share_id"])


@action("shares.update", UpdateParams)
def update(params: Params, core: Core) -> JSON:
    """Change a share, pause it, or make it active again."""
    return ownership.update_share(core, params["actor"], params["share_id"], params["changes"])


@action("shares.revoke", ShareParams)
def revoke(params: Params, core: Core) -> JSON:
    """Close a link and end all its downloads; repeating the call is harmless."""
    return ownership.revoke_share(core, params["actor"], params["share_id"])
