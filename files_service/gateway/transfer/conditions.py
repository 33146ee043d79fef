"""Conditional requests and ranges (RFC 9110, sections 13 and 14). Pure.

A stored blob never changes, so its validators are strong: an entity tag of its checksum, and the time of its receipt.
A request for several ranges is answered with the whole, as RFC 9110 allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime

_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.I)
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """The size, opaque tag (without quotes) and modification time (in seconds) of a representation."""

    size: int
    tag: str
    modified: int

    @property
    def etag(self) -> str:
        """The entity tag in the form of a header."""
        return f'"{self.tag}"'

    @property
    def last_modified(self) -> str:
        """The modification time in the form of a header."""
        return formatdate(self.modified, usegmt=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of the answer, and the range of bytes to send."""

    status: int
    start: int = 0
    length: int = 0


def evaluate(method: str, headers: Mapping[str, str], found: Representation, *, ranges: bool = True) -> Answer:
    """Decide on a GET or HEAD: 200, 206, 304, 412 or 416. Without ``ranges`` the answer is the whole."""
    status = _precondition(headers, found)
    if status is not None:
        return Answer(status)
    if ranges and method == "GET" and "Range" in headers and _range_applies(headers, found):
        return _slice(headers["Range"], found.size)
    return Answer(200, 0, found.size)


def _precondition(headers: Mapping[str, str], found: Representation) -> int | None:
    """Return the status of a failed condition, by the order of RFC 9110, section 13.2.2."""
    if "If-Match" in headers:
        if not _names(headers["If-Match"], found.tag, weak=False):
            return 412
    elif (limit := _seconds(headers.get("If-Unmodified-Since"))) is not None and found.modified > limit:
        return 412
    if "If-None-Match" in headers:
        if _names(headers["If-None-Match"], found.tag, weak=True):
            return 304
    elif (since := _seconds(headers.get("If-Modified-Since"))) is not None and found.modified <= since:
        return 304
    return None


def _names(value: str, tag: str, *, weak: bool) -> bool:
    """Return True if a list of entity tags has this one; a weak tag counts only in a weak comparison."""
    if value.strip() == "*":
        return True
    return any(opaque == tag and (weak or not prefix) for prefix, opaque in _ETAG.findall(value))


def _range_applies(headers: Mapping[str, str], found: Representation) -> bool:
    """Return True unless If-Range names another representation."""
    condition = headers.get("If-Range")
    if condition is None:
        return True
    if '"' in condition:
        return condition.strip() == found.etag
    return _seconds(condition) == found.modified


def _slice(value: str, size: int) -> Answer:
    match = _RANGE.fullmatch(value)
    if match is None:
        return Answer(200, 0, size)
    first, last = _number(match[1]), _number(match[2])
    if first is None:
        if last is None:
            return Answer(200, 0, size)
        # A suffix range.
        first, last = max(0, size - last), size - 1
    elif last is None:
        last = size - 1
    elif last < first:
        return Answer(200, 0, size)
    if first >= size:
        return Answer(416)
    return Answer(206, first, min(last, size - 1) - first + 1)


def _number(digits: str) -> int | None:
    if not digits:
        return None
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _seconds(value: str | None) -> int | None:
    """Return a date in seconds since the epoch; None without a valid date."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
        # A date in the form of asctime names no zone: RFC 9110 reads it as UTC.
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None
