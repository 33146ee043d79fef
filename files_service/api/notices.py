"""notices.*: the notices of an owner, and channels where it wants to be told of its cards and uploads."""

from __future__ import annotations

from marshmallow import ValidationError, fields, validate

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.bounded import BoundedList
from files_service.api.text import line
from files_service.core import Core
from files_service.domain.inbox import KEPT
from files_service.domain.notices import PERSONAL, Kind
from files_service.services.inbox import inbox
from files_service.services.notices import personal, trial
from storage_adapters import JSON

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z"


def _personal(kind: Kind) -> None:
    if kind not in PERSONAL:
        raise ValidationError(f"Must be one of {', '.join(sorted(PERSONAL))}.")


class OwnerParams(ParamsSchema):
    """Parameters of notices.channels."""

    owner = owner_field()


class ListParams(OwnerParams):
    """Parameters of notices.list."""

    limit = fields.Integer(
        strict=True, load_default=20, validate=validate.Range(1, KEPT), metadata={"description": "Most notices."}
    )
    cursor = fields.String(
        load_default=None, allow_none=True, validate=line(1, 40), metadata={"description": "next_cursor of a page."}
    )


class ReadParams(OwnerParams):
    """Parameters of notices.read."""

    notice_ids = BoundedList(
        fields.String(validate=line(1, 40)),
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, KEPT),
        metadata={"description": "Ids of the notices; null: all."},
    )


class ChannelParams(OwnerParams):
    """Parameters about one channel."""

    name = fields.String(
        required=True,
        validate=validate.Regexp(_NAME, error="Must be 1 to 32 of A-Z a-z 0-9 _ -"),
        metadata={"description": "Name of the channel."},
    )


class SetChannelParams(ChannelParams):
    """Parameters of notices.set_channel."""

    url = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, 500),
        metadata={"description": "Address of the channel, a secret; null: as it is."},
    )
    kinds = BoundedList(
        fields.Enum(Kind, by_value=True, validate=_personal),
        load_default=list,
        validate=validate.Length(0, len(PERSONAL)),
        metadata={"description": "Kinds of notices; none are all."},
    )
    quiet_hours = BoundedList(
        fields.Integer(strict=True, validate=validate.Range(0, 23)),
        load_default=None,
        allow_none=True,
        validate=validate.Length(equal=2),
        metadata={"description": "First hour and end of the quiet hours in UTC, like `[22, 7]`; null: none."},
    )


@action("notices.list", ListParams)
def list_notices(params: Params, core: Core) -> JSON:
    """Return one page of an owner's notices, the newest first, and the number of unread ones."""
    return inbox.list_notices(core, params["actor"], params["owner"], limit=params["limit"], cursor=params["cursor"])


@action("notices.read", ReadParams)
def read(params: Params, core: Core) -> JSON:
    """Mark notices of an owner as read; return the number of unread ones."""
    return inbox.read_notices(core, params["actor"], params["owner"], params["notice_ids"])


@action("notices.channels", OwnerParams)
def channels(params: Params, core: Core) -> JSON:
    """Return the channels of an owner without their addresses."""
    return personal.list_channels(core, params["actor"], params["owner"])


@action("notices.set_channel", SetChannelParams)
def set_channel(params: Params, core: Core) -> JSON:
    """Make a channel of an owner, or change one; the address is never shown again."""
    return personal.set_channel(
        core,
        params["actor"],
        params["owner"],
        params["name"],
        url=params["url"],
        kinds=params["kinds"],
        quiet_hours=params["quiet_hours"],
    )


@action("notices.remove_channel", ChannelParams)
def remove_channel(params: Params, core: Core) -> JSON:
    """Remove a channel of an owner; repeating the call is harmless."""
    return personal.remove_channel(core, params["actor"], params["owner"], params["name"])


@action("notices.test_channel", ChannelParams)
def test_channel(params: Params, core: Core) -> JSON:
    """Have the notifier send a test message to a channel of an owner."""
    return trial.try_channel(core, params["actor"], params["owner"], params["name"])
