"""Previews as WebP: without metadata of the original, in the colours of sRGB, never enlarged."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator, Sequence

from PIL import Image

SIZES = (256, 512, 1600)
COVER_SIZE = (1200, 630)
HOVER_BYTES = 60_000
HOVER_FRAME_MS = 500
HOVER_WIDTH = 320
_QUALITY = {256: 75, 512: 78, 1600: 80}
# Tried in their order until the animation is small enough: quality, and share of the width.
_ATTEMPTS = ((60, 1.0), (40, 1.0), (25, 1.0), (25, 0.75), (15, 0.5), (5, 0.25))


def load() -> None:
    """Load the codec before the process is sealed."""
    Image.preinit()
    importlib.import_module("PIL.WebPImagePlugin")


def thumbnails(image: Image.Image, sizes: Sequence[int] = SIZES) -> Iterator[tuple[str, bytes]]:
    """Yield kind and bytes of each thumbnail, the largest first; one that equals the next smaller is left out."""
    longest = max(image.size)
    needed = [size for index, size in enumerate(sizes) if index == 0 or longest > sizes[index - 1]]
    for size in reversed(needed):
        image = shrunk(image, size)
        yield f"thumbnail-{size}", encoded(image, _QUALITY[size])


def shrunk(image: Image.Image, size: int) -> Image.Image:
    """Return the image with a longest side of at most ``size``."""
    longest = max(image.size)
    if longest <= size:
        return image
    width, height = (max(1, round(side * size / longest)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def encoded(image: Image.Image, quality: int = 80) -> bytes:
    """Return the image as WebP."""
    target = io.BytesIO()
    bare(image).save(target, "WEBP", quality=quality, method=4)
    return target.getvalue()


def animation(frames: Sequence[Image.Image]) -> bytes | None:
    """Return the frames as an animation of at most ``HOVER_BYTES``, None when they cannot be made so small."""
    frames = [bare(frame) for frame in frames]
    for quality, share in _ATTEMPTS:
        width = max(16, round(frames[0].width * share))
        height = max(16, round(frames[0].height * share))
        scaled = [each if each.size == (width, height) else each.resize((width, height)) for each in frames]
        target = io.BytesIO()
        scaled[0].save(
            target,
            "WEBP",
            save_all=True,
            append_images=scaled[1:],
            duration=HOVER_FRAME_MS,
            loop=0,
            quality=quality,
            method=3,
        )
        if target.tell() <= HOVER_BYTES:
            return target.getvalue()
    return None


def bare(image: Image.Image) -> Image.Image:
    """Return the pixels alone: metadata, with places and serial numbers, goes into no preview."""
    image = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    if not image.info:
        return image
    plain = image.copy()
    plain.info = {}
    return plain
