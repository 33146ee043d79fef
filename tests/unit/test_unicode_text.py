"""Text is compared by one version of Unicode, under every interpreter."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from storage_adapters import UNICODE_VERSION, ascii_form, category_of, fold, search_form, tag_form, unicode_text
from storage_adapters.unassigned import RANGES
from tests.scale import NIGHTLY

ROOT = Path(__file__).parent.parent.parent
SURROGATES = range(0xD800, 0xE000)
WITHOUT_LETTERS = range(0x40000, 0x110000)
# Made by Python 3.11, whose Unicode version is the pinned one.
DIGESTS = {
    "fold": "a5c079c553309e7e04d8a5e40add7721",
    "search_form": "2a53142f27e415db35604951a3a6a5b8",
    "tag_form": "f8ded74b248803d273c0afcc396578c2",
    "ascii_form": "5332bafbe6713830a2817f42330ed1fc",
    "category_of": "2b321d45c18f6a3c3770241dcd2f5492",
    "mixed": "6952a8cf9fe20baed65b87067ae8954f",
}
FORMS: dict[str, Callable[[str], str]] = {
    "fold": fold,
    "search_form": search_form,
    "tag_form": tag_form,
    "ascii_form": ascii_form,
    "category_of": category_of,
}


def code_points(last: int = sys.maxunicode) -> Iterator[str]:
    return (chr(point) for point in range(last + 1) if point not in SURROGATES)


def in_context(form: Callable[[str], str]) -> Iterator[str]:
    """Every code point alone; those of planes with letters and marks also where a sigma looks at them, and among marks.

    Many lines at once.
    """
    for lines in batched(code_points()):
        if form is category_of:
            yield "".join(map(form, lines))
        else:
            yield form("\n".join(lines))
            if form is not ascii_form and ord(lines[0]) not in WITHOUT_LETTERS:
                yield form("\n".join(f"aΣ{c}Σa {c}Σ\u0301e{c}\u0323\u0301" for c in lines))
            yield form("a" + "".join(c for c in lines if not c.strip()))


def batched(characters: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(characters, 500)):
        yield batch


def mixtures() -> Iterator[str]:
    """Random text, half of it of code points that are assigned in no version, or in a later one alone."""
    chosen = random.Random(1)
    unassigned = [chr(point) for point in range(sys.maxunicode + 1) if is_in_table(point)]
    marks = "\u0301\u0323\u0345\u093c\u1100\u1161\u11a8ΣσAİſﬁß"
    for _ in range(50_000):
        length = chosen.randrange(1, 8)
        text = "".join(
            chosen.choice(unassigned)
            if chosen.random() < 0.4
            else chosen.choice(marks)
            if chosen.random() < 0.5
            else chr(chosen.choice([0x41, 0x3A3, 0x1F80, 0x10400, 0x1E900]) + chosen.randrange(64))
            for _ in range(length)
        )
        yield fold(text)
        yield tag_form(text)


def digest_of(texts: Iterator[str]) -> str:
    summed = hashlib.blake2b(digest_size=16)
    for text in texts:
        summed.update(text.encode() + b"\0")
    return summed.hexdigest()


TABLE = [tuple(int(each, 16) for each in pair.split("-")) for pair in RANGES.split()]
UNASSIGNED = {point for first, last in TABLE for point in range(first, last + 1)}


def is_in_table(point: int) -> bool:
    return point in UNASSIGNED


@pytest.fixture(params={True: ["of the pinned version", "as a newer one"]}.get(unicode_text._IS_PINNED, ["newer"]))
def _interpreter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicode_text, "_IS_PINNED", request.param == "of the pinned version")


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_interpreter")
@pytest.mark.parametrize("name", FORMS)
def test_every_code_point_has_the_form_that_it_has_in_the_pinned_version(name: str) -> None:
    assert digest_of(in_context(FORMS[name])) == DIGESTS[name]


@pytest.mark.usefixtures("_interpreter")
def test_text_with_code_points_of_later_versions_has_the_form_that_it_has_in_the_pinned_version() -> None:
    assert digest_of(mixtures()) == DIGESTS["mixed"]


def test_the_table_has_what_the_pinned_version_leaves_unassigned() -> None:
    if unicodedata.unidata_version == f"{UNICODE_VERSION}.0":
        made = subprocess.run([sys.executable, ".ci/unicode_tables"], cwd=ROOT, capture_output=True, check=True)
        assert made.stdout == (ROOT / "storage_adapters" / "unassigned.py").read_bytes()
    else:
        # A later version assigns more, and takes none back.
        assert {ord(c) for c in code_points() if unicodedata.category(c) == "Cn"} < UNASSIGNED


def test_a_letter_of_a_later_version_stands_for_itself() -> None:
    assert fold("\U00010d50") == "\U00010d50"  # GARAY CAPITAL LETTER A, of Unicode 16.0
    assert category_of("\U00010d50") == "Cn"


@pytest.mark.parametrize("form", [fold, search_form, tag_form])
def test_a_form_is_its_own_form(form: Callable[[str], str]) -> None:
    for lines in batched(code_points(sys.maxunicode if NIGHTLY else WITHOUT_LETTERS.start - 1)):
        once = form("\n".join(f"a{c}\u0301" for c in lines))
        assert form(once) == once


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Crème BRÛLÉE", "creme brulee"),
        ("Ångström ﬁlm", "angstrom film"),
        ("Ế e\u0323\u0302", "e e"),
        ("Ёлка й", "елка и"),
        ("שָׁלוֹם", "שלום"),
        ("が한글हिन्दी", "が한글हिन्दी"),
        ("STRAẞE", "strasse"),
    ],
)
def test_a_search_ignores_accents_and_keeps_letters(text: str, form: str) -> None:
    assert search_form(text) == form


def test_one_module_alone_knows_unicode() -> None:
    packages = ("files_service", "migrations", "storage_adapters", "syncer")
    found = [
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if "unicodedata" in path.read_text() or ".casefold(" in path.read_text()
    ]
    assert found == ["storage_adapters/unicode_text.py"]
