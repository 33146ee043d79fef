"""docs/errors.md lists every error that a caller can see."""

from __future__ import annotations

import re

from files_service.errors import error_classes
from tests.docs.pages import ROOT, plain, read, rows, section

PAGE = read("docs/errors.md")


def test_every_code_is_documented_with_its_status_and_class() -> None:
    documented = {
        plain(row["code"]): (int(row["HTTP"]), plain(row["class"]))
        for row in rows(PAGE, "code", "HTTP", "class", "meaning", "what to do")
    }
    assert documented == {code: (cls.http_status, cls.__name__) for code, cls in error_classes().items()}


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    assert all(row["meaning"] and row["what to do"] for row in rows(PAGE, "code", "what to do"))


def test_every_code_that_the_service_writes_into_a_record_is_documented() -> None:
    sources = [path.read_text() for path in (ROOT / "files_service").rglob("*.py")]
    written = re.compile(r"(?:Failure\(code=|ProcessingFailed\(|failed\(|\"error\"\] = Failure\(code=)\"(\w+)\"")
    codes = {code for source in sources for code in written.findall(source)}
    documented = {plain(row["`error.code`"]) for row in rows(section(PAGE, "In the record"), "`error.code`")}
    assert documented == codes
