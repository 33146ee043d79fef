"""``Content-Disposition`` for any name at all."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from files_service.gateway.transfer.disposition import content_disposition, safe_name

HEADER = re.compile(r"(inline|attachment); filename=\"([^\"\\]*)\"(?:; filename\*=UTF-8''([A-Za-z0-9%._~-]+))?")


@given(st.text())
@example("a\r\nb")
@example("‮gpj.exe")
@example("%41.txt")
@example("ＡＢ／．．")
def test_any_name_makes_one_plain_line_that_says_the_name(name: str) -> None:
    header = content_disposition("attachment", name)
    match = HEADER.fullmatch(header)
    assert match is not None
    assert header.isascii()
    assert header.isprintable()
    said = unquote(match[3]) if match[3] else match[2]
    assert said == safe_name(name)
    assert not set(said) & set("/\\\r\n\0")
    assert said not in (".", "..", "")
    assert not set(match[2]) & set("/\\%")


def test_a_plain_name_is_left_alone() -> None:
    assert content_disposition("inline", "my clip (1).mp4") == 'inline; filename="my clip (1).mp4"'


@pytest.mark.parametrize(
    "name",
    [
        "\u0646\u0627\u0645\u0647\u200c\u0647\u0627.pdf",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467.png",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f.svg",
    ],
    ids=["Persian", "family", "flag of Scotland"],
)
def test_joiners_and_tags_stay_in_names(name: str) -> None:
    assert safe_name(name) == name
    match = HEADER.fullmatch(content_disposition("attachment", name))
    assert match is not None
    assert unquote(match[3]) == name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("\u65e5\u672c\u8a9e.pdf", "file.pdf"),
        ("\u65e5\u672c.tar.gz", "file.tar.gz"),
        ("\u65e5\u672c", "file"),
        ("\u65e5\u672c ..pdf", "file..pdf"),
        ("\u00e9.pdf", "e.pdf"),
    ],
)
def test_the_plain_form_of_a_name_is_no_hidden_file(name: str, plain: str) -> None:
    match = HEADER.fullmatch(content_disposition("attachment", name))
    assert match is not None
    assert match[2] == plain


def test_an_accented_name_has_a_readable_fallback() -> None:
    assert (
        content_disposition("inline", "Übung.mp4") == "inline; filename=\"Ubung.mp4\"; filename*=UTF-8''%C3%9Cbung.mp4"
    )
