"""Clips of cards by names: each maker's layout, and Live Photos by their identifiers."""

from __future__ import annotations

import random

import pytest

from files_service.domain.clips.live_photos import paired
from files_service.domain.clips.member import Member, Role
from files_service.domain.clips.rules import RULES, member_of, sections
from files_service.ingest.card import CardFile
from files_service.ingest.groups import group
from tests.unit.cards.layouts import LAYOUTS, Layout


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_files_of_a_camera_are_its_clips(layout: Layout) -> None:
    paths = [each.split(" ", 2)[2] for clip in layout.values() for each in clip]
    random.Random(1).shuffle(paths)
    found: dict[str, list[str]] = {}
    for file in group([CardFile(path=path, size=1, mtime_ns=1) for path in paths]):
        found.setdefault(file.clip, []).append(f"{file.role.value} {file.chapter} {file.path}")
    assert {clip: sorted(files) for clip, files in found.items()} == {
        clip: sorted(files) for clip, files in layout.items()
    }


@pytest.mark.parametrize("name", ["XDCAM_EX", "CANON_XF", "GOPRO", "INSTA360", "P2"])
def test_the_parts_of_a_clip_follow_each_other(name: str) -> None:
    for files in LAYOUTS[name].values():
        paths = [each.split(" ", 2)[2] for each in files]
        random.Random(2).shuffle(paths)
        ordered = group([CardFile(path=path, size=1, mtime_ns=number) for number, path in enumerate(paths)])
        assert [f"{file.role.value} {file.chapter} {file.path}" for file in ordered] == list(files)


def test_each_rule_names_its_source() -> None:
    assert [rule.__name__ for rule in RULES if "Source: " not in (rule.__doc__ or "")] == []


def test_each_rule_is_met_by_a_card() -> None:
    met = set()
    for layout in LAYOUTS.values():
        for each in (each for files in layout.values() for each in files):
            folder, _, name = each.split(" ", 2)[2].rpartition("/")
            met |= {rule for rule in RULES if rule(folder, name) is not None}
    assert set(RULES) - met == set()


@pytest.mark.parametrize("path", ["", "A", "Clip", "CLIP/C0001", "Proxy", "BPAV/CLPR/x", "CONTENTS/CLIP/1.XML", "."])
def test_odd_paths_have_a_place(path: str) -> None:
    assert member_of(path).chapter == 0


def pairs(files: dict[str, str | None]) -> dict[str, tuple[str, str]]:
    """Clip and role by path; ``files`` are content identifiers by path."""
    members = {path: member_of(path) for path in files}
    known = {path: identifier for path, identifier in files.items() if identifier}
    return {path: (place.clip, place.role.value) for path, place in paired(members, known).items()}


def test_an_identifier_pairs_halves_of_different_names() -> None:
    assert pairs({"A/IMG_0001.HEIC": "one", "A/IMG_0007.MOV": "one"}) == {
        "A/IMG_0001.HEIC": ("A/IMG_0001", "main"),
        "A/IMG_0007.MOV": ("A/IMG_0001", "motion"),
    }


def test_different_identifiers_part_what_has_one_name() -> None:
    assert pairs({"A/IMG_0001.JPG": "one", "A/IMG_0001.MOV": "two"}) == {
        "A/IMG_0001.JPG": ("A/IMG_0001", "main"),
        "A/IMG_0001.MOV": ("A/IMG_0001.MOV", "main"),
    }


@pytest.mark.parametrize("known", [(None, None), ("one", None), (None, "one")])
def test_without_both_identifiers_the_name_decides(known: tuple[str | None, str | None]) -> None:
    assert pairs({"A/IMG_0001.HEIC": known[0], "A/IMG_0001.MOV": known[1]})["A/IMG_0001.MOV"] == (
        "A/IMG_0001",
        "motion",
    )


def test_a_clip_alone_is_no_half() -> None:
    assert pairs({"A/IMG_0001.MOV": "one"}) == {"A/IMG_0001.MOV": ("A/IMG_0001", "main")}


def test_sections_are_the_clips_of_several_files_and_the_runs_between_them() -> None:
    def file(path: str, clip: str, chapter: int = 0, role: Role = Role.MAIN) -> dict[str, object]:
        place = Member(clip, chapter, role)
        return {"path": path, "clip": place.clip, "chapter": place.chapter, "role": place.role.value}

    files = [
        file("1", "x/one"),
        file("2", "x/two"),
        file("3", "x/three", 2),
        file("4", "x/three", 1, Role.SIDECAR),
        file("5", "x/five"),
        file("6", "x/three", 1),
    ]
    assert [(name, [each["path"] for each in inside]) for name, inside in sections(files)] == [
        ("", ["1", "2"]),
        ("three", ["6", "4", "3"]),
        ("", ["5"]),
    ]
