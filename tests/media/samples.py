"""Media files made for the tests, each once per process."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import av
import pillow_heif
from av.video.stream import VideoStream
from PIL import Image

WIDTH, HEIGHT = 640, 360
RED, BLUE = (200, 30, 30), (30, 30, 200)


def two_halves(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """A picture that is red on the left and blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def jpeg(image: Image.Image | None = None, *, exif: Image.Exif | None = None, **options: Any) -> bytes:
    target = io.BytesIO()
    (image or two_halves()).save(target, "JPEG", exif=exif or Image.Exif(), **options)
    return target.getvalue()


def exif_of(
    *,
    taken: str | None = None,
    offset: str | None = None,
    orientation: int | None = None,
    gps: tuple[str, tuple[float, float, float]] | None = None,
) -> Image.Exif:
    """Exif with a camera, and what is given; with a place wherever a satellite tells the time."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Acme", "Snap 5"
    if orientation is not None:
        exif[0x0112] = orientation
    detail = exif.get_ifd(0x8769)
    if taken is not None:
        detail[0x9003] = taken
    if offset is not None:
        detail[0x9011] = offset
    if gps is not None:
        place = exif.get_ifd(0x8825)
        place[1], place[2] = "N", (52.0, 31.0, 12.0)
        place[3], place[4] = "E", (13.0, 24.0, 17.0)
        place[0x1D], place[7] = gps
    return exif


@cache
def heic() -> bytes:
    pillow_heif.register_heif_opener()
    target = io.BytesIO()
    two_halves().save(target, "HEIF", quality=60)
    return target.getvalue()


Frame = Callable[[int], Image.Image]


def moving(number: int, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Red on the left, blue on the right, and a bar that moves."""
    image = two_halves(width, height)
    image.paste((240, 240, 240), (number * 4 % width, height - 40, number * 4 % width + 30, height - 10))
    return image


@cache
def clip(
    container: str = "mp4",
    codec: str = "libx264",
    pixels: str = "yuv420p",
    *,
    frames: int = 50,
    metadata: tuple[tuple[str, str], ...] = (),
    options: tuple[tuple[str, str], ...] = (),
    gpmf: bytes | None = None,
    handler: str = "",
    seconds_per_frame: Fraction = Fraction(1, 25),
) -> bytes:
    """A clip with a key frame in every five frames."""
    target = io.BytesIO()
    extra = {"movflags": "+use_metadata_tags"} if container in ("mp4", "mov") else {}
    with av.open(target, "w", format=container, options=extra) as output:
        output.metadata.update(dict(metadata))
        video = output.add_stream(codec, rate=1 / seconds_per_frame)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pixels
        video.options = {"g": "5", "preset": "ultrafast", **dict(options)}
        if handler:
            video.metadata["handler_name"] = handler
        track = _gpmf_track(output) if gpmf is not None else None
        for number in range(frames):
            frame = av.VideoFrame.from_image(moving(number)).reformat(format=pixels)
            output.mux(video.encode(frame))
        output.mux(video.encode())
        if track is not None and gpmf is not None:
            output.mux(_packet(track, gpmf))
    return target.getvalue()


@cache
def clip_with_index_first() -> bytes:
    """The same clip with its index before the frames: the library moves it in a file alone."""
    with NamedTemporaryFile(suffix=".mp4") as file:
        with (
            av.open(io.BytesIO(clip()), "r") as source,
            av.open(file.name, "w", options={"movflags": "+faststart"}) as output,
        ):
            video = output.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = video
                    output.mux(packet)
        return Path(file.name).read_bytes()


def _gpmf_track(output: Any) -> Any:
    track = output.add_data_stream("bin_data")
    track.metadata["handler_name"], track.codec_tag, track.time_base = "GoPro MET", "gpmd", Fraction(1, 1000)
    return track


def _packet(track: Any, payload: bytes) -> av.Packet[Any]:
    packet: av.Packet[Any] = av.Packet(payload)
    packet.stream, packet.pts, packet.dts = track, 0, 0
    packet.time_base, packet.duration = Fraction(1, 1000), 1000
    return packet


def turned(data: bytes, matrix: Sequence[float]) -> bytes:
    """An MP4 file whose picture is to be shown turned, by the four numbers of the matrix in its track header."""
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (round(each * 65_536) for each in matrix)
    x = round(HEIGHT * 65_536) if a == 0 else 0
    return data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, x, 0, 1 << 30) + data[at + 36 :]


QUARTER = (0, 1, -1, 0)
HALF = (-1, 0, 0, -1)


def gpmf_entry(key: bytes, kind: bytes, size: int, data: bytes) -> bytes:
    return struct.pack(">4sBBH", key, kind[0], size, len(data) // size) + data + b"\0" * (-len(data) % 4)


def gpmf_gpsu(text: str, *, fix: int = 3) -> bytes:
    """A payload as cameras up to HERO10 write it."""
    stream = gpmf_entry(b"GPSF", b"L", 4, struct.pack(">I", fix)) + gpmf_entry(b"GPSU", b"U", 16, text.encode())
    return _device(stream)


def gpmf_gps9(days: int, seconds: float, *, fix: int = 3) -> bytes:
    """A payload as later cameras write it."""
    scales = (10_000_000, 10_000_000, 1_000, 1_000, 100, 1, 1_000, 100, 1)
    sample = struct.pack(">7i2H", 525_200_000, 134_000_000, 34_000, 0, 0, days, round(seconds * 1000), 150, fix)
    stream = gpmf_entry(b"SCAL", b"l", 4, struct.pack(">9i", *scales)) + gpmf_entry(b"GPS9", b"?", 32, sample)
    return _device(stream)


def _device(stream: bytes) -> bytes:
    nested = gpmf_entry(b"DVNM", b"c", 1, b"HERO") + gpmf_entry(b"STRM", b"\0", 1, stream)
    return gpmf_entry(b"DEVC", b"\0", 1, nested)


@cache
def gopro(gpmf: bytes, created: str) -> bytes:
    """A clip as GoPro writes it: local time labelled UTC, and a track of measurements."""
    tags = (("creation_time", created),)
    return clip(frames=25, metadata=tags, gpmf=gpmf, handler="GoPro AVC")


@cache
def high_dynamic_range(transfer: str) -> bytes:
    """An HEVC clip of 10 bits that is marked ``smpte2084`` or ``arib-std-b67``."""
    params = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:log-level=none"
    return clip(codec="libx265", pixels="yuv420p10le", frames=10, options=(("x265-params", params),))
