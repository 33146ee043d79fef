"""The watcher: each volume that is put in gets a thread, which asks for permission, and runs the card.

Invariant: without permission nothing of a card but its listing's digest leaves this machine.
Invariant: an insertion and a removal are noted at once, whatever the other cards do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from files_service.errors import FilesError
from files_service.ingest.card import Card
from files_service.ingest.identity import identify
from files_service.ingest.listing import CardUnlistable, listing_sha256, plan
from files_service.ingest.mounting import Mounter
from files_service.ingest.permission import NoSuchCard, Permission, Permissions, Sighting, verdict_of
from files_service.ingest.service import Unreachable
from files_service.ingest.usb import connected_cameras, hint
from files_service.ingest.volumes import LOOK_SECONDS, Change, Detector, Volume, Volumes
from files_service.runtime.backoff import delay_after

logger = logging.getLogger(__name__)

_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 60.0
_STOP_SECONDS = 30.0
_TURN_SECONDS = 0.2


class Told(StrEnum):
    """Kinds of what the watcher tells."""

    FOUND = "card_found"
    UNKNOWN = "card_unknown"
    IGNORED = "card_ignored"
    NO_CARD = "no_card"
    UNREADABLE = "card_unreadable"
    DONE = "card_done"
    BEGAN = "card_began"
    ENDED = "card_ended"
    VERDICT = "card_verdict"
    REMOVED = "card_removed"
    WAITING = "waiting"
    CAMERA = "camera_at_usb"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell a person: its kind, a line, and the card or volume that it is about."""

    kind: Told
    text: str
    volume: Volume | None = None
    card: Card | None = None


class Answer(StrEnum):
    """Answer of a person to an unknown card."""

    ONCE = "once"
    ALWAYS = "always"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Result:
    """End of a run with a card; one that is not over goes on while the card is there.

    The verdict of the session is awaited after the run: it needs neither the reader nor the card.
    """

    is_over: bool
    text: str
    session_id: str = ""


Run = Callable[[Card, threading.Event], Result]
Ask = Callable[[Card, threading.Event], Answer | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Choices of the user, by the keys of the configuration."""

    parallel: int = 2
    any_volume: bool = False
    mount: bool = False
    look_seconds: float = LOOK_SECONDS
    # Between two looks at the permission of a card that waits for it.
    permission_seconds: float = 3.0


@dataclass(slots=True)
class _Seat:
    """A volume that is there, and the event that stops its thread."""

    volume: Volume
    stop: threading.Event = field(default_factory=threading.Event)


class Watcher:
    """Watches volumes until it is stopped. ``ask`` asks a person; without it permission is awaited from elsewhere."""

    def __init__(
        self,
        volumes: Volumes,
        permissions: Permissions,
        run: Run,
        tell: Callable[[Notice], None],
        *,
        policy: Policy,
        ask: Ask | None = None,
    ) -> None:
        self._permissions, self._run_card, self._tell, self._ask = permissions, run, tell, ask
        self._policy = policy
        self._detector = Detector(volumes, self._change, look_seconds=policy.look_seconds)
        self._seats: dict[str, _Seat] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        self._readers: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(policy.parallel))
        self._cards: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(1))
        self._mounter = Mounter() if policy.mount else None
        self._around = threading.Thread(target=self._look_around, name="devices", daemon=True)

    def start(self) -> None:
        """Begin to watch; volumes that are there are treated as if they were put in now."""
        self._detector.start()
        self._around.start()

    def stop(self) -> None:
        """Interrupt all cards and wait for their ends."""
        self._is_stopping.set()
        self._detector.stop()
        with self._lock:
            threads = list(self._threads)
            for seat in self._seats.values():
                seat.stop.set()
        end = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _change(self, change: Change) -> None:
        volume = change.volume
        with self._lock:
            if not change.is_there:
                seat = self._seats.pop(volume.key, None)
                if seat is not None:
                    seat.stop.set()
                self._say(Told.REMOVED, f"{volume.root} was removed", volume)
            elif not self._is_stopping.is_set():
                seat = self._seats[volume.key] = _Seat(volume)
                name = f"card-{volume.root.name}"
                thread = threading.Thread(target=self._serve, args=(seat,), name=name, daemon=True)
                self._threads = [*(each for each in self._threads if each.is_alive()), thread]
                thread.start()

    def _serve(self, seat: _Seat) -> None:
        """Do everything with one volume until it is removed or done."""
        failures = 0
        while not seat.stop.is_set():
            try:
                if self._attend(seat):
                    return
            except (OSError, CardUnlistable) as error:
                if not seat.stop.is_set():
                    self._say(Told.UNREADABLE, f"{seat.volume.root} cannot be read: {error}", seat.volume)
            except (FilesError, Unreachable) as error:
                self._say(Told.WAITING, f"waiting: {error}", seat.volume)
            except Exception:
                logger.exception("the card failed", extra={"root": str(seat.volume.root)})
            seat.stop.wait(delay_after(failures, first=_FIRST_SECONDS, longest=_LONGEST_SECONDS))
            failures += 1

    def _attend(self, seat: _Seat) -> bool:
        """Take one card as far as it goes; return True when nothing is left to do."""
        card = identify(seat.volume.root)
        if not card.layout and not self._policy.any_volume:
            self._say(Told.NO_CARD, f"{card.root} has no folders of a camera", seat.volume, card)
            return True
        listing = listing_sha256(plan(card))
        sighting = self._permissions.sight(card, listing)
        self._say(Told.FOUND, f"found {_name(card)} at {card.root}", seat.volume, card)
        if sighting.permission is not Permission.ALLOWED and not self._is_permitted(card, seat, sighting):
            return True
        if sighting.is_done(listing):
            self._say(Told.DONE, f"{_name(card)} holds nothing new: {verdict_of(sighting.session)}", seat.volume, card)
            return True
        return self._run(card, seat)

    def _is_permitted(self, card: Card, seat: _Seat, sighting: Sighting) -> bool:
        """Return True once a card may be taken, and False when it is ignored or removed."""
        if sighting.permission is Permission.IGNORED:
            self._say(Told.IGNORED, f"{_name(card)} is ignored", seat.volume, card)
        else:
            advice = f"to take it: files watch allow {card.card_id[:8]}"
            self._say(Told.UNKNOWN, f"{_name(card)} is unknown, and nothing of it is sent; {advice}", seat.volume, card)
            if self._ask is not None and (answer := self._ask(card, seat.stop)) is not None:
                return self._answered(card, seat, answer)
        while not seat.stop.wait(self._policy.permission_seconds):
            try:
                if self._permissions.current(card.card_id) is Permission.ALLOWED:
                    return True
            except (FilesError, Unreachable, NoSuchCard) as error:
                logger.info("the permission is not known", extra={"card": card.card_id, "error": str(error)})
        return False

    def _answered(self, card: Card, seat: _Seat, answer: Answer) -> bool:
        """Return True when the answer lets the card be taken."""
        if answer is Answer.ALWAYS:
            self._permissions.permit(card.card_id, Permission.ALLOWED)
        elif answer is Answer.IGNORE:
            self._permissions.permit(card.card_id, Permission.IGNORED)
            self._say(Told.IGNORED, f"{_name(card)} is ignored", seat.volume, card)
        return answer is not Answer.IGNORE

    def _run(self, card: Card, seat: _Seat) -> bool:
        """Run a card, when its reader and the card itself are free; return True when it is over."""
        failures = 0
        while not seat.stop.is_set():
            with self._turn(self._cards[card.card_id], seat), self._turn(self._readers[seat.volume.reader], seat):
                if seat.stop.is_set():
                    break
                self._say(Told.BEGAN, f"reading {_name(card)}", seat.volume, card)
                result = self._run_card(card, seat.stop)
            self._say(Told.ENDED, f"{_name(card)}: {result.text}", seat.volume, card)
            if result.is_over:
                self._await_verdict(card, seat, result.session_id)
                return True
            seat.stop.wait(delay_after(failures, first=_FIRST_SECONDS, longest=_LONGEST_SECONDS))
            failures += 1
        return True

    def _await_verdict(self, card: Card, seat: _Seat, session_id: str) -> None:
        """Tell the verdict of a session once the service has it; the card may be removed before."""
        looks = 0
        while session_id and not self._is_stopping.is_set():
            try:
                verdict = self._permissions.verdict(session_id)
            except (FilesError, Unreachable) as error:
                logger.info("the verdict is not known", extra={"session_id": session_id, "error": str(error)})
                verdict = ""
            if verdict:
                self._say(Told.VERDICT, f"{_name(card)}: {verdict}", seat.volume, card)
                return
            self._is_stopping.wait(delay_after(looks, first=self._policy.permission_seconds, longest=_LONGEST_SECONDS))
            looks += 1

    @contextmanager
    def _turn(self, turns: threading.Semaphore, seat: _Seat) -> Iterator[None]:
        """Wait for a turn, or for the stop of the card."""
        has_turn = False
        while not has_turn and not seat.stop.is_set():
            has_turn = turns.acquire(timeout=_TURN_SECONDS)
        try:
            yield
        finally:
            if has_turn:
                turns.release()

    def _look_around(self) -> None:
        """Mount cards, and find cameras that show none."""
        known: dict[str, str] = {}
        while not self._is_stopping.wait(self._policy.look_seconds):
            current = connected_cameras()
            for port in current.keys() - known.keys():
                self._say(Told.CAMERA, hint(current[port]))
            known = current
            if self._mounter is not None:
                self._mounter.look()

    def _say(self, kind: Told, text: str, volume: Volume | None = None, card: Card | None = None) -> None:
        try:
            self._tell(Notice(kind, text, volume, card))
        except Exception:
            # Cards are taken also when nobody reads what is told.
            logger.exception("a notice was not told", extra={"kind": kind.value, "text": text})


def _name(card: Card) -> str:
    title = card.label or card.camera or "card"
    camera = f" ({card.camera})" if card.camera and card.camera != title else ""
    return f"{title}{camera} {card.card_id[:8]}"
