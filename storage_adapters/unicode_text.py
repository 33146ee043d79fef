"""Forms of text in which it is compared, sorted and shown, by one version of Unicode whatever the interpreter knows.

1. ``UNICODE_VERSION`` is pinned; interpreters know it or a later one. To text of code points that are assigned in a
   version, normalisation and case folding of normalised text do the same in every later one: Unicode promises both
   (https://www.unicode.org/policies/stability_policy.html). So text is cut at code points that the pinned version
   leaves unassigned, which stand for themselves there, and what lies between is left to the interpreter.
2. Python does not promise that of ``lower``. A test compares all code points with what Python 3.11 made of them.
3. Only this module imports ``unicodedata``.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import groupby

from storage_adapters.unassigned import RANGES, VERSION

UNICODE_VERSION = VERSION
# Combining classes below belong to the letter: nukta, voicing of kana, virama.
_FIRST_ACCENT = 10
_IS_PINNED = unicodedata.unidata_version.removesuffix(".0") == VERSION


def fold(text: str) -> str:
    """Return the form in which text is compared and sorted without regard to case or compatibility variants."""
    return text.lower() if text.isascii() else _mapped(_fold, text)


def search_form(text: str) -> str:
    """Return the form in which a search compares text: folded, without accents, vowel points and strokes above it."""
    return text.lower() if text.isascii() else _mapped(_bare, fold(text))


def tag_form(tag: str) -> str:
    """Return the form in which a tag is kept and looked for: NFC, lower case, without spaces around it."""
    return tag.strip().lower() if tag.isascii() else _mapped(_compose, _mapped(_lower, _mapped(_compose, tag).strip()))


def typed_form(text: str) -> str:
    """Return the form that is the same for each way in which a keyboard composes the text (NFKC)."""
    return text if text.isascii() else _mapped(_compatible, text)


def composed_form(text: str) -> str:
    """Return the text in NFC, in which paths are kept."""
    return text if text.isascii() else _mapped(_compose, text)


def ascii_form(text: str) -> str:
    """Return the text without accents and compatibility variants, and without whatever is not ASCII then."""
    return _mapped(_decompose, text).encode("ascii", "ignore").decode()


def category_of(character: str) -> str:
    """Return the general category of a character, such as Lu."""
    return unicodedata.category(character) if _IS_PINNED or not _unassigned()[ord(character)] else "Cn"


def _mapped(change: Callable[[str], str], text: str) -> str:
    """Change the stretches between unassigned code points, to which nothing joins and before which nothing moves."""
    if _IS_PINNED:
        return change(text)
    unassigned = _unassigned()
    if not any(map(unassigned.__getitem__, map(ord, text))):
        return change(text)
    stretches = groupby(text, lambda character: unassigned[ord(character)])
    return "".join("".join(stretch) if is_kept else change("".join(stretch)) for is_kept, stretch in stretches)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _bare(text: str) -> str:
    marked = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(filter(_is_kept, marked)))


def _is_kept(character: str) -> bool:
    """Return False for a mark that may be left out: not for one that makes another letter, as in Japanese or Hindi."""
    return unicodedata.combining(character) < _FIRST_ACCENT


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _decompose(text: str) -> str:
    return unicodedata.normalize("NFKD", text)


def _compatible(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _lower(text: str) -> str:
    return text.lower()


@cache
def _unassigned() -> bytes:
    """Return a table with 1 for each code point that is unassigned; an interpreter of the pinned version needs none."""
    table = bytearray(sys.maxunicode + 1)
    for pair in RANGES.split():
        first, last = (int(each, 16) for each in pair.split("-"))
        table[first : last + 1] = b"\1" * (last + 1 - first)
    return bytes(table)
