"""What a subprocess tells of a file, and the previews that it makes."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import pytest
from PIL import Image

from files_service.services.media.extraction.times import text_time
from files_service.services.media.extraction.tone_mapping import mapped
from files_service.services.media.extractor import Extraction, Limits, extract
from tests.media import samples
from tests.media.large import SIZE, large_clip
from tests.media.opening import is_blue, is_red, opened, picture


def test_a_clip_gets_facts_a_poster_thumbnails_and_a_hover_preview() -> None:
    found = opened("clip", samples.clip())
    assert found.fault is None
    expected = {"kind": "clip", "codec": "h264", "width": 640, "height": 360, "duration_ms": 2000, "rotation": 0}
    assert expected.items() <= found.facts.items()
    assert set(found.pictures) == {"poster", "thumbnail-512", "thumbnail-256", "hover"}
    assert picture(found.pictures["poster"]).size == (640, 360)
    assert picture(found.pictures["thumbnail-256"]).size == (256, 144)


def test_a_hover_preview_is_an_animation_of_ten_key_frames_in_at_most_60_kb() -> None:
    found = opened("clip", samples.clip())
    hover = Image.open(io.BytesIO(found.pictures["hover"]))
    assert getattr(hover, "n_frames", 1) == 10
    assert hover.size == (320, 180)
    assert len(found.pictures["hover"]) <= 60_000


def test_a_hover_preview_of_a_stream_has_at_most_three_frames() -> None:
    found = opened("clip", samples.clip("mpegts"))
    assert found.facts["format"] == "mpegts"
    assert getattr(Image.open(io.BytesIO(found.pictures["hover"])), "n_frames", 1) == 3


def test_a_hover_preview_comes_from_the_proxy_where_there_is_one() -> None:
    main, proxy = samples.clip(), samples.clip(frames=20)
    found = opened("clip", main, proxy)
    assert getattr(Image.open(io.BytesIO(found.pictures["hover"])), "n_frames", 1) == 4


@pytest.mark.parametrize(("matrix", "rotation"), [(samples.QUARTER, 90), (samples.HALF, 180)])
def test_a_rotation_of_a_clip_is_applied_once(matrix: tuple[float, ...], rotation: int) -> None:
    found = opened("clip", samples.turned(samples.clip(), matrix))
    poster = picture(found.pictures["poster"]).convert("RGB")
    assert found.facts["rotation"] == rotation
    assert (found.facts["width"], found.facts["height"]) == poster.size
    width, height = poster.size
    if rotation == 90:
        # What was left is on top now.
        assert (width, height) == (360, 640)
        first, second = poster.getpixel((width // 2, height // 4)), poster.getpixel((width // 2, height * 3 // 4))
    else:
        first, second = poster.getpixel((width * 3 // 4, height // 2)), poster.getpixel((width // 4, height // 2))
    assert is_red(first)
    assert is_blue(second)
    hover = Image.open(io.BytesIO(found.pictures["hover"]))
    assert hover.size[0] < hover.size[1] if rotation == 90 else hover.size[0] > hover.size[1]


@pytest.mark.parametrize(("transfer", "mark"), [("smpte2084", "pq"), ("arib-std-b67", "hlg")])
def test_a_high_dynamic_range_is_marked_and_mapped(transfer: str, mark: str) -> None:
    found = opened("clip", samples.high_dynamic_range(transfer))
    assert found.fault is None
    assert {"hdr": mark, "bit_depth": 10, "codec": "hevc"}.items() <= found.facts.items()
    poster = picture(found.pictures["poster"]).convert("RGB")
    stored, shown = samples.moving(0).getpixel((20, 345)), poster.getpixel((20, 345))
    wanted = mapped(Image.new("RGB", (1, 1), stored), mark).getpixel((0, 0))
    assert isinstance(shown, tuple)
    assert isinstance(wanted, tuple)
    assert all(abs(one - other) < 12 for one, other in zip(shown, wanted, strict=True))


@pytest.mark.parametrize(("transfer", "white"), [("pq", 148), ("hlg", 191)])
def test_paper_white_of_a_high_dynamic_range_is_a_light_grey(transfer: str, white: int) -> None:
    # 203 cd/m², which is 58 % of the perceptual quantizer and 75 % of hybrid log-gamma (ITU-R BT.2408).
    grey = mapped(Image.new("RGB", (1, 1), (white,) * 3), transfer).getpixel((0, 0))
    assert isinstance(grey, tuple)
    assert max(grey) - min(grey) <= 2
    assert 180 <= grey[0] <= 205
    assert mapped(Image.new("RGB", (1, 1), (0, 0, 0)), transfer).getpixel((0, 0)) == (0, 0, 0)


def test_a_clip_or_a_sound_that_no_decoder_knows_tells_what_its_container_does() -> None:
    clip = samples.clip(metadata=(("creation_time", "2024-05-01T12:00:00Z"),)).replace(b"avc1", b"brxq")
    found = opened("clip", clip)
    assert (found.fault, found.facts["duration_ms"], found.pictures) == (None, 2000, {})
    assert [each["source"] for each in found.facts["times"]] == ["container"]
    hover = opened("clip", clip, samples.clip())
    assert (hover.fault, list(hover.pictures)) == (None, ["hover"])
    head = struct.pack("<HHIIHH", 0x7777, 1, 8_000, 8_000, 1, 8)
    sound = b"RIFF" + struct.pack("<I", 8_036) + b"WAVEfmt " + struct.pack("<I", 16) + head
    found = opened("sound", sound + b"data" + struct.pack("<I", 8_000) + bytes(8_000))
    assert (found.fault, found.facts["kind"], found.facts["format"]) == (None, "sound", "wav")


def test_a_sound_with_a_cover_is_no_clip() -> None:
    image = b"\0image/jpeg\0\3\0" + samples.jpeg()
    frame = b"APIC" + struct.pack(">I", len(image)) + b"\0\0" + image
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    found = opened("sound", b"ID3\3\0\0" + size + frame + (b"\xff\xfb\x90\0" + bytes(413)) * 40)
    assert (found.fault, found.facts["kind"], found.facts["format"]) == (None, "sound", "mp3")
    assert "width" not in found.facts
    # Not by the name of the decoder.
    assert found.facts["audio_codec"] == "mp3"


def test_a_scan_in_grey_of_16_bits_gets_thumbnails_in_either_order_of_bytes() -> None:
    for mode in ("I;16", "I;16B"):
        target = io.BytesIO()
        Image.new(mode, (300, 200), 128 * 256).save(target, "TIFF")
        found = opened("picture", target.getvalue())
        assert picture(found.pictures["thumbnail-256"]).convert("L").getpixel((9, 9)) in range(126, 131)


def test_a_time_before_all_years_is_none() -> None:
    assert text_time("quicktime", "container_local", "0001-01-01T00:00:00+0200") is None


def test_a_picture_gets_thumbnails_and_is_never_enlarged() -> None:
    large = opened("picture", samples.jpeg(samples.two_halves(4000, 3000)))
    sizes = {kind: picture(data).size for kind, data in large.pictures.items()}
    assert sizes == {"thumbnail-256": (256, 192), "thumbnail-512": (512, 384), "thumbnail-1600": (1600, 1200)}
    assert large.facts["width"], large.facts["height"] == (4000, 3000)
    small = opened("picture", samples.jpeg(samples.two_halves(100, 50)))
    assert {kind: picture(data).size for kind, data in small.pictures.items()} == {"thumbnail-256": (100, 50)}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_photo_is_applied_once(orientation: int) -> None:
    upright = samples.two_halves(300, 200)
    turns = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    turn = turns[orientation]
    stored = upright.transpose(turn) if turn is not None else upright
    found = opened("picture", samples.jpeg(stored, exif=samples.exif_of(orientation=orientation)))
    shown = picture(found.pictures["thumbnail-512"]).convert("RGB")
    assert shown.size == (found.facts["width"], found.facts["height"]) == (300, 200)
    assert is_red(shown.getpixel((60, 100)))
    assert is_blue(shown.getpixel((240, 100)))


def test_a_heic_picture_gets_thumbnails() -> None:
    found = opened("picture", samples.heic())
    assert {"codec": "heif", "width": 640, "height": 360}.items() <= found.facts.items()
    assert is_red(picture(found.pictures["thumbnail-512"]).convert("RGB").getpixel((60, 100)))


def test_previews_have_no_metadata_of_the_original() -> None:
    exif = samples.exif_of(taken="2024:05:01 12:00:00", gps=("2024:05:01", (10, 0, 0)))
    found = opened("picture", samples.jpeg(exif=exif, comment=b"secret place"))
    for data in found.pictures.values():
        image = picture(data)
        assert not dict(image.getexif())
        assert b"Acme" not in data
        assert b"secret place" not in data
    assert "13" not in str(found.facts.get("place", ""))
    assert not {"latitude", "longitude", "gps"} & set(found.facts)


def test_sound_gets_facts_alone() -> None:
    found = opened("sound", samples.clip())
    assert found.pictures == {}
    assert found.facts["duration_ms"] == 2000


def times(found: Extraction) -> dict[str, tuple[int, int | None]]:
    return {each["source"]: (each["at"], each["offset_minutes"]) for each in found.facts["times"]}


def test_a_clip_tells_its_times() -> None:
    tags = (
        ("creation_time", "2024-05-01T10:15:30Z"),
        ("com.apple.quicktime.creationdate", "2024-05-01T12:15:30+0200"),
    )
    found = opened("clip", samples.clip("mov", metadata=tags))
    assert times(found) == {"quicktime": (1_714_558_530_000, 120), "container": (1_714_558_530_000, None)}


@pytest.mark.parametrize(
    "payload",
    [samples.gpmf_gpsu("240501101530.250"), samples.gpmf_gps9(8_887, 36_930.25)],
    ids=["GPSU", "GPS9"],
)
def test_a_gopro_clip_tells_the_time_of_its_satellites(payload: bytes) -> None:
    found = opened("clip", samples.gopro(payload, "2024-05-01T12:15:30Z"))
    assert times(found)["gps"] == (1_714_558_530_250, None)
    assert found.facts["camera_make"] == "GoPro"


def test_a_photo_tells_its_times() -> None:
    exif = samples.exif_of(taken="2024:05:01 12:15:30", offset="+02:00", gps=("2024:05:01", (10, 15, 29)))
    found = opened("picture", samples.jpeg(exif=exif))
    assert times(found) == {"gps": (1_714_558_529_000, None), "exif": (1_714_558_530_000, 120)}
    local = opened("picture", samples.jpeg(exif=samples.exif_of(taken="2024:05:01 12:15:30")))
    assert times(local) == {"exif_local": (1_714_565_730_000, None)}


def test_a_long_clip_is_not_read_to_its_end() -> None:
    data = samples.clip(frames=25, seconds_per_frame=Fraction(60))
    found = opened("clip", data)
    assert found.facts["duration_ms"] == 25 * 60_000
    assert "hover" in found.pictures


def test_the_poster_of_a_clip_of_4_gb_takes_at_most_16_mib() -> None:
    clip = large_clip()
    poster = extract("clip", [SIZE], clip.read, limits=Limits(read_bytes=0))
    assert "poster" in poster.pictures
    assert poster.read_bytes <= 16 * 2**20
    whole = extract("clip", [SIZE], clip.read)
    assert whole.fault is None
    assert getattr(Image.open(io.BytesIO(whole.pictures["hover"])), "n_frames", 1) == 10
    assert whole.read_bytes <= 16 * 2**20
