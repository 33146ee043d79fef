"""The fields of a hash of ms-files, read as values; what cannot be read is an oddity. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson

from migrations.importers.ms_files.oddities import Oddity

_DEEP = 100  # of what has fewer brackets every document can be written
_LARGEST = 2**53 - 1  # what the other service could count to
_LONGEST_DETAIL = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """All that is known of a file in the source. ``alias_holder`` is whom the table of aliases names for its alias."""

    file_id: str
    fields: Mapping[str, str]
    expires_at: int | None = None
    post_action: str | None = None
    alias_holder: str | None = None
    received: Mapping[str, int] = field(default_factory=dict)  # parts that have arrived, by key: when


class Unmappable(Exception):
    """There is no record that says what the source says."""


def number(value: object) -> int | None:
    """A count of bytes or milliseconds, None for what is none: of text, JSON, or a float of either."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else float(value)
    except ValueError:
        return None
    return int(found) if 0 <= found <= _LARGEST else None


class Fields:
    """Reads the fields of one file, and keeps what was odd about them."""

    def __init__(self, source: Source) -> None:
        self.oddities: list[Oddity] = []
        self.texts = source.fields
        self._file_id = source.file_id

    def note(self, kind: str, detail: str, *, fatal: bool = False) -> None:
        """Note an oddity of this file."""
        shown = detail[:_LONGEST_DETAIL]
        self.oddities.append(Oddity(kind=kind, name=self._file_id, detail=shown, fatal=fatal))

    def give_up(self, kind: str, detail: str) -> NoReturn:
        """Note why this file cannot be imported, and raise Unmappable."""
        self.note(kind, detail, fatal=True)
        raise Unmappable

    def text(self, name: str) -> str:
        """A field as it is, empty when it is missing."""
        return self.texts.get(name, "")

    def flag(self, name: str) -> bool:
        """Whether a field is set."""
        return self.texts.get(name) in ("1", "true")

    def time(self, name: str) -> int | None:
        """A time, None when it is missing or none."""
        text = self.text(name)
        if not text:
            return None
        found = number(text)
        if found is None:
            self.note("not_a_number", f"{name}: {text!r}")
        return found

    def plain(self, text: str, name: str) -> str:
        """Text that is Unicode; bytes that are none are replaced."""
        try:
            text.encode()
        except UnicodeEncodeError:
            self.note("not_utf8", f"{name}: {text.encode(errors='surrogateescape')!r}")
            return text.encode(errors="surrogateescape").decode(errors="replace")
        return text

    def json(self, name: str, text: str, instead: Any) -> Any:
        """A value that is kept as JSON."""
        try:
            found = orjson.loads(self.plain(text, name))
            if text.count("[") + text.count("{") > _DEEP:
                orjson.dumps(_wrapped(found))
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            self.note("corrupt_json", f"{name}: {text[:200]!r}")
            return instead
        return found


def _wrapped(value: Any) -> Any:
    """A value as deep in lists as it may come to stand in documents of any store: not all depths can be written."""
    for _ in range(_DEEP // 10):
        value = [value]
    return value
