"""The journal: what was done to a store, and where the run under way stands. One document, kept in the store itself.

Every write names the document that it replaces. A runner that lost its right without noticing therefore fails at its
next checkpoint: the one that came after it has written its own name first.
"""

from __future__ import annotations

from typing import Any

import orjson

from migrations.errors import Stopped
from storage_adapters import JSON, SupportsMigrations

NAME = "migrations"
HISTORY = 100


class Journal:
    """One document of the journal as last read or written by this process."""

    def __init__(self, store: SupportsMigrations, name: str = NAME) -> None:
        self._store, self._name = store, name
        self._stored: bytes | None = None
        self.content: JSON = {}
        self.read()

    def read(self) -> None:
        """Take what the store has."""
        self._stored = self._store.read_journal(self._name)
        self.content = {} if self._stored is None else orjson.loads(self._stored)

    def write(self) -> None:
        """Put down what was changed. Raises Stopped when somebody else has written."""
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
        """The steps that were done, by number."""
        return {int(number): entry for number, entry in self.content.get("applied", {}).items()}

    @property
    def running(self) -> JSON | None:
        """The step that was begun and not ended, with its checkpoint."""
        found: JSON | None = self.content.get("running")
        return found

    @property
    def history(self) -> list[JSON]:
        """What was ended, the newest last."""
        return list(self.content.get("history", ()))

    def sign(self, runner: str) -> None:
        """Write the runner's name, so that every other one fails at its next checkpoint."""
        self.content["runner"] = runner
        self.write()

    def begin(self, number: int, direction: str, *, now: int) -> JSON:
        """Begin a step, or go on with it when it is the one that was begun. Returns its entry."""
        running = self.running
        if running is None or (running["step"], running["direction"]) != (number, direction):
            notes = self.notes(number, direction)
            if running is not None and str(running["step"]) in self.content.get("applied", {}):
                # Another step goes first; the way back of the one that was begun leads to where it came from.
                self.content["applied"][str(running["step"])]["notes"] = running["notes"]
            running = {"step": number, "direction": direction, "begun_at": now, "checkpoint": {}, "notes": notes}
            running["starts"] = 0
        running["starts"] += 1
        self.content["running"] = running
        self.write()
        return running

    def notes(self, number: int, direction: str) -> JSON:
        """What a step finds noted when it begins in this direction."""
        running = self.running
        if running is not None and running["step"] == number:
            found: JSON = running["notes"]  # turned round half way: what was there before still counts
            return found
        # One that goes up once more leads on from where it is by now, and its way back leads there.
        return {} if direction == "up" else self.applied.get(number, {}).get("notes", {})

    def end(self, *, now: int) -> None:
        """Note that the running step is done."""
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
