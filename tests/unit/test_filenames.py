"""Names under which parts are saved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.filenames import MAX_CHARACTERS, save_as
from tests.unit.records import part, record


def first(name: str) -> str:
    file = record(name=name)
    return save_as(file, file.parts[0])


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("clip.mp4", "clip.mp4"),
        ("Søren's café 1.pdf", "Søren's café 1.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        ("C:\\autoexec.bat", "C__autoexec.bat"),
        (".bashrc", "bashrc"),
        ("...", "file"),
        ("   ", "file"),
        ("name.", "name"),
        ("a\r\nSet-Cookie: x", "a__Set-Cookie_ x"),
        ('say "hi".txt', "say _hi_.txt"),
        ("no suffix", "no suffix"),
    ],
)
def test_a_name_becomes_safe_and_stays_recognisable(name: str, saved: str) -> None:
    assert first(name) == saved


@given(st.text())
def test_no_name_leaves_its_folder(name: str) -> None:
    saved = first(name)
    assert 1 <= len(saved) <= MAX_CHARACTERS
    assert not set(saved) & set('/\\:*?"<>|\x00\r\n')
    assert not saved.startswith(".")
    assert saved == saved.strip()


def test_a_long_name_keeps_its_suffix() -> None:
    assert first("x" * 255 + ".mp4") == "x" * 196 + ".mp4"


@pytest.mark.parametrize(
    ("content_type", "saved"),
    [
        ("video/mp4", "clip-p1.mp4"),
        ("image/jpeg", "clip-p1.jpg"),
        ("text/plain; charset=utf-8", "clip-p1.txt"),
        ("application/x-unheard-of", "clip-p1"),
    ],
)
def test_later_parts_carry_their_id_and_a_suffix_of_their_own(content_type: str, saved: str) -> None:
    later = part(part_id="p1", content_type=content_type)
    file = record(name="clip.mp4", parts=(part(content_type="video/mp4"), later))
    assert save_as(file, later) == saved
