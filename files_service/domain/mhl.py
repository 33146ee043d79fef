"""Manifests of the ASC Media Hash List, version 2.0, and the chain file that lists their generations. Pure.

Source: ASC MHL specification 2.0 of the American Society of Cinematographers, and the C4 identifiers of SMPTE
ST 2114:2017. A manifest lists files with their xxHash64; hashes of folders are optional and left out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

FOLDER = "ascmhl"
CHAIN = "ascmhl_chain.xml"
# Left out of every comparison by convention; the folder of the manifests is no footage.
IGNORED = (".DS_Store", FOLDER, f"{FOLDER}/")

_C4_DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_C4_LENGTH = 88
# XML 1.0, production 2: what no escape can express either.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EPOCH = datetime.fromtimestamp(0, UTC)
# The times that a date has: clocks of cameras and damaged folders tell others.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedFile:
    """One file of a tree; ``path`` is relative to its root, ``hashed_at`` the time at which its hash was computed."""

    path: str
    size: int
    modified_at: int
    xxh64: str
    hashed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One manifest in the history of a tree."""

    number: int
    name: str
    c4: str


def manifest_name(number: int, tree: str, created_at: int) -> str:
    """Return the file name of a manifest: ``0001_A001_2026-11-29_155719Z.mhl``."""
    made = datetime.fromtimestamp(created_at // 1000, UTC)
    return f"{number:04d}_{_NOT_IN_NAMES.sub('_', tree)[:64] or 'card'}_{made:%Y-%m-%d_%H%M%S}Z.mhl"


def manifest(
    files: Iterable[HashedFile],
    *,
    created_at: int,
    host: str,
    version: str,
    is_first: bool = True,
    ignored: Iterable[str] = (),
) -> Iterator[str]:
    """Yield the text of a manifest in pieces, one for each file.

    The hashes of the first generation are the originals, those of later ones verified ones. ``ignored`` are patterns in
    the syntax of Git for what is left out of the tree, besides ``IGNORED``. Raises ValueError for a path that XML
    cannot express.
    """
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0">\n'
        f"  <creatorinfo>\n    <creationdate>{_time(created_at)}</creationdate>\n"
        f"    <hostname>{_text(host)}</hostname>\n"
        f"    <tool version={quoteattr(version)}>files-service</tool>\n  </creatorinfo>\n"
        "  <processinfo>\n    <process>transfer</process>\n    <ignore>\n"
    )
    for pattern in (*IGNORED, *ignored):
        yield f"      <pattern>{_text(pattern)}</pattern>\n"
    yield "    </ignore>\n  </processinfo>\n  <hashes>\n"
    action = "original" if is_first else "verified"
    for file in files:
        yield (
            f'    <hash>\n      <path size="{file.size}" lastmodificationdate="{_time(file.modified_at)}">'
            f"{_text(file.path)}</path>\n"
            f'      <xxh64 action="{action}" hashdate="{_time(file.hashed_at)}">{_text(file.xxh64)}</xxh64>\n'
            "    </hash>\n"
        )
    yield "  </hashes>\n</hashlist>\n"


def chain(generations: Iterable[Generation]) -> str:
    """Return the text of the chain file, which seals each manifest by its C4 identifier."""
    entries = "".join(
        f'  <hashlist sequencenr="{each.number}">\n    <path>{_text(each.name)}</path>\n    <c4>{each.c4}</c4>\n'
        "  </hashlist>\n"
        for each in generations
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ascmhldirectory xmlns="urn:ASC:MHL:DIRECTORY:v2.0">\n'
        f"{entries}</ascmhldirectory>\n"
    )


def is_expressible(path: str) -> bool:
    """Return True for a path that XML can express."""
    return _NO_XML.search(path) is None


class C4:
    """Identifier of a byte stream: its SHA-512 in the digits of SMPTE ST 2114:2017."""

    def __init__(self) -> None:
        self._hash = hashlib.sha512()

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self._hash.update(data)

    def text(self) -> str:
        """Return the identifier of the bytes so far."""
        number = int.from_bytes(self._hash.digest(), "big")
        digits = []
        for _ in range(_C4_LENGTH):
            number, digit = divmod(number, len(_C4_DIGITS))
            digits.append(_C4_DIGITS[digit])
        return "c4" + "".join(reversed(digits))


def _time(milliseconds: int) -> str:
    shown = min(max(milliseconds, _FIRST_MS), _LAST_MS)
    return (_EPOCH + timedelta(milliseconds=shown)).isoformat(timespec="milliseconds")


def _text(text: str) -> str:
    if _NO_XML.search(text):
        raise ValueError(f"{text!r} has a character that XML cannot express")
    return escape(text)
