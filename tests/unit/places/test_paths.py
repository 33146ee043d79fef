"""The paths that the doors of people admit."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.paths import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_SEGMENT_BYTES,
    BadPath,
    ancestors_of,
    clean_folder,
    clean_path,
    is_within,
    joined,
    name_of,
    new_folder,
    new_path,
    numbered,
    rebased,
    renamed,
    restored,
    segment_of,
)

TEXTS = st.text(st.characters() | st.sampled_from("/.\\ a\u202e\u0301"), max_size=300)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "../a",
        "a/./b",
        "a\\b",
        "a\0",
        "a\nb",
        "a\x7f",
        "a\x85b",
        "a\u2028b",
        "a\u202eb",
        "a\u2066b",
        "\u200fa",
        "\ud800",
        " /a",
        "x" * (MAX_SEGMENT_BYTES + 1),
        "é" * 128,
        "/".join(["x" * 100] * 11),
    ],
)
def test_a_text_that_is_no_clean_path_is_refused(text: str) -> None:
    with pytest.raises(BadPath):
        clean_path(text)


def test_a_path_is_normalised_before_it_is_checked() -> None:
    assert clean_path("e\u0301/\u212b.txt") == "é/Å.txt"
    # Composed it is within the limit, as it came it is not.
    assert clean_path("e\u0301" * 127) == "é" * 127
    assert clean_path("...") == "..."
    assert clean_path("a/.b/..c") == "a/.b/..c"


@given(TEXTS)
def test_what_is_admitted_stays_as_it_is_and_is_made_of_segments(text: str) -> None:
    try:
        path = clean_path(text)
    except BadPath:
        return
    assert clean_path(path) == path
    assert len(path.encode()) <= MAX_BYTES
    assert not {"", ".", ".."} & set(path.split("/"))
    assert clean_folder(f"{path}/") == path
    for inner, outer in pairwise([path, *reversed(ancestors_of(path))]):
        assert is_within(inner, outer)
        assert rebased(inner, outer, outer) == inner


@given(TEXTS, st.integers(2, 9_999))
def test_every_name_has_a_segment_and_every_path_names_beside_it(text: str, number: int) -> None:
    path = f"folder/{segment_of(text)}"
    assert clean_path(path) == path
    for other in (numbered(path, number), restored(path, number), numbered(path, number, is_folder=True)):
        assert clean_path(other) == other
        assert is_within(other, "folder")
        assert other != path


def test_a_number_stands_before_the_suffix_and_behind_a_folder() -> None:
    assert [numbered("a/b.tar", number) for number in (1, 2, 10)] == ["a/b.tar", "a/b (2).tar", "a/b (10).tar"]
    assert [restored("b.x", number) for number in (1, 2, 3)] == ["b.x", "b (restored).x", "b (restored 2).x"]
    assert numbered("trip.2026", 2, is_folder=True) == "trip.2026 (2)"
    assert name_of(numbered("x" * 251 + ".txt", 2)) == "x" * 247 + " (2).txt"


def test_up_is_not_up2() -> None:
    assert not is_within("up2/a", "up")
    assert is_within("up/a", "up")
    assert is_within("up", "")


def test_a_new_name_stays_in_its_folder() -> None:
    assert renamed("a/b.txt", "c.txt") == "a/c.txt"
    for name in ("../c", "a/b", "..", "\u202ec"):
        with pytest.raises(BadPath):
            renamed("a/b.txt", name)


def test_a_new_path_is_not_deep_and_a_deep_one_gets_no_deeper() -> None:
    deepest = "/".join(["a"] * MAX_DEPTH)
    assert (new_path(deepest), new_folder(f"{deepest}/"), new_folder("")) == (deepest, deepest, "")
    deep = f"{deepest}/b/c"
    assert clean_path(deep) == clean_folder(f"{deep}/") == deep
    assert renamed(deep, "d") == f"{deepest}/b/d"
    assert rebased(deep, "a/a", "x") == f"x/{deep.removeprefix('a/a/')}"
    assert joined(f"{deepest}/b", "x", before=deep) == f"{deepest}/b/x"
    for refused in (
        lambda: new_path(f"{deepest}/b"),
        lambda: new_folder(f"{deepest}/b/"),
        lambda: joined(deepest, "b"),
        lambda: joined(f"{deepest}/b/c", "x", before=deep),
        lambda: rebased(deepest, "a", "x/y"),
    ):
        with pytest.raises(BadPath, match="64 segments"):
            refused()
