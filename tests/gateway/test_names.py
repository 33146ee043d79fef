"""``Content-Disposition`` for any name at all."""

from __future__ import annotations

import re
from urllib.parse import unquote

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


def test_an_accented_name_has_a_readable_fallback() -> None:
    assert (
        content_disposition("inline", "Übung.mp4") == "inline; filename=\"Ubung.mp4\"; filename*=UTF-8''%C3%9Cbung.mp4"
    )
