"""docs/pages.md shows pictures that are there and small, and names the budgets that the tests keep."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, read
from tests.pages.screenshot import FOLDER, MOST_BYTES
from tests.pages.test_budgets import MOST_SCRIPT_BYTES, MOST_SHARE_SCRIPT_BYTES, MOST_SHIFT, MOST_STYLE_BYTES
from tests.pages.test_plenty import MOST_NODES

PAGE = read("docs/pages.md")
SHOWN = re.findall(r"!\[[^\]]+\]\((\S+)\)", PAGE)


def test_each_picture_is_shown_and_small() -> None:
    in_readme = re.findall(r"!\[[^\]]+\]\((docs/images/\S+)\)", read("README.md"))
    assert len(in_readme) == 2
    shown = {ROOT / "docs" / name for name in SHOWN} | {ROOT / name for name in in_readme}
    assert shown == set(FOLDER.iterdir())
    assert {path.name for path in shown if path.stat().st_size > MOST_BYTES} == set()


@pytest.mark.parametrize(
    ("what", "most"),
    [
        ("Scripts of all pages, compressed", f"{MOST_SCRIPT_BYTES // 1000} kB"),
        ("Scripts of the page of a link, compressed", f"{MOST_SHARE_SCRIPT_BYTES // 1000} kB"),
        ("Styles of all pages, compressed", f"{MOST_STYLE_BYTES // 1000} kB"),
        ("Elements of the gallery, whatever its length and the screen", str(MOST_NODES)),
        ("Layout shift while a page loads", str(MOST_SHIFT)),
    ],
)
def test_the_budgets_are_those_of_the_tests(what: str, most: str) -> None:
    assert f"| {what} | {most} |" in PAGE
