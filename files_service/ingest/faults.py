"""The service's faults, and the patience with them: a card is not in a hurry, and nothing is given up for a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeVar

from files_service.errors import (
    Busy,
    Conflict,
    FilesError,
    Gone,
    InsufficientStorage,
    NotFound,
    NotSupported,
    PartMismatch,
    TooManyRequests,
    Unauthorized,
)
from files_service.ingest.service import Remote, Unreachable
from files_service.ingest.transports.transport import Corrupted, Shortened
from files_service.runtime.backoff import delay_after

T = TypeVar("T")
Tell = Callable[[str], None]


class Remedy(Enum):
    """Remedy against a fault."""

    AT_ONCE = auto()
    WAIT = auto()
    ROOM = auto()
    TOKEN = auto()
    NEW_UPLOAD = auto()
    NONE = auto()


def remedy_for(error: Exception) -> Remedy:
    """Return what helps against a fault of the service or of the way to it."""
    match error:
        case Shortened():
            return Remedy.AT_ONCE
        case Unreachable() | Busy() | TooManyRequests():
            return Remedy.WAIT
        case InsufficientStorage():
            return Remedy.ROOM
        case Unauthorized():
            return Remedy.TOKEN
        case Gone() | NotFound() | Conflict() | PartMismatch() | Corrupted():
            return Remedy.NEW_UPLOAD
        case FilesError() if error.http_status >= 500 and not isinstance(error, NotSupported):
            return Remedy.WAIT
    return Remedy.NONE


@dataclass
class Patience:
    """Repetition of calls after growing pauses, without end. ``tell`` gets a line for people."""

    remote: Remote
    tell: Tell
    first_seconds: float = 1
    longest_seconds: float = 60
    waits_for_token: bool = True
    _said: str = field(default="", init=False)

    async def until_done(self, attempt: Callable[[], Awaitable[T]], *, moved: Callable[[], int] = lambda: 0) -> T:
        """Return the result of an attempt. Raises what no waiting helps against.

        The pauses begin anew when ``moved``, the bytes that have arrived, has grown.
        """
        failures, before = 0, moved()
        while True:
            try:
                result = await attempt()
            except (FilesError, Unreachable) as error:
                remedy = remedy_for(error)
                if remedy in (Remedy.NEW_UPLOAD, Remedy.NONE):
                    raise
                if remedy is Remedy.AT_ONCE:
                    continue
                if remedy is Remedy.TOKEN and self.remote.read_token_again():
                    continue
                if remedy is Remedy.TOKEN and not self.waits_for_token:
                    raise
                if moved() > before:
                    failures, before = 0, moved()
                self._say(remedy, error)
                await asyncio.sleep(delay_after(failures, first=self.first_seconds, longest=self.longest_seconds))
                failures += 1
            else:
                self._say_over()
                return result

    def _say(self, remedy: Remedy, error: Exception) -> None:
        match remedy:
            case Remedy.ROOM:
                text = f"paused: the service has no room: {error}"
            case Remedy.TOKEN:
                text = f"paused: the service refuses the token: {error}. Write a new one into the token file."
            case _:
                text = f"waiting: {error}"
        if text != self._said:
            self._said = text
            self.tell(text)

    def _say_over(self) -> None:
        if self._said:
            self._said = ""
            self.tell("going on")


class NoPatience(Patience):
    """One attempt at everything."""

    def __init__(self, remote: Remote) -> None:
        super().__init__(remote, lambda text: None)

    async def until_done(self, attempt: Callable[[], Awaitable[T]], *, moved: Callable[[], int] = lambda: 0) -> T:
        """Return the result of one attempt, or raise its error."""
        return await attempt()
