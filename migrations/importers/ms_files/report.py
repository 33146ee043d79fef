"""The report: totals in memory, and each oddity as a line of JSON in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from migrations.errors import BadRequest
from migrations.importers.ms_files.oddities import Oddity
from storage_adapters import JSON


class Report:
    """Counts of outcomes, and oddities, written as they occur. Continuing after a kill appends."""

    def __init__(self, path: Path | None, counts: JSON | None = None) -> None:
        self.outcomes: Counter[str] = Counter((counts or {}).get("outcomes", {}))
        self.oddities: Counter[str] = Counter((counts or {}).get("oddities", {}))
        self._path = path
        with _named(path):
            self._file = None if path is None else path.open("ab" if counts else "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        try:
            with _named(self._path):
                self._file.close()
        except BadRequest:
            # Lines that could not be written at the end cannot be written on close either.
            if error is None:
                raise

    def count(self, outcome: str) -> None:
        """Count the outcome of a file."""
        self.outcomes[outcome] += 1

    def note(self, oddity: Oddity) -> None:
        """Write an oddity."""
        self.oddities[oddity.kind] += 1
        if self._file is not None:
            line = {"kind": oddity.kind, "name": _printable(oddity.name), "detail": _printable(oddity.detail)}
            with _named(self._path):
                self._file.write(orjson.dumps({**line, "fatal": oddity.fatal}) + b"\n")

    def flush(self) -> None:
        """Pass the lines to the system, so that a killed process leaves all lines that its checkpoint counts."""
        if self._file is not None:
            with _named(self._path):
                self._file.flush()

    def totals(self) -> JSON:
        """Return the counts, for the checkpoint and the end."""
        return {"outcomes": dict(self.outcomes), "oddities": dict(self.oddities)}

    def shown(self) -> JSON:
        """Return the counts and the path of the report."""
        return {**self.totals(), "report": None if self._path is None else str(self._path)}


@contextmanager
def _named(path: Path | None) -> Iterator[None]:
    """Name the report file in errors."""
    try:
        yield
    except OSError as error:
        raise BadRequest(f"--report {path}: {error.strerror or error}") from error


def _printable(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
