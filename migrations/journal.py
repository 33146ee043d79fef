"""The journal of a store: finished steps, and the position of the running one. One document, kept in the store.

Every write names the document that it replaces. So a runner that lost its lease unnoticed fails at its next checkpoint:
its successor has written its own name first.
"""

from __future__ import annotations

from typing import Any

import orjson

from migrations.errors import Stopped
from storage_adapters import JSON, SupportsMigrations

NAME = "migrations"
HISTORY = 100


class Journal:
    """One journal document as last read or written by this process."""

    def __init__(self, store: SupportsMigrations, name: str = NAME) -> None:
        self._store, self._name = store, name
        self._stored: bytes | None = None
        self.content: JSON = {}
        self.read()

    def read(self) -> None:
        """Read the document from the store."""
        self._stored = self._store.read_journal(self._name)
        self.content = {} if self._stored is None else orjson.loads(self._stored)

    def write(self) -> None:
        """Write the changed document. Raises Stopped when another runner has written it."""
        document = orjson.dumps(self.content)
        if document == self._stored:
            return
        if not self._store.write_journal(self._name, expected=self._stored, document=document):
            raise Stopped("another runner has taken over this store; nothing more was written")
        self._stored = document


class StepJournal(Journal):
    """The journal of the steps: ``applied`` by number, ``running``, ``runner``, and a short ``history``."""

    @property
    def applied(self) -> dict[int, JSON]:
        """The applied steps, by number."""
        return {int(number): entry for number, entry in self.content.get("applied", {}).items()}

    @property
    def running(self) -> JSON | None:
        """The step in progress, with its checkpoint."""
        found: JSON | None = self.content.get("running")
        return found

    @property
    def history(self) -> list[JSON]:
        """The finished runs, newest last."""
        return list(self.content.get("history", ()))

    def sign(self, runner: str) -> None:
        """Write the runner's name, so that every other runner fails at its next checkpoint."""
        self.content["runner"] = runner
        self.write()

    def begin(self, number: int, direction: str, *, now: int) -> JSON:
        """Start a step, or continue it. Return its entry."""
        running = self.running
        if running is None or (running["step"], running["direction"]) != (number, direction):
            notes = self.notes(number, direction)
            if running is not None and str(running["step"]) in self.content.get("applied", {}):
                # Another step runs first; reverting the interrupted one leads back to its origin.
                self.content["applied"][str(running["step"])]["notes"] = running["notes"]
            running = {"step": number, "direction": direction, "begun_at": now, "checkpoint": {}, "notes": notes}
            running["starts"] = 0
        running["starts"] += 1
        self.content["running"] = running
        self.write()
        return running

    def notes(self, number: int, direction: str) -> JSON:
        """Return the notes for a step that starts in this direction."""
        running = self.running
        if running is not None and running["step"] == number:
            found: JSON = running["notes"]  # reversed halfway: the notes of the origin still apply
            return found
        # A step that is applied again starts from the current state, and reverting leads back to it.
        return {} if direction == "up" else self.applied.get(number, {}).get("notes", {})

    def end(self, *, now: int) -> None:
        """Record that the running step has finished."""
        running: dict[str, Any] = self.content["running"]
        applied = self.content.setdefault("applied", {})
        if running["direction"] == "up":
            applied[str(running["step"])] = {"applied_at": now, "notes": running["notes"]}
        elif running["direction"] == "down":
            applied.pop(str(running["step"]), None)
        entry = {name: running[name] for name in ("step", "direction", "begun_at", "starts")}
        self.content["history"] = [*self.history, {**entry, "ended_at": now}][-HISTORY:]
        self.content["running"] = None
        self.write()
