"""notices.*: the notices of an owner, and channels where it wants to be told of its cards and uploads."""

from __future__ import annotations

from marshmallow import ValidationError, fields, validate

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.fields import OPTIONAL, BoundedList, integer, several, string
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

    limit = integer("Most notices.", 1, KEPT, load_default=20)
    cursor = string("next_cursor of a page.", line(1, 40), **OPTIONAL)


class ReadParams(OwnerParams):
    """Parameters of notices.read."""

    notice_ids = several(fields.String(validate=line(1, 40)), "Ids of the notices; null: all.", 1, KEPT, **OPTIONAL)


class ChannelParams(OwnerParams):
    """Parameters about one channel."""

    name = string(
        "Name of the channel.", validate.Regexp(_NAME, error="Must be 1 to 32 of A-Z a-z 0-9 _ -"), required=True
    )


class SetChannelParams(ChannelParams):
    """Parameters of notices.set_channel."""

    url = string("Address of the channel, a secret; null: as it is.", validate.Length(1, 500), **OPTIONAL)
    kinds = several(
        fields.Enum(Kind, by_value=True, validate=_personal),
        "Kinds of notices; none are all.",
        0,
        len(PERSONAL),
        load_default=list,
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
