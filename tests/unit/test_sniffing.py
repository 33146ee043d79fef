"""Types by first bytes: what looks alike and is not, and containers of many kinds."""

from __future__ import annotations

import io
import random
import struct
import zipfile

import pytest

from files_service.core import Core
from files_service.services.verification import SNIFFED_BYTES, verify
from storage_adapters import FileRecord
from tests.cores import call, uploaded_file


def kind_of(core: Core, content: bytes) -> str:
    record = core.metadata.get(uploaded_file(core, content)["file_id"])
    found = verify(core, record, lambda: None)
    return str(found.content_type)  # type: ignore[union-attr]


def archive(**entries: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return made.getvalue()


def media(*brands: bytes) -> bytes:
    box = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return struct.pack(">I", len(box) + 4) + box + bytes(200)


OFFICE = "application/vnd.openxmlformats-officedocument."
TYPES = [
    (archive(a=b"hi"), "application/zip"),
    (archive(**{"word/a.txt": b"no document"}), "application/zip"),
    (archive(**{"[Content_Types].xml": b"<x/>", "word/document.xml": b"x"}), OFFICE + "wordprocessingml.document"),
    (archive(**{"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"x"}), OFFICE + "spreadsheetml.sheet"),
    (archive(**{"_rels/.rels": b"<x/>", "ppt/a.xml": b"x"}), OFFICE + "presentationml.presentation"),
    (archive(mimetype=b"application/epub+zip", a=b"x"), "application/epub+zip"),
    (archive(mimetype=b"text/html", a=b"x"), "application/zip"),
    (b"BMW is a maker of cars.\n" * 9, "application/octet-stream"),
    (b"BM" + struct.pack("<IHHI", 58, 0, 0, 54) + struct.pack("<IiiHH", 40, 1, 1, 1, 24) + bytes(30), "image/bmp"),
    (b'{"a": [1, 2]}', "application/json"),
    (b"[1, 2", "application/octet-stream"),
    (b"{" + random.Random(1).randbytes(300), "application/octet-stream"),
    (b"{" + random.Random(2).randbytes(2 * SNIFFED_BYTES), "application/octet-stream"),
    (b'{"a": "' + "ä".encode() * SNIFFED_BYTES + b'"}', "application/json"),
    (b"{ color: red; }\n" * SNIFFED_BYTES, "application/octet-stream"),
    (random.Random(3).randbytes(300), "application/octet-stream"),
    (media(b"mif1", b"mif1", b"heic"), "image/heic"),
    (media(b"mif1", b"mif1", b"avif"), "image/avif"),
    (media(b"mif1"), "image/heif"),
    (media(b"heic", b"mif1"), "image/heic"),
    (media(b"iso5", b"iso5", b"dash"), "video/mp4"),
    (media(b"iso6", b"mp41"), "video/mp4"),
    (media(b"M4A ", b"isom", b"mp42"), "audio/mp4"),
    (media(b"qt  "), "video/quicktime"),
    (media(b"wxyz", b"mp42"), "video/mp4"),
    (media(b"wxyz"), "application/octet-stream"),
    ((b"\x47\x40\x11\x10" + bytes(184)) * 9, "video/mp2t"),
    ((bytes(4) + b"\x47\x40\x11\x10" + bytes(184)) * 9, "video/mp2t"),
    (b"G" * 100, "application/octet-stream"),
    (b"glTF\x02\0\0\0" + bytes(30), "model/gltf-binary"),
    (b"%PDF-1.7\n" + bytes(30), "application/pdf"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(50), "image/jpeg"),
    (b"ID3\x03\0" + bytes(50), "audio/mpeg"),
    (b"RIFF\0\0\0\0WEBPVP8 " + bytes(30), "image/webp"),
]


@pytest.mark.parametrize(("content", "found"), TYPES, ids=[f"{at}-{found}" for at, (_, found) in enumerate(TYPES)])
def test_the_first_bytes_tell_the_type(core: Core, content: bytes, found: str) -> None:
    assert kind_of(core, content) == found


@pytest.mark.parametrize(("content", "_"), TYPES)
def test_what_is_cut_anywhere_breaks_nothing(core: Core, content: bytes, _: str) -> None:
    for size in (1, 2, 4, 5, 8, 12, 17, 31, 40):
        assert "/" in kind_of(core, content[:size])


def test_random_bytes_have_no_type_of_text(core: Core) -> None:
    source = random.Random(7)
    kinds = {kind_of(core, start + source.randbytes(64)) for start in (b"{", b"[", b"BM", b"PK") for _ in range(20)}
    assert kinds == {"application/octet-stream"}


def test_the_type_is_in_the_record(core: Core) -> None:
    record = call(core, "files.process", file_id=uploaded_file(core, media(b"iso6"))["file_id"])
    assert record["content_type"] == "video/mp4"
    assert isinstance(core.metadata.get(record["file_id"]), FileRecord)
