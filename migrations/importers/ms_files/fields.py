"""Typed reading of an ms-files hash; unreadable values are reported as oddities. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson

from migrations.importers.ms_files.oddities import Oddity

_DEEP = 100  # every document with fewer brackets can be encoded
_LARGEST = 2**53 - 1  # largest integer that ms-files can count exactly
_LONGEST_DETAIL = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The source data of one file. ``alias_holder`` is the file that the table of aliases names for its alias."""

    file_id: str
    fields: Mapping[str, str]
    expires_at: int | None = None
    post_action: str | None = None
    alias_holder: str | None = None
    received: Mapping[str, int] = field(default_factory=dict)  # arrival times of parts, by key


class Unmappable(Exception):
    """The file cannot be represented as a record."""


def number(value: object) -> int | None:
    """Parse a number of bytes or milliseconds from text, JSON, or a float of either; None when it is invalid."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else float(value)
    except ValueError:
        return None
    return int(found) if 0 <= found <= _LARGEST else None


class Fields:
    """Reader of one file's fields; collects its oddities."""

    def __init__(self, source: Source) -> None:
        self.oddities: list[Oddity] = []
        self.texts = source.fields
        self._file_id = source.file_id

    def note(self, kind: str, detail: str, *, fatal: bool = False) -> None:
        """Report an oddity of this file."""
        shown = detail[:_LONGEST_DETAIL]
        self.oddities.append(Oddity(kind=kind, name=self._file_id, detail=shown, fatal=fatal))

    def give_up(self, kind: str, detail: str) -> NoReturn:
        """Report why this file cannot be imported, and raise Unmappable."""
        self.note(kind, detail, fatal=True)
        raise Unmappable

    def text(self, name: str) -> str:
        """Return a field as text, empty when it is missing."""
        return self.texts.get(name, "")

    def flag(self, name: str) -> bool:
        """Return True when a field is set."""
        return self.texts.get(name) in ("1", "true")

    def time(self, name: str) -> int | None:
        """Return a time, None when it is missing or invalid."""
        text = self.text(name)
        if not text:
            return None
        found = number(text)
        if found is None:
            self.note("not_a_number", f"{name}: {text!r}")
        return found

    def plain(self, text: str, name: str) -> str:
        """Return text with invalid bytes replaced."""
        try:
            text.encode()
        except UnicodeEncodeError:
            self.note("not_utf8", f"{name}: {text.encode(errors='surrogateescape')!r}")
            return text.encode(errors="surrogateescape").decode(errors="replace")
        return text

    def json(self, name: str, text: str, instead: Any) -> Any:
        """Return a value that is kept as JSON."""
        try:
            found = orjson.loads(self.plain(text, name))
            if text.count("[") + text.count("{") > _DEEP:
                orjson.dumps(_wrapped(found))
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            self.note("corrupt_json", f"{name}: {text[:200]!r}")
            return instead
        return found


def _wrapped(value: Any) -> Any:
    """Return a value nested as deeply as documents of any store may nest it: not every depth can be encoded."""
    for _ in range(_DEEP // 10):
        value = [value]
    return value
