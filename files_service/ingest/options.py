"""Options of a run with one card, and its outcome."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from files_service.ingest.config import state_folder
from files_service.ingest.entries import Entry
from files_service.ingest.progress import Progress
from files_service.ingest.reader import Read, read_at
from files_service.ingest.transports.opening import TRANSPORTS
from files_service.ingest.window import ALL, Window
from storage_adapters import JSON


class Ending(StrEnum):
    """End of a run."""

    COMPLETE = "complete"
    PARTLY_FAILED = "partly failed"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a run.

    ``announce`` shows the card to the service first, which the daemon has done already. Without ``wait_for_token`` a
    run whose first call is refused ends; later ones wait for another token.
    """

    verify: str = "card"
    full: bool = False
    clock_offset_ms: int = 0
    folder: str | None = None
    transport: str = TRANSPORTS[0]
    amqp_uri: str = field(default="", repr=False)
    announce: bool = True
    wait_for_token: bool = True
    verdict_seconds: float = 24 * 3600
    host: str = field(default_factory=socket.gethostname)
    state_folder: Path = field(default_factory=state_folder)
    progress: Progress = field(default_factory=Progress)
    stop: threading.Event = field(default_factory=threading.Event)
    # Seams: the lowest read of the card, the memory of all cards, and the pauses.
    read: Read = read_at
    window: Window = ALL
    first_pause_seconds: float = 1
    young_seconds: float = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of a run. ``session`` is the session at the service, with its verdict when that was given.

    ``is_busy`` is True for a run that was refused because another one takes the card.
    """

    ending: Ending
    reason: str = ""
    session: JSON | None = None
    uploaded: int = 0
    known: int = 0
    failed: tuple[Entry, ...] = ()
    sent_bytes: int = 0
    read_bytes: int = 0
    is_busy: bool = False

    @property
    def is_over(self) -> bool:
        """False where another run, begun later, may go on."""
        return self.ending is not Ending.INTERRUPTED and not self.is_busy

    @property
    def verdict(self) -> JSON | None:
        """The verdict of the service."""
        return (self.session or {}).get("verdict")
