"""Clips: names of cameras, order, and no file lost."""

from __future__ import annotations

from itertools import groupby, pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.clips.member import Role
from files_service.ingest.card import CardFile
from files_service.ingest.groups import group


def files(*names: str, first_at: int = 0) -> list[CardFile]:
    return [CardFile(path=name, size=1, mtime_ns=first_at + number) for number, name in enumerate(names)]


def names(*given_files: CardFile) -> list[str]:
    return [file.path.rpartition("/")[2] for file in given_files]


def clips(*paths: str) -> list[list[str]]:
    """The names of each clip, in their order."""
    found: dict[str, list[str]] = {}
    for file in group(files(*paths)):
        found.setdefault(file.clip, []).append(file.path.rpartition("/")[2])
    return list(found.values())


def test_chapters_of_gopro_follow_each_other_with_what_belongs_to_each() -> None:
    folder = "DCIM/100GOPRO/"
    paths = [
        *("GX020124.MP4", "GX010124.MP4", "GL020124.LRV", "GX010124.THM", "GL010124.LRV", "GX020124.THM"),
        *("GH010125.MP4", "GS010126.360"),
    ]
    assert clips(*(folder + path for path in paths)) == [
        ["GX010124.MP4", "GL010124.LRV", "GX010124.THM", "GX020124.MP4", "GL020124.LRV", "GX020124.THM"],
        ["GH010125.MP4"],
        ["GS010126.360"],
    ]


def test_older_gopro_names_begin_with_gopr() -> None:
    assert clips("GP020042.MP4", "GP010042.MP4", "GOPR0042.MP4", "GOPR0042.THM") == [
        ["GOPR0042.MP4", "GOPR0042.THM", "GP010042.MP4", "GP020042.MP4"]
    ]


def test_dji_subtitles_and_proxies_lie_with_their_clip() -> None:
    first, second = "DCIM/100MEDIA/DJI_20240101120000_0001_D", "DCIM/100MEDIA/DJI_20240101120100_0002_D"
    found = group(files(f"{first}.SRT", f"{first}.LRF", f"{first}.MP4", f"{second}.MP4"))
    assert names(*found) == [
        f"{name.rpartition('/')[2]}" for name in (f"{first}.MP4", f"{first}.LRF", f"{first}.SRT")
    ] + ["DJI_20240101120100_0002_D.MP4"]
    assert [file.role for file in found] == [Role.MAIN, Role.PROXY, Role.SIDECAR, Role.MAIN]


def test_the_folders_of_sony_are_one_clip() -> None:
    top = "PRIVATE/M4ROOT/"
    assert clips(
        f"{top}THMBNL/C0001T01.JPG", f"{top}SUB/C0001S03.MP4", f"{top}CLIP/C0001M01.XML", f"{top}CLIP/C0001.MP4"
    ) == [["C0001.MP4", "C0001S03.MP4", "C0001M01.XML", "C0001T01.JPG"]]


def test_both_lenses_of_insta360_are_one_clip() -> None:
    assert clips(
        "DCIM/Camera01/VID_20240101_120000_10_001.insv",
        "DCIM/Camera01/VID_20240101_120000_00_001.insv",
        "DCIM/Camera01/LRV_20240101_120000_01_001.lrv",
    ) == [
        ["VID_20240101_120000_00_001.insv", "VID_20240101_120000_10_001.insv", "LRV_20240101_120000_01_001.lrv"],
    ]


def test_a_live_photo_and_a_photo_in_two_formats_are_one_clip() -> None:
    assert clips(
        "DCIM/100APPLE/IMG_0001.HEIC", "DCIM/100APPLE/IMG_0001.MOV", "DCIM/101CANON/A.CR3", "DCIM/101CANON/A.JPG"
    ) == [
        ["IMG_0001.HEIC", "IMG_0001.MOV"],
        ["A.CR3", "A.JPG"],
    ]


def test_equal_names_in_two_folders_are_two_clips() -> None:
    assert len(clips("DCIM/100GOPRO/GX010001.MP4", "DCIM/101GOPRO/GX010001.MP4")) == 2


def test_the_oldest_clip_is_first_whatever_its_sidecars_say() -> None:
    late, early = CardFile(path="B.MP4", size=1, mtime_ns=10), CardFile(path="A.MP4", size=1, mtime_ns=20)
    sidecar = CardFile(path="A.XMP", size=1, mtime_ns=1)
    assert names(*group([early, sidecar, late])) == ["B.MP4", "A.MP4", "A.XMP"]


CAMERA_NAMES = st.one_of(
    st.from_regex(r"G[XHSLP]\d\d000[1-3]\.(MP4|LRV|THM|JPG|360)", fullmatch=True),
    st.from_regex(r"GOPR000[1-3]\.(MP4|THM|JPG)", fullmatch=True),
    st.from_regex(r"C000[1-3](M01\.XML|T01\.JPG|S03\.MP4|\.MP4)", fullmatch=True),
    st.from_regex(r"(VID|LRV)_20240101_12000[0-3]_(00|10|01)_00[1-2]\.(insv|lrv)", fullmatch=True),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8),
)
FOLDERS = st.sampled_from(
    ["", "DCIM/100GOPRO", "PRIVATE/M4ROOT/CLIP", "PRIVATE/M4ROOT/SUB", "PRIVATE/AVCHD/BDMV/STREAM"]
)
PATHS = st.builds(lambda folder, name: f"{folder}/{name}" if folder else name, FOLDERS, CAMERA_NAMES)
FILES = st.lists(
    st.builds(CardFile, path=PATHS, size=st.integers(0, 9), mtime_ns=st.integers(0, 5)),
    unique_by=lambda file: file.path,
    max_size=30,
)


@given(FILES, st.randoms(use_true_random=False))
def test_no_file_is_lost_and_each_clip_stays_together(found: list[CardFile], random: Random) -> None:
    grouped = group(found)
    key = lambda file: (file.path, file.size, file.mtime_ns)  # noqa: E731
    assert sorted(map(key, grouped)) == sorted(map(key, found))
    # One run of files for each clip.
    runs = [clip for clip, _ in groupby(grouped, key=lambda file: file.clip)]
    assert len(runs) == len(set(runs))
    for one, following in pairwise(grouped):
        assert one.clip != following.clip or one.chapter <= following.chapter
    shuffled = list(found)
    random.shuffle(shuffled)
    assert group(shuffled) == grouped
