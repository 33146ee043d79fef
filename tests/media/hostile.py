"""Broken and hostile files: what a decoder must survive, or be kept from."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

from tests.media import samples

VIDEO, IMAGE, AUDIO = "video/mp4", "image/jpeg", "audio/mpeg"
Case = tuple[str, str, bytes]


def cases() -> Iterator[Case]:
    """Yield a name, the declared type, and the bytes."""
    yield from _containers()
    yield from _scripts()
    yield from _pictures()
    yield from _flipped()


def _containers() -> Iterator[Case]:
    whole, first, stream = samples.clip(), samples.clip_with_index_first(), samples.clip("mpegts")
    yield "index at the front, cut in half", VIDEO, first[: len(first) // 2]
    yield "no index", VIDEO, whole[: whole.index(b"moov") - 4]
    yield "index cut", VIDEO, whole[: whole.index(b"moov") + 200]
    yield "one byte", VIDEO, b"\0"
    yield "noise", VIDEO, random.Random(1).randbytes(100_000)
    yield "zeros", VIDEO, bytes(500_000)
    yield "archive named as a clip", VIDEO, _archive()
    yield "boxes without length", VIDEO, first[:40] + struct.pack(">I4sQ", 1, b"free", 0) * 10_000
    yield "indexes within indexes", VIDEO, _nested(b"moov", 5_000)
    yield "2 000 000 000 samples", VIDEO, _claims(first, b"stsz", 8, 2_000_000_000)
    yield "a sample of 2 GB", VIDEO, _claims(first, b"stsz", 12, 2**31 - 1)
    yield "2 000 000 000 times", VIDEO, _claims(first, b"stts", 4, 2_000_000_000)
    yield "no duration", VIDEO, _claims(first, b"mvhd", 16, 0)
    yield "a duration of years", VIDEO, _claims(first, b"mvhd", 16, 2**32 - 1)
    yield "65 535 pixels wide and high", VIDEO, _claims(first, b"avc1", 24, 2**32 - 1)
    yield "stream cut and with gaps", "video/mp2t", stream[:5_000] + bytes(3_000) + stream[9_000:20_000]
    yield "empty packets alone", "video/mp2t", (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 10_000
    yield "matroska cut", "video/x-matroska", samples.clip("matroska")[:3_000]
    yield "matroska without end", "video/webm", b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 7 + bytes(100_000)
    yield "list of chunks that is too long", "video/avi", b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrl" * 500
    yield "sound without a rate", AUDIO, b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\0\0" + bytes(12) + b"data\xff"
    yield "measurements that are longer than they are", VIDEO, _broken_gpmf()


def _scripts() -> Iterator[Case]:
    """Yield texts that make a decoder open something else."""
    yield "playlist", VIDEO, b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\nhttp://127.0.0.1:9/x\n"
    yield "list of files", VIDEO, b"ffconcat version 1.0\nfile /etc/passwd\n"
    yield "manifest", VIDEO, b'<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>'
    yield "drawing with a bomb", IMAGE, _laughs()
    yield "drawing", "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
    yield "program for a printer", IMAGE, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n"


def _pictures() -> Iterator[Case]:
    photo = samples.jpeg()
    yield "photo cut", IMAGE, photo[: len(photo) // 2]
    yield "photo of 65 500 pixels each way", IMAGE, _sized_jpeg(photo, 65_500)
    yield "bomb of 2 500 000 000 pixels", "image/png", _png(50_000, 50_000, bytes(1_000_000))
    yield "bomb within the limit of pixels", "image/png", _png(5_000, 5_000, bytes(5_000 * 5_001))
    yield "bomb of text", "image/png", _png(4, 4, bytes(20), _chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**26))))
    yield "directories in a circle", "image/tiff", _circle()
    yield "picture of 4 000 000 000 rows", "image/tiff", _tiff(2**32 - 1)
    yield (
        "bitmap with a negative size",
        "image/bmp",
        b"BM" + struct.pack("<IHHIIiiHHI", 99, 0, 0, 54, 40, -9, -(2**31), 1, 24, 0),
    )
    yield "animation cut", "image/gif", b"GIF89a\xff\xff\xff\xff\xf7\0\0" + b"\x2c" + bytes(50)
    yield "web picture cut", "image/webp", b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\x7f" + bytes(40)
    yield "heic cut", "image/heic", samples.heic()[:900]
    yield "tags in a circle", IMAGE, _exif_circle(photo)


def _flipped() -> Iterator[Case]:
    """Yield good files some bytes of which are others."""
    good = ((VIDEO, samples.clip()), ("video/mp2t", samples.clip("mpegts")), ("image/heic", samples.heic()))
    for number, (kind, data) in enumerate(good):
        chance, changed = random.Random(number), bytearray(data)
        for _ in range(60):
            changed[chance.randrange(20, len(changed))] ^= 1 << chance.randrange(8)
        yield f"bits flipped, {kind}", kind, bytes(changed)


def _archive() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(10_000_000))
    return target.getvalue()


def _nested(name: bytes, depth: int) -> bytes:
    head = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom")
    return head + b"".join(struct.pack(">I4s", 8 * (depth - level), name) for level in range(depth))


def _claims(data: bytes, box: bytes, offset: int, value: int) -> bytes:
    """The file with another number at an offset behind the name of a box."""
    at = data.index(box) + 4 + offset
    return data[:at] + struct.pack(">I", value) + data[at + 4 :]


def _broken_gpmf() -> bytes:
    return samples.clip(frames=25, gpmf=b"DEVC\0\xff\xff\xffSTRM\0\xff\xff\xff" + b"\xff" * 64, handler="GoPro AVC")


def _laughs() -> bytes:
    lines = "".join(f'<!ENTITY a{n} "{10 * f"&a{n - 1};"}">' for n in range(1, 20))
    return f'<!DOCTYPE svg [<!ENTITY a0 "ha">{lines}]><svg>&a19;</svg>'.encode()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, rows: bytes, more: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + more + _chunk(b"IDAT", zlib.compress(rows, 1)) + _chunk(b"IEND", b"")


def _sized_jpeg(photo: bytes, size: int) -> bytes:
    at = photo.index(b"\xff\xc0") + 5
    return photo[:at] + struct.pack(">HH", size, size) + photo[at + 4 :]


def _entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def _circle() -> bytes:
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + _entry(0x100, 4, 1, 5) + struct.pack("<I", 8)


def _tiff(rows: int) -> bytes:
    entries = [_entry(0x100, 4, 1, 60_000), _entry(0x101, 4, 1, rows), _entry(0x102, 3, 1, 8), _entry(0x103, 3, 1, 1)]
    entries += [_entry(0x106, 3, 1, 1), _entry(0x111, 4, 2**30, 8), _entry(0x117, 4, 2**30, 8)]
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


def _exif_circle(photo: bytes) -> bytes:
    """A photo the directory of whose tags has itself as a directory."""
    tags = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + _entry(0x8769, 4, 1, 8) + _entry(0x8825, 4, 1, 8) + bytes(4)
    body = b"Exif\0\0" + tags
    return photo[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + photo[2:]
