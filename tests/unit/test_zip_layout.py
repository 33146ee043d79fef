"""The layout of archives, read by Python's zipfile and by unzip: whole, in ranges, and beyond the limits of 32 bits."""

from __future__ import annotations

import io
import os
import random
import subprocess
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.zip_layout import Content, Entry, Layout

GIB = 2**30
AT = 1_764_412_345_678
FILES = st.lists(
    st.tuples(
        st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0"), min_size=1, max_size=20),
        st.binary(max_size=300),
        st.integers(-1, 2**45),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda each: each[0],
)


def made(layout: Layout, contents: list[bytes], start: int = 0, end: int | None = None) -> bytes:
    """Make a range of an archive, as a sender does."""
    found: dict[int, int] = {}
    pieces = []
    for piece in layout.pieces(start, end, found):
        if isinstance(piece, Content):
            found[piece.index] = zlib.crc32(contents[piece.index])
            pieces.append(contents[piece.index][piece.offset : piece.offset + piece.length])
        else:
            pieces.append(piece)
    assert all(pieces)
    return b"".join(pieces)


def layout_of(files: list[tuple[str, bytes, int, bool]]) -> tuple[Layout, list[bytes]]:
    entries = [
        Entry(name=name, size=len(content), modified_at=at, crc32=zlib.crc32(content) if known else None)
        for name, content, at, known in files
    ]
    return Layout(entries), [content for _, content, _, _ in files]


@given(FILES)
def test_an_archive_is_what_zipfile_reads_and_as_long_as_it_says(files: list[tuple[str, bytes, int, bool]]) -> None:
    layout, contents = layout_of(files)
    whole = made(layout, contents)
    assert len(whole) == layout.size
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert [each.filename for each in archive.infolist()] == [name for name, *_ in files]
        assert [archive.read(each) for each in archive.infolist()] == contents


@given(FILES, st.data())
def test_every_range_is_that_of_the_whole(files: list[tuple[str, bytes, int, bool]], data: st.DataObject) -> None:
    layout, contents = layout_of([(name, content, at, True) for name, content, at, _ in files])
    assert layout.is_resumable
    whole = made(layout, contents)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    assert made(layout, contents, start, end) == whole[start:end]


def test_each_byte_can_be_the_first_and_the_last() -> None:
    layout, contents = layout_of([("a.txt", b"abc", AT, True), ("empty", b"", AT, True), ("ä/b", b"x" * 70, 0, True)])
    whole = made(layout, contents)
    assert [made(layout, contents, place, place + 1) for place in range(len(whole))] == [
        whole[place : place + 1] for place in range(len(whole))
    ]
    assert [made(layout, contents, place) for place in range(len(whole) + 1)] == [
        whole[place:] for place in range(len(whole) + 1)
    ]


def test_an_empty_content_needs_no_checksum() -> None:
    layout, contents = layout_of([("a", b"", AT, False), ("b", b"b", AT, True)])
    assert layout.is_resumable
    assert zipfile.ZipFile(io.BytesIO(made(layout, contents))).testzip() is None


def test_unzip_takes_archives_with_and_without_known_checksums(tmp_path: Path) -> None:
    files = [("ä ü.txt", b"abc", AT, True), ("b/c.bin", random.Random(1).randbytes(100_000), AT, False)]
    layout, contents = layout_of(files)
    layout = Layout([*layout.entries, Entry(name="empty/", modified_at=AT)])
    path = tmp_path / "a.zip"
    path.write_bytes(made(layout, [*contents, b""]))
    tested = subprocess.run(["unzip", "-t", str(path)], capture_output=True, text=True, check=True)
    assert "No errors detected" in tested.stdout
    subprocess.run(["unzip", "-q", str(path), "-d", str(tmp_path)], env={**os.environ, "LC_ALL": "C.UTF-8"}, check=True)
    for name, content, at, _ in files:
        assert (tmp_path / name).read_bytes() == content
        assert (tmp_path / name).stat().st_mtime == at // 1000
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "empty").is_dir()


def test_times_are_those_of_the_format_however_far_away() -> None:
    layout, contents = layout_of([("a", b"", at, True) for at in (-1, 0, AT, 2**45, 2**62)])
    layout = Layout([Entry(name=str(index), modified_at=each.modified_at) for index, each in enumerate(layout.entries)])
    with zipfile.ZipFile(io.BytesIO(made(layout, contents))) as archive:
        now = datetime.fromtimestamp(AT // 1000, tz=UTC)
        assert [each.date_time for each in archive.infolist()] == [
            (1980, 1, 1, 0, 0, 0),
            (1980, 1, 1, 0, 0, 0),
            (now.year, now.month, now.day, now.hour, now.minute, now.second // 2 * 2),
            (2107, 12, 31, 23, 59, 58),
            (2107, 12, 31, 23, 59, 58),
        ]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [4 * GIB - 2, 4 * GIB - 1, 4 * GIB, 5 * GIB])
def test_sizes_and_places_beyond_32_bits_are_in_zip64_records(tmp_path: Path, size: int, known: bool) -> None:
    """The contents are holes of a file: nothing reads or writes them."""
    crc32 = 7 if known else None
    layout = Layout([Entry(name="large", size=size, crc32=crc32), Entry(name="small", size=3, crc32=crc32)])
    path, place = tmp_path / "large.zip", 0
    with path.open("wb") as file:
        for piece in layout.pieces(found={0: 7, 1: 7}):
            if isinstance(piece, bytes):
                file.seek(place)
                file.write(piece)
            place += piece.length if isinstance(piece, Content) else len(piece)
    assert place == layout.size == path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        assert [(each.filename, each.file_size, each.CRC) for each in archive.infolist()] == [
            ("large", size, 7),
            ("small", 3, 7),
        ]
        # Opening compares the local header with the record of the directory.
        for name in ("large", "small"):
            archive.open(name).close()
    # A size of exactly 2**32 - 1 confuses unzip 6.0 about the next entry.
    if size != 4 * GIB - 1:
        listed = subprocess.run(["unzip", "-l", str(path)], capture_output=True, text=True, check=True).stdout
        assert f"{size + 3}  " in listed
    path.unlink()


@pytest.mark.parametrize("count", [0xFFFE, 0xFFFF])
def test_as_many_entries_as_one_likes(count: int) -> None:
    layout = Layout([Entry(name=f"{number}") for number in range(count)])
    whole = made(layout, [b""] * count)
    assert len(whole) == layout.size
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert len(archive.infolist()) == count
    assert made(layout, [], layout.size - 100) == whole[-100:]
