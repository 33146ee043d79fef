"""Resumable uploads: sessions, their chunks, and what a session answers."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.gcs.errors import ConnectionCut, Refused, bad_request
from tests.fakes.gcs.faults import Faults
from tests.fakes.gcs.messages import Answer, Request
from tests.fakes.gcs.objects import Conditions, Objects, StoredObject

STEP = 256 * 1024
WEEK = 7 * 86_400
_RANGE = re.compile(r"bytes (?:(?P<first>\d+)-(?P<last>\d+)|\*)/(?P<total>\d+|\*)")


@dataclass(kw_only=True)
class Session:
    """One upload under way. ``limits`` are the least and the largest size that it may have."""

    id: str
    bucket: str
    name: str
    content: Path
    started: float
    conditions: Conditions
    about: dict[str, Any]
    declared: dict[str, str | None]
    limits: tuple[int, int] | None
    origin: str | None
    size: int = 0
    cancelled: bool = False
    done: StoredObject | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """All sessions, by the secret in their URI."""

    def __init__(self, objects: Objects, faults: Faults, clock: Callable[[], float]) -> None:
        self._objects, self._faults, self._clock = objects, faults, clock
        self.sessions: dict[str, Session] = {}

    def start(self, bucket: str, name: str, request: Request, **options: Any) -> Session:
        """Begin an upload."""
        conditions = request.conditions()
        self._objects.precheck(bucket, name, conditions)
        content = self._objects.fresh_file()
        content.touch()
        session = Session(
            id=secrets.token_urlsafe(40),
            bucket=bucket,
            name=name,
            content=content,
            started=self._clock(),
            conditions=conditions,
            origin=request.header("Origin"),
            **options,
        )
        self.sessions[session.id] = session
        return session

    def find(self, upload_id: str) -> Session:
        """The session; 404 when there is none, 410 after a week, 499 after it was cancelled."""
        session = self.sessions.get(upload_id)
        if session is None:
            raise Refused(404, "NoSuchUpload", "No such upload session.", reason="notFound")
        if session.done is None and self._clock() - session.started > WEEK:
            raise Refused(410, "Gone", "The upload session has expired.", reason="uploadExpired")
        if session.cancelled:
            raise Refused(499, "ClientClosedRequest", "The upload was cancelled.")
        return session

    def cancel(self, upload_id: str) -> Answer:
        """Give an upload up."""
        session = self.find(upload_id)
        with session.lock:
            session.cancelled = session.done is None
        return Answer(499)

    def receive(self, session: Session, request: Request, finished: Callable[[StoredObject], Answer]) -> Answer:
        """Take a chunk, or say how much there is. ``finished`` makes the answer once the object is stored."""
        with session.lock:
            self.find(session.id)
            first, last, total = _content_range(request)
            if session.done is not None:
                request.body()
                return finished(session.done)
            if total is not None and session.limits is not None and not _within(total, session.limits):
                raise bad_request("The size is not the announced one.")
            if first is not None:
                total = self._append(session, request, first, last, total)
            if total is None or session.size < total:
                held = {"Range": f"bytes=0-{session.size - 1}"} if session.size else {}
                return Answer(308, held)
            return finished(self._finish(session))

    def _append(
        self, session: Session, request: Request, first: int, last: int | None, total: int | None
    ) -> int | None:
        """Keep what arrives; returns the total, which a body without a length tells by its end."""
        if first > session.size:
            raise bad_request(f"The chunk begins at {first}, but only {session.size} bytes are there.")
        before, place = session.size, first
        with session.content.open("r+b") as file:
            file.seek(first)
            for piece in request.pieces():
                file.write(piece)
                place += len(piece)
                if session.limits is not None and place > session.limits[1]:
                    raise bad_request("More bytes than were announced.", code="EntityTooLarge")
                if self._faults.cuts_at(place):
                    self._keep(session, file, before, place, None)
                    raise ConnectionCut
            complete = last is None or place == last + 1
            if last is None:
                total = place
            self._keep(session, file, before, place, total if complete else None)
            if not complete:
                raise ConnectionCut
        return total

    def _keep(self, session: Session, file: Any, before: int, place: int, total: int | None) -> None:
        """Only whole steps are kept until the end is there."""
        kept = place if place == total else place - place % STEP
        session.size = max(before, kept)
        file.truncate(session.size)

    def _finish(self, session: Session) -> StoredObject:
        if session.limits is not None and not _within(session.size, session.limits):
            raise bad_request("The size is not the announced one.")
        session.done = self._objects.insert(
            session.bucket,
            session.name,
            session.content,
            conditions=session.conditions,
            declared=session.declared,
            **session.about,
        )
        if self._faults.loses_final_answer():
            raise ConnectionCut
        return session.done


def _within(size: int, limits: tuple[int, int]) -> bool:
    return limits[0] <= size <= limits[1]


def _content_range(request: Request) -> tuple[int | None, int | None, int | None]:
    """First byte, last byte and total of a request; without the header the body is all there is."""
    text = request.header("Content-Range")
    if text is None:
        if request.length is None:
            return 0, None, None
        return (0, request.length - 1, request.length) if request.length else (None, None, 0)
    match = _RANGE.fullmatch(text)
    if match is None:
        raise bad_request(f"Invalid Content-Range: {text}")
    total = None if match["total"] == "*" else int(match["total"])
    if match["first"] is None:
        return None, None, total
    first, last = int(match["first"]), int(match["last"])
    if last < first or (total is not None and last >= total):
        raise bad_request(f"Invalid Content-Range: {text}")
    return first, last, total
