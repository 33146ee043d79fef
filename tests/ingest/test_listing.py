"""The list of a card: nothing on it is passed over in silence."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from files_service.ingest.card import CardFile, LeftOut, Plan, Status
from files_service.ingest.entries import wire_path
from files_service.ingest.identity import identify
from files_service.ingest.junk import JUNK, is_junk
from files_service.ingest.listing import MAX_DEPTH, CardUnlistable, list_card, listing_sha256, plan
from tests.ingest.cards import GOPRO, fill, inserted, run
from tests.ingest.untouched import watched
from tests.scale import at_scale


def everything(root: Path) -> set[str]:
    """All entries that are no folders, as find lists them."""
    return set(run("find", root, "!", "-type", "d", "-printf", "%P\\n").splitlines())


def sorted_in(names: Iterable[str], taken: Iterable[str], junk: Iterable[str], left_out: Iterable[LeftOut]) -> set[str]:
    """The names that a plan mentions, alone or by a folder of junk."""
    junk = tuple(junk)
    single = {*taken, *junk, *(each.path for each in left_out)}
    folders = (*(name for name in junk if name.endswith("/")), *(f"{each.path}/" for each in left_out))
    return {name for name in names if name in single or name.startswith(folders)}


def test_junk_is_listed_and_everything_else_is_taken(tmp_path: Path) -> None:
    junk = {
        "System Volume Information/IndexerVolumeGuid": b"1",
        ".Spotlight-V100/Store-V2/a": b"2",
        ".Trashes/501/GX019999.MP4": b"3",
        "LOST.DIR/12": b"4",
        "DCIM/100GOPRO/.DS_Store": b"5",
    }
    with inserted(tmp_path, GOPRO | junk) as card:
        found = plan(identify(card.root))
        taken = [file.path for file in found.files]
        names = everything(card.root)
        assert sorted_in(names, taken, found.junk, found.left_out) == names == set(GOPRO | junk)
        assert set(taken) == set(GOPRO) - {"Get_started_with_GoPro.url"}
    assert set(found.junk) == {
        *("System Volume Information/", ".Spotlight-V100/", ".Trashes/", "LOST.DIR/"),
        *("DCIM/100GOPRO/.DS_Store", "Get_started_with_GoPro.url"),
    }


@pytest.mark.parametrize(
    "name", ["GX010001.MP4", "LOST.DIRECTOR", ".Trash", "Thumbs.db.MP4", "._GX010001.MP4", "FOUND.000"]
)
def test_names_that_resemble_junk_are_taken(name: str) -> None:
    assert not is_junk(name)


def test_each_pattern_of_junk_is_in_lower_case() -> None:
    assert all(pattern == pattern.casefold() and why for pattern, why in JUNK)


def test_links_pipes_and_sockets_are_named_and_never_opened(tmp_path: Path) -> None:
    root = tmp_path / "card"
    (root / "DCIM").mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"secret")
    (root / "DCIM" / "A.MP4").write_bytes(b"a")
    (root / "DCIM" / "out").symlink_to(secret)
    (root / "DCIM" / "file").symlink_to(secret / "key")
    (root / "DCIM" / "loop").symlink_to(root)
    (root / "DCIM" / "broken").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(root / "s"))
    listener.close()
    with watched(root):
        found = plan(identify(root))
    assert [file.path for file in found.files] == ["DCIM/A.MP4"]
    assert {each.path for each in found.left_out} == {
        *("DCIM/out", "DCIM/file", "DCIM/loop", "DCIM/broken", "pipe", "s"),
    }
    assert {each.status for each in found.left_out} == {Status.EXCLUDED}


def test_the_camera_is_not_told_by_a_file_outside_of_the_card(tmp_path: Path) -> None:
    root = tmp_path / "card"
    outside = tmp_path / "MISC"
    for folder in (root, outside):
        folder.mkdir()
    (outside / "version.txt").write_bytes(GOPRO["MISC/version.txt"])
    (root / "MISC").symlink_to(outside)
    assert identify(root).camera == ""


def test_names_in_other_bytes_are_unreadable_and_those_with_line_feeds_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a\nb\x1b[31m.MP4").write_bytes(b"1")
    (tmp_path / os.fsdecode(b"\xff\xfe.MP4")).write_bytes(b"2")
    (tmp_path / os.fsdecode(b"\xe9t\xe9")).mkdir()
    found = plan(identify(tmp_path))
    assert [file.path for file in found.files] == ["a\nb\x1b[31m.MP4"]
    assert [(each.path, each.status) for each in found.left_out] == [
        (r"\xe9t\xe9", Status.UNREADABLE),
        (r"\xff\xfe.MP4", Status.UNREADABLE),
    ]


def test_a_folder_that_is_deeper_than_any_camera_makes_is_named(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * (MAX_DEPTH + 5))
    deep.mkdir(parents=True)
    (deep / "A.MP4").write_bytes(b"a")
    found = plan(identify(tmp_path))
    assert found.files == ()
    [left_out] = found.left_out
    assert left_out.status is Status.UNREADABLE
    assert set(left_out.path.split("/")) == {"d"}


def test_a_path_that_no_manifest_takes_is_named_in_short(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["ä" * 120] * 6)
    deep.mkdir(parents=True)
    (deep / "A.MP4").write_bytes(b"a")
    found = plan(identify(tmp_path))
    assert found.files == ()
    [left_out] = found.left_out
    assert left_out.status is Status.UNREADABLE
    assert len(left_out.path.encode()) <= 1_024


def test_a_card_with_more_entries_than_any_camera_writes_is_refused(tmp_path: Path) -> None:
    for number in range(11):
        (tmp_path / str(number)).touch()
    assert len(list_card(tmp_path, max_entries=11).files) == 11
    with pytest.raises(CardUnlistable):
        list_card(tmp_path, max_entries=10)


def failing(monkeypatch: pytest.MonkeyPatch, folder: Path, fault: Callable[[], None]) -> None:
    """Let the look into one folder fail as the system does on a bad sector."""
    scandir = os.scandir

    def scan(path: Path) -> Any:
        if path == folder:
            fault()
            raise OSError(errno.EIO, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr("files_service.ingest.listing.os.scandir", scan)


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"DCIM/100GOPRO/A.MP4": b"a", "DCIM/101GOPRO/B.MP4": b"b"})
    failing(monkeypatch, tmp_path / "DCIM" / "101GOPRO", lambda: None)
    found = plan(identify(tmp_path))
    assert [file.path for file in found.files] == ["DCIM/100GOPRO/A.MP4"]
    assert [(each.path, each.status) for each in found.left_out] == [("DCIM/101GOPRO", Status.UNREADABLE)]
    assert "Input/output error" in found.left_out[0].reason


def test_a_card_that_is_pulled_while_it_is_listed_is_not_one_with_unreadable_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "card"
    fill(root, {"DCIM/100GOPRO/A.MP4": b"a"})

    def pull() -> None:
        root.rename(tmp_path / "away")
        # The folder at which it was mounted stays.
        root.mkdir()

    card = identify(root)
    failing(monkeypatch, root / "DCIM", pull)
    with pytest.raises(OSError, match="the card is gone"):
        plan(card)


def test_a_card_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_card(tmp_path / "gone")


def test_very_many_small_files_are_all_in_the_plan(tmp_path: Path) -> None:
    folders = at_scale(quick=2, default=10, nightly=100)
    for folder in range(folders):
        (tmp_path / f"{folder}").mkdir()
        for number in range(1000):
            os.close(os.open(tmp_path / f"{folder}" / f"{number:05}.JPG", os.O_CREAT))
    found = plan(identify(tmp_path))
    assert len(found.files) == found.clips == 1000 * folders


def test_only_media_count_as_clips(tmp_path: Path) -> None:
    names = ("GX010001.MP4", "GX020001.MP4", "GL010001.LRV", "A.CR3", "A.xmp", "sound.WAV", "notes.txt", "x.xml", "mp4")
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    found = plan(identify(tmp_path))
    assert (len(found.files), found.clips) == (len(names), 3)


def test_the_digest_of_a_listing_is_that_of_its_lines_in_the_order_of_bytes(tmp_path: Path) -> None:
    files = (
        CardFile(path="b", size=2, mtime_ns=2_999_999),
        CardFile(path="é", size=3, mtime_ns=-1),
        CardFile(path="a", size=1, mtime_ns=1_000_000),
        CardFile(path="refused", size=9, mtime_ns=9),
        CardFile(path="x\ny", size=0, mtime_ns=0),
    )
    left_out = (
        LeftOut(path="c", status=Status.UNREADABLE, reason="the folder cannot be read"),
        LeftOut(path="link", status=Status.EXCLUDED, reason="a link, which is not followed"),
    )
    lines = "a\x001\x001\nb\x002\x002\nc\x000\x000\nx\\ny\x000\x000\né\x003\x00-1\n".encode()
    listed = Plan(card=identify(tmp_path), files=files, left_out=left_out)
    assert listing_sha256(listed, excluded={"refused"}) == hashlib.sha256(lines).hexdigest()


NAMES = st.one_of(
    st.sampled_from(("DCIM", ".Trashes", "LOST.DIR", "A.MP4", ".DS_Store", "GX010001.MP4", "thumbs.db", "x\ny")),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=5),
).filter(lambda name: name not in (".", ".."))
TREES = st.recursive(
    st.sampled_from(("file", "link")), lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def build(place: Path, tree: object) -> set[str]:
    """Make a tree and return the names of its files and links."""
    if isinstance(tree, dict):
        place.mkdir()
        return {f"{name}/{path}".rstrip("/") for name, inner in tree.items() for path in build(place / name, inner)}
    if tree == "file":
        place.write_bytes(b"x")
    else:
        place.symlink_to("/")
    return {""}


@settings(max_examples=at_scale(quick=10, default=40, nightly=1000))
@given(st.dictionaries(NAMES, TREES, max_size=5))
@example({"\\": {".Trashes": {"\x1f": "file"}}})
def test_taken_and_junk_and_left_out_are_the_listing(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    root = tmp_path_factory.mktemp("card") / "root"
    names = build(root, tree)
    listing = list_card(root)
    left_out = {each.path for each in listing.left_out}
    # A path as one line is made of the whole: that of a folder need not be the beginning of those of its files.
    told = sorted_in(names, [file.path for file in listing.files], listing.junk, ())
    assert told | {name for name in names if wire_path(name) in left_out} == names
    taken = [wire_path(file.path) for file in listing.files]
    assert set(taken) <= set(map(wire_path, names))
    assert len(taken) == len(set(taken))
