"""Methods of notices: one typed method per API method, with its parameters and results."""

from __future__ import annotations

from typing import Any, Required, TypedDict, Unpack

from files_service.client.caller import Caller
from files_service.client.parameters import OwnerPageParams, OwnerParams


class ReadParams(OwnerParams, total=False):
    """notices.read."""

    notice_ids: list[str] | None


class Notice(TypedDict):
    """News of one kind about one thing; ``name`` and ``facts`` are of the last."""

    notice_id: str
    kind: str
    at: int
    about: str
    name: str
    count: int
    bytes: int
    file_ids: list[str]
    facts: dict[str, Any]
    read: bool


class NoticePage(TypedDict):
    """notices.list."""

    notices: list[Notice]
    next_cursor: str | None
    unread: int


class Unread(TypedDict):
    """notices.read."""

    unread: int


class ChannelParams(OwnerParams, total=False):
    """notices.remove_channel, notices.test_channel."""

    name: Required[str]


class SetChannelParams(ChannelParams, total=False):
    """notices.set_channel."""

    url: str | None
    kinds: list[str]
    quiet_hours: list[int] | None


class Channel(TypedDict):
    """A channel, without its address."""

    owner: str
    name: str
    service: str
    kinds: list[str]
    quiet_hours: list[int] | None
    created_at: int
    updated_at: int


class Channels(TypedDict):
    """notices.channels."""

    channels: list[Channel]
    services: list[str]


class RemovedChannel(TypedDict):
    """notices.remove_channel."""

    name: str
    removed: bool


class NoticeMethods(Caller):
    """Notices of an owner, and channels where it wants to be told of its cards and uploads."""

    def list(self, **given: Unpack[OwnerPageParams]) -> NoticePage:
        """Return one page of an owner's notices, the newest first, and the number of unread ones."""
        return self._call("notices.list", given)

    def read(self, **given: Unpack[ReadParams]) -> Unread:
        """Mark notices of an owner as read; return the number of unread ones."""
        return self._call("notices.read", given)

    def channels(self, **given: Unpack[OwnerParams]) -> Channels:
        """Return the channels of an owner without their addresses."""
        return self._call("notices.channels", given)

    def set_channel(self, **given: Unpack[SetChannelParams]) -> Channel:
        """Make a channel of an owner, or change one; the address is never shown again."""
        return self._call("notices.set_channel", given)

    def remove_channel(self, **given: Unpack[ChannelParams]) -> RemovedChannel:
        """Remove a channel of an owner; repeating the call is harmless."""
        return self._call("notices.remove_channel", given)

    def test_channel(self, **given: Unpack[ChannelParams]) -> Channel:
        """Have the notifier send a test message to a channel of an owner."""
        return self._call("notices.test_channel", given)
