"""Derived parts by their ids and kinds, and the proxies of cameras."""

from __future__ import annotations

import pytest

from files_service.domain.derived import KINDS, derived_id, find_preview, find_readable, kind_of, without_derived
from files_service.services.media.proxies import proxy_names
from storage_adapters import FileRecord, Part


def part(part_id: str) -> Part:
    return Part(part_id=part_id, type="file", content_type="image/webp", size=1, bucket="b", key=f"o/f/{part_id}")


def record(*kinds: str) -> FileRecord:
    derived = tuple(part(derived_id(kind, "01ARZ")) for kind in kinds)
    return FileRecord(
        file_id="f", owner="o", name="n", created_at=0, parts=(part("p0"),), size=1, content_type="", derived=derived
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_leads_to_its_kind(kind: str) -> None:
    assert kind_of(derived_id(kind, "01ARZ3NDEKTSV4RRFFQ69G5FAV")) == kind


@pytest.mark.parametrize("text", ["p0", "poster", "poster-", "thumbnail-99-x", "hover-../x", "hover-x\n", "x-poster-1"])
def test_other_ids_have_no_kind(text: str) -> None:
    assert kind_of(text) is None


def test_the_nearest_kind_serves_for_one_that_is_not_there() -> None:
    small, clip = record("thumbnail-256"), record("thumbnail-256", "poster")
    assert find_preview(small.derived, "thumbnail-1600") == small.derived[0]
    assert find_preview(clip.derived, "thumbnail-1600") == clip.derived[1]
    assert find_preview(clip.derived, "hover") is None
    assert find_preview(clip.derived, "nonsense") is None


def test_a_part_is_found_by_its_id_and_a_preview_by_its_kind_too() -> None:
    found = record("poster")
    assert find_readable(found, "p0") == found.parts[0]
    assert find_readable(found, "poster") == find_readable(found, "poster-01ARZ") == found.derived[0]
    assert find_readable(found, "poster-other") is None
    assert without_derived((*found.parts, *found.derived)) == found.parts


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("GX010001.MP4", ("GL010001.LRV", "GX010001.LRV", "GX010001.LRF")),
        ("GOPR0001.MP4", ("GOPR0001.LRV", "GOPR0001.LRF")),
        ("DJI_0001.MP4", ("DJI_0001.LRV", "DJI_0001.LRF")),
        ("GL010001.LRV", ()),
        ("photo.jpg", ()),
    ],
)
def test_a_clip_has_the_proxy_names_of_its_camera(name: str, names: tuple[str, ...]) -> None:
    assert proxy_names(name) == names
