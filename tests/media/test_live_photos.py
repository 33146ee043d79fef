"""Live Photos: the identifier of both halves, and their pairing in the session of a card."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from files_service.services.media.extraction.apple import content_identifier
from tests.cores import call, memory_core, processed_file
from tests.media import live_photos, samples
from tests.media.opening import opened
from tests.unit.cards.scenes import OWNER, copied, entry_of

ONE, TWO = "11111111-AAAA-4AAA-8AAA-000000000001", "22222222-BBBB-4BBB-8BBB-000000000002"


@pytest.mark.parametrize("made", [live_photos.jpeg, live_photos.heic])
def test_a_picture_tells_its_identifier(made: Callable[[str], bytes]) -> None:
    found = opened("picture", made(ONE))
    assert (found.fault, found.facts["content_identifier"]) == (None, ONE)


def test_a_clip_tells_its_identifier() -> None:
    assert opened("clip", live_photos.mov(ONE)).facts["content_identifier"] == ONE
    assert "content_identifier" not in opened("clip", samples.clip("mov", frames=10)).facts


def test_a_picture_of_another_camera_tells_none() -> None:
    assert "content_identifier" not in opened("picture", samples.jpeg(exif=samples.exif_of())).facts


@pytest.mark.parametrize("order", [">", "<"])
def test_both_byte_orders_are_read(order: str) -> None:
    assert content_identifier(live_photos.maker_note(ONE, order=order)) == ONE


SOUND = live_photos.maker_note(ONE)
HOSTILE = {
    "nothing": b"",
    "another maker": b"Nikon\0" + SOUND,
    "text": "Apple iOS",
    "head alone": SOUND[:14],
    "no byte order": SOUND[:12] + b"XX" + SOUND[14:],
    "many entries": SOUND[:14] + b"\xff\xff" + SOUND[16:28],
    "text beyond the end": SOUND[:-20],
    "place beyond the end": SOUND[:36] + struct.pack(">I", 2**31) + SOUND[40:],
    "long text": SOUND[:32] + struct.pack(">I", 2**31) + SOUND[36:],
    "binary": SOUND[:44] + bytes(range(1, 38)),
}


@pytest.mark.parametrize("note", HOSTILE.values(), ids=HOSTILE)
def test_hostile_notes_tell_no_identifier(note: object) -> None:
    found = content_identifier(note)
    assert found is None or (found != ONE and found.isascii() and found.isprintable())


def test_the_halves_of_a_live_photo_are_one_clip_in_the_session_of_their_card(tmp_path: Path) -> None:
    core = memory_core(tmp_path, media=True)
    files = {
        # A phone that was restored numbers pictures and clips apart.
        "DCIM/100APPLE/IMG_0001.HEIC": live_photos.heic(ONE),
        "DCIM/100APPLE/IMG_0007.MOV": live_photos.mov(ONE),
        "DCIM/100APPLE/IMG_0002.JPG": live_photos.jpeg(TWO),
        "DCIM/100APPLE/IMG_0002.MOV": live_photos.mov(ONE[::-1]),
    }
    types = {"HEIC": "image/heic", "MOV": "video/quicktime", "JPG": "image/jpeg"}
    entries = []
    for path, content in files.items():
        kind = types[path.rpartition(".")[2]]
        parts = [{"size": len(content), "content_type": kind}]
        record = processed_file(core, content, owner=OWNER, name=path.rpartition("/")[2], parts=parts)
        entries.append(entry_of(path, content, record["file_id"]))
    session_id = copied(core, entries)["session_id"]
    listed = call(core, "cards.files", session_id=session_id)["files"]
    assert {each["path"][14:]: (each["clip"][14:], each["role"]) for each in listed} == {
        "IMG_0001.HEIC": ("IMG_0001", "main"),
        "IMG_0007.MOV": ("IMG_0001", "motion"),
        "IMG_0002.JPG": ("IMG_0002", "main"),
        "IMG_0002.MOV": ("IMG_0002.MOV", "main"),
    }
    core.close()
