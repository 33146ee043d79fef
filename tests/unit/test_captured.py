"""The time of capture: the order of its sources, cameras with local clocks, and offsets."""

from __future__ import annotations

import pytest

from files_service.domain.captured import Source, Told, captured

AT = 1_714_558_530_000
HOUR = 3_600_000
TOLD = [
    Told(Source.CONTAINER_LOCAL, AT + 5),
    Told(Source.EXIF_LOCAL, AT + 4),
    Told(Source.CONTAINER, AT + 3),
    Told(Source.QUICKTIME, AT + 2, 60),
    Told(Source.EXIF, AT + 1, 120),
    Told(Source.GPS, AT),
]


def test_the_first_source_in_the_order_of_trust_decides() -> None:
    left = list(TOLD)
    for source in ("gps", "exif", "quicktime", "container", "exif_local", "container_local"):
        found = captured(left, mtime_at=AT + 6)
        assert found is not None
        assert found.source == source
        left = [each for each in left if each.source != source]
    assert captured(left, mtime_at=AT + 6) == Told(Source.MTIME, AT + 6)
    assert captured(left) is None


@pytest.mark.parametrize("mtime_at", ["1714558530000", 1.5, True, -1, 0, 10**18, None, []])
def test_a_time_of_the_sender_that_is_none_is_left_out(mtime_at: object) -> None:
    assert captured([], mtime_at=mtime_at) is None


def test_a_time_beyond_all_calendars_is_left_out() -> None:
    assert captured([Told(Source.GPS, 10**18), Told(Source.EXIF, AT, 0)]) == Told(Source.EXIF, AT, 0)


@pytest.mark.parametrize("camera", ["GoPro", "gopro", "GoPro HERO12"])
def test_the_container_of_a_gopro_has_local_time(camera: str) -> None:
    assert captured([Told(Source.CONTAINER, AT)], camera=camera) == Told(Source.CONTAINER_LOCAL, AT)
    assert captured([Told(Source.CONTAINER, AT)], camera="Acme") == Told(Source.CONTAINER, AT)


@pytest.mark.parametrize(
    ("ahead_ms", "offset"),
    [
        (2 * HOUR, 120),
        (-int(3.5 * HOUR), -210),
        (int(5.75 * HOUR) + 30_000, 345),
        (14 * HOUR, 840),
        (15 * HOUR, None),
        (int(2.1 * HOUR), None),
    ],
)
def test_satellites_and_a_local_clock_tell_the_offset(ahead_ms: int, offset: int | None) -> None:
    told = [Told(Source.GPS, AT), Told(Source.CONTAINER, AT + ahead_ms)]
    assert captured(told, camera="GoPro") == Told(Source.GPS, AT, offset)


def test_an_offset_that_is_written_is_preferred_to_a_computed_one() -> None:
    told = [Told(Source.GPS, AT), Told(Source.EXIF, AT, 180), Told(Source.EXIF_LOCAL, AT + HOUR)]
    assert captured(told) == Told(Source.GPS, AT, 180)
