"""Methods of notices: one typed method per API method, with its parameters and results."""

from __future__ import annotations

from typing import Required, TypedDict, Unpack

from files_service.client.caller import Caller


class OwnerParams(TypedDict, total=False):
    """notices.channels."""

    actor: str | None
    owner: Required[str]


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
    """Channels where an owner wants to be told of its cards and uploads."""

    def channels(self, **given: Unpack[OwnerParams]) -> Channels:
        """Return the channels of an owner without their addresses."""
        found: Channels = self._call("notices.channels", given)
        return found

    def set_channel(self, **given: Unpack[SetChannelParams]) -> Channel:
        """Make a channel of an owner, or change one; the address is never shown again."""
        channel: Channel = self._call("notices.set_channel", given)
        return channel

    def remove_channel(self, **given: Unpack[ChannelParams]) -> RemovedChannel:
        """Remove a channel of an owner; repeating the call is harmless."""
        removed: RemovedChannel = self._call("notices.remove_channel", given)
        return removed

    def test_channel(self, **given: Unpack[ChannelParams]) -> Channel:
        """Have the notifier send a test message to a channel of an owner."""
        channel: Channel = self._call("notices.test_channel", given)
        return channel
