"""GPMF: the first time that a satellite told."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime

import pytest

from files_service.services.media.extraction.gpmf import first_gps_time


def entry(key: bytes, kind: bytes, size: int, data: bytes) -> bytes:
    return struct.pack(">4sBBH", key, kind[0], size, len(data) // size) + data + b"\0" * (-len(data) % 4)


def device(*streams: bytes) -> bytes:
    inner = b"".join(entry(b"STRM", b"\0", 1, each) for each in streams)
    return entry(b"DEVC", b"\0", 1, entry(b"DVID", b"L", 4, b"\0\0\0\1") + inner)


def gpsu(text: bytes, fix: int = 3) -> bytes:
    return entry(b"GPSF", b"L", 4, struct.pack(">I", fix)) + entry(b"GPSU", b"U", 16, text)


TIME = datetime(2024, 5, 1, 10, 15, 30, 250_000, tzinfo=UTC)


def test_the_time_of_a_stream_with_a_fix_is_found_among_others() -> None:
    sensors = entry(b"ACCL", b"s", 6, bytes(60))
    assert first_gps_time(device(sensors, gpsu(b"240501101530.250"))) == TIME


@pytest.mark.parametrize("fix", [0, 1])
def test_without_a_fix_there_is_no_time(fix: int) -> None:
    assert first_gps_time(device(gpsu(b"240501101530.250", fix))) is None
    assert first_gps_time(device(entry(b"GPSU", b"U", 16, b"240501101530.250"))) is None


@pytest.mark.parametrize("text", [b"241301101530.250", b"24050110153 .250", b"no time at all  "])
def test_a_text_that_is_no_time_is_left_out(text: bytes) -> None:
    assert first_gps_time(device(gpsu(text))) is None


def test_broken_payloads_tell_nothing_and_do_no_harm() -> None:
    good = device(gpsu(b"240501101530.250"))
    for end in range(len(good)):
        assert first_gps_time(good[:end]) in (None, TIME)
    chance = random.Random(1)
    for _ in range(500):
        changed = bytearray(good)
        for _ in range(5):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        found = first_gps_time(bytes(changed))
        assert found is None or isinstance(found, datetime)
    nested = good
    for _ in range(200):
        nested = entry(b"DEVC", b"\0", 1, nested)
    assert first_gps_time(nested) is None
    assert first_gps_time(entry(b"DEVC", b"\0", 0xFF, b"") * 1_000) is None
