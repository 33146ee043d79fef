"""Names of entries lead to one file each, below the folder in which the archive is unpacked, on any system."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.archive_names import entry_names, folder_names


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.txt", "a.txt"),
        ("a/b/c.txt", "a/b/c.txt"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a/./b//c", "a/b/c"),
        ("..", "file"),
        ("", "file"),
        ("C:\\windows\\a.txt", "C__windows_a.txt"),
        ("a\\..\\b", "a_._b"),
        ("a\0b\n.txt", "a_b_.txt"),
        ("con", "_con"),
        ("x/NUL.txt", "x/_NUL.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("console.txt", "console.txt"),
        ("u\u0308.txt", "ü.txt"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("name. . ", "name"),
        ("a\ud800", "a_"),
        ("a:b|c?.txt", "a_b_c_.txt"),
    ],
)
def test_a_name_is_a_clean_path_below_a_folder(path: str, name: str) -> None:
    assert entry_names([path]) == [name]


def test_files_that_would_be_one_get_numbers() -> None:
    assert entry_names(["a.txt", "A.TXT", "a.txt", "a (2).txt", "b", "B"]) == [
        "a.txt",
        "A (2).TXT",
        "a (3).txt",
        "a (2) (2).txt",
        "b",
        "B (2)",
    ]


def test_a_file_does_not_take_the_name_of_a_folder() -> None:
    assert entry_names(["A", "a/b.txt", "a/B.txt"]) == ["A (2)", "a/b.txt", "a/B (2).txt"]


def test_many_files_of_one_name_are_numbered_in_a_moment() -> None:
    names = entry_names(["a.jpg"] * 10_000)
    assert (len(set(names)), names[-1]) == (10_000, "a (10000).jpg")


def test_a_long_name_is_cut_and_keeps_its_suffix_and_number() -> None:
    first, second = entry_names(["ä" * 300 + ".jpeg"] * 2)
    assert first.endswith("ä.jpeg")
    assert second.endswith("ä (2).jpeg")
    assert max(len(first.encode()), len(second.encode())) <= 240


@given(st.lists(st.text(max_size=12) | st.text("aA./\\ (2)é", max_size=8), max_size=12))
def test_any_names_become_as_many_different_clean_ones(paths: list[str]) -> None:
    names = entry_names(paths)
    assert len({unicodedata.normalize("NFC", name.casefold()) for name in names}) == len(paths)
    for name in names:
        assert name.encode()
        assert all(segment and segment == segment.strip() and segment != ".." for segment in name.split("/"))
        assert not set(name) & set('\\:*?"<>|\0\n')


def test_folders_are_entries_of_their_own() -> None:
    assert list(folder_names(["a/b", "a//b/", "../c", ""])) == ["a/b/", "c/"]
    assert folder_names(["a", "a/b", "x", "x/y", "z"], ["x/y/1.txt", "zz"]) == {"a/b/": "a/b", "z/": "z"}


def test_no_file_takes_the_name_of_an_empty_folder() -> None:
    assert entry_names(["a/B", "c.txt"], ["a/b/d", "C.TXT"]) == ["a/B (2)", "c (2).txt"]
