"""Pictures: size, time, camera and thumbnails, by Pillow and pillow-heif."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from typing import Any, cast

import pillow_heif
from PIL import Image, ImageCms, ImageOps

from files_service.services.media.extraction import apple, tone_mapping, webp
from files_service.services.media.extraction.channel import Channel, RangeFile
from files_service.services.media.extraction.times import exif_times

# No format that starts another program or needs one, and none of text.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "HEIF", "AVIF")
MOST_PIXELS = 120_000_000
_MAKE, _MODEL, _ORIENTATION = 0x010F, 0x0110, 0x0112
_PHOTO, _GPS = 0x8769, 0x8825
# Degrees clockwise by which each orientation turns a picture; the even ones mirror it, too.
_ROTATIONS = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_MAX_TEXT = 100
JSON = dict[str, Any]


def load() -> None:
    """Register the formats, all of which must be there before the process is sealed."""
    pillow_heif.register_heif_opener()
    Image.init()
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def extract(channel: Channel, file: RangeFile) -> None:
    """Tell what a picture says of itself, then send its thumbnails."""
    with Image.open(cast(Any, file), formats=FORMATS) as image:
        channel.facts(_facts(image))
        transfer = _transfer(image)
        if transfer is not None:
            channel.facts({"hdr": transfer})
        picture = _upright(image, transfer)
        for kind, data in webp.thumbnails(picture):
            channel.picture(kind, data)


def cover(channel: Channel, file: RangeFile) -> None:
    """Send the middle of a picture at the size of a cover."""
    with Image.open(cast(Any, file), formats=FORMATS) as image:
        whole = _upright(image, None)
        channel.picture("cover", webp.encoded(ImageOps.fit(whole, webp.COVER_SIZE, Image.Resampling.LANCZOS)))


def _facts(image: Image.Image) -> JSON:
    exif = image.getexif()
    rotation = _ROTATIONS.get(exif.get(_ORIENTATION, 1), 0)
    width, height = image.size if rotation % 180 == 0 else image.size[::-1]
    camera = {
        name: str(exif[tag]).strip("\0 ")[:_MAX_TEXT]
        for name, tag in (("camera_make", _MAKE), ("camera_model", _MODEL))
        if exif.get(tag)
    }
    times: list[JSON] = []
    # Fields of any type and length stand in files of any origin.
    with suppress(Exception):
        times = exif_times(dict(exif), exif.get_ifd(_PHOTO), exif.get_ifd(_GPS))
    identifier: str | None = None
    with suppress(Exception):
        identifier = apple.content_identifier(exif.get_ifd(_PHOTO).get(apple.MAKER_NOTE))
    shown = {"kind": "picture", "width": width, "height": height, "rotation": rotation}
    told = {"content_identifier": identifier} if identifier else {}
    return {**shown, "codec": (image.format or "").lower(), **camera, **told, "times": times}


def _transfer(image: Image.Image) -> str | None:
    profile = image.info.get("nclx_profile") or {}
    return tone_mapping.transfer_of(profile.get("transfer_characteristics"))


def _upright(image: Image.Image, transfer: str | None) -> Image.Image:
    """Return the pixels as they are meant to be seen, at a size not far above that of the largest thumbnail."""
    largest = max(webp.SIZES)
    if image.format in ("JPEG", "MPO"):
        # The decoder leaves out what would be thrown away.
        image.draft("RGB", (largest, largest))
    profile = image.info.get("icc_profile")
    image.load()
    exif = image.getexif()
    picture: Image.Image = _in_eight_bits(image)
    picture = webp.shrunk(picture, largest)
    if exif.get(_ORIENTATION, 1) != 1:
        picture.getexif()[_ORIENTATION] = exif[_ORIENTATION]
        picture = ImageOps.exif_transpose(picture)
    if transfer is not None:
        return tone_mapping.mapped(picture, transfer)
    return _in_srgb(picture, profile)


def _in_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        # Big-endian values of 16 bits know no such operation.
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB") if image.mode not in ("RGB", "CMYK") else image


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in sRGB; one whose profile is not usable keeps its values."""
    if profile and picture.mode in ("RGB", "CMYK"):
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            changed = ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return changed if changed is not None else picture
    return picture.convert("RGB") if picture.mode == "CMYK" else picture
