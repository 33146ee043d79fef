"""Channels: where notices go. The address of a channel is a secret; messages and errors have its name alone.

The setting has one channel in each line, or between blanks: ``name=url``, ``name:kind,kind=url`` for some kinds, and
``name@22-7=url`` or ``name:kind@22-7=url`` for quiet hours.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from files_service.domain.notices import Kind
from files_service.runtime.executor import Call, Executor
from files_service.services.notices.outbox import Wanted

SEND_SECONDS = 30.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_HOURS = re.compile(r"(2[0-3]|1?[0-9])-(2[0-3]|1?[0-9])")
_TELEGRAM = "tgram"
# They log addresses, at levels that an operator may choose.
_TALKATIVE = ("apprise", "urllib3", "requests")


class BadChannel(Exception):
    """A channel that cannot be used; the message names it, and never its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A name, the address, the kinds of notices that go there (none are all), and its quiet hours in UTC."""

    name: str
    url: str = field(repr=False)
    kinds: frozenset[Kind] = frozenset()
    quiet: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """A picture that goes with a message."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


def parse_channels(text: str) -> list[Channel]:
    """Read the setting. Raises BadChannel."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, Channel] = {}
    for number, entry in enumerate(" ".join(lines).split(), start=1):
        channel = _parsed(entry, number)
        if channel.name in found:
            raise BadChannel(f"two notice channels have the name {channel.name}")
        found[channel.name] = channel
    return list(found.values())


def _parsed(entry: str, number: int) -> Channel:
    head, has_url, url = entry.partition("=")
    head, _, hours = head.partition("@")
    name, _, kinds = head.partition(":")
    # Anything else may be a part of an address, which is not repeated.
    if not _NAME.fullmatch(name) or not has_url or "://" not in url:
        raise BadChannel(f"notice channel {number} is not name=url or name:kind,kind=url")
    quiet = _HOURS.fullmatch(hours)
    if hours and not quiet:
        raise BadChannel(f"the quiet hours of the notice channel {name} are not two hours, as 22-7")
    try:
        return Channel(
            name=name,
            url=url,
            kinds=frozenset(Kind(each) for each in kinds.split(",") if each),
            quiet=(int(quiet[1]), int(quiet[2])) if quiet else None,
        )
    except ValueError:
        known = ", ".join(each for each in Kind if each is not Kind.TEST)
        raise BadChannel(f"the notice channel {name} asks for an unknown kind; known are {known}") from None


def wanted_by(channels: Iterable[Channel]) -> Wanted:
    """Return the kinds that each channel asks for."""
    return {channel.name: channel.kinds for channel in channels}


class Sender:
    """The way to one channel, by apprise in a thread. ``chats`` are its chats of Telegram, with limits of their own.

    Raises BadChannel on opening.
    """

    def __init__(self, channel: Channel, *, seconds: float = SEND_SECONDS) -> None:
        import apprise

        silence_libraries()
        self.name, self.quiet = channel.name, channel.quiet
        asset = apprise.AppriseAsset(app_id="files", secure_logging=True, storage_mode="memory")
        self._apprise = apprise.Apprise(asset=asset)
        try:
            added = self._apprise.add(channel.url)
        except Exception:  # noqa: BLE001 - its text may have the address
            added = False
        if not added or len(self._apprise) != 1:
            raise BadChannel(f"the address of the notice channel {channel.name} is not one that apprise knows")
        self.chats = _chats_of(channel.name, self._apprise[0])
        self._seconds = seconds
        self._executor = Executor(f"notice-{channel.name}", 1)
        self._running: Call[bool] | None = None
        self._ends_at = 0.0

    def send(self, text: str, poster: Poster | None = None) -> bool:
        """Send a message; return True when the channel took it, False when it did not within the time limit."""
        return self.begin(text, poster) and self.outcome(wait=True) is True

    def begin(self, text: str, poster: Poster | None = None) -> bool:
        """Begin to send a message; return False while the last one hangs: another behind it would come twice."""
        if self.is_hanging():
            return False
        self._ends_at = time.monotonic() + self._seconds
        self._running = self._executor.begin(lambda: self._deliver(text, poster))
        return True

    def outcome(self, *, wait: bool) -> bool | None:
        """Return True when the channel took the message, False when it did not in time, None before the time is up."""
        assert self._running is not None
        left = max(0.0, self._ends_at - time.monotonic())
        try:
            return self._running.result(left if wait else 0.0)
        except Exception:  # noqa: BLE001 - plugins raise anything, and the text may have the address
            return False if wait or not left or self._running.is_over() else None

    def is_hanging(self) -> bool:
        """Return True while the last message is on its way."""
        return self._running is not None and not self._running.is_over()

    def close(self) -> None:
        """Let the thread end."""
        self._executor.close()

    def _deliver(self, text: str, poster: Poster | None) -> bool:
        import apprise
        from apprise.attachment.memory import AttachMemory

        attach: Any = None
        if poster is not None:
            attach = AttachMemory(content=poster.content, name=poster.name, mimetype=poster.content_type)
        # As text, so that a channel with markup escapes all of it.
        return bool(self._apprise.notify(text, body_format=apprise.NotifyFormat.TEXT, attach=attach))


def silence_libraries() -> None:
    """Keep the loggers of libraries that log addresses from writing anything."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
        logger.handlers[:] = [logging.NullHandler()]


def _chats_of(name: str, plugin: Any) -> tuple[str, ...]:
    if getattr(plugin, "secure_protocol", None) != _TELEGRAM:
        return ()
    if not plugin.targets:
        # Apprise would write to whoever was the first to write to the bot.
        raise BadChannel(f"the notice channel {name} names no chat")
    return tuple(str(chat) for chat, _ in plugin.targets)
