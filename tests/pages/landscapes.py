"""Landscapes drawn by Pillow: sample pictures of our own, another one for each number, and clips made of them."""

from __future__ import annotations

import colorsys
import io
import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
_SIZES = {"thumbnail-1600": 1600, "thumbnail-512": 512, "thumbnail-256": 256}


@dataclass(frozen=True)
class Drawn:
    """A picture as a camera would have left it, and its previews as processing makes them."""

    jpeg: bytes
    previews: dict[str, bytes]


def landscape(number: int, width: int = 1600, height: int = 1067) -> Image.Image:
    """Draw hills before a sky, with a sun or a moon, and water or trees before them."""
    dice = random.Random(number)
    night = number % 7 == 5
    hue = dice.choice([0.02, 0.06, 0.09, 0.52, 0.56, 0.6, 0.66])
    image = _sky(hue, night, width, height)
    draw = ImageDraw.Draw(image)
    at = (dice.uniform(0.15, 0.85) * width, dice.uniform(0.18, 0.42) * height)
    if night:
        for _ in range(250):
            x, y, r = dice.random() * width, dice.random() * 0.6 * height, dice.uniform(0.4, 1.8)
            draw.ellipse([x - r, y - r, x + r, y + r], fill=(235, 238, 255))
    _glow(image, at, height * 0.05, (240, 240, 250) if night else _colour(hue + 0.03, 0.25, 1.0))
    layers = dice.randint(3, 5)
    land = dice.choice([0.3, 0.38, 0.08, 0.58, 0.72])
    for layer in range(layers):
        near = (layer + 1) / layers
        value = (0.08 + 0.12 * (1 - near)) if night else 0.75 - 0.5 * near
        _hills(draw, dice, near, _colour(land + 0.05 * (1 - near), 0.25 + 0.35 * near, value), width, height)
    if number % 3 == 0:
        _water(image, height)
    elif number % 3 == 1:
        _trees(ImageDraw.Draw(image), dice, _colour(land, 0.5, 0.1), width, height)
    return image.filter(ImageFilter.GaussianBlur(0.6))


def drawn(number: int) -> Drawn:
    """Draw a picture and its previews."""
    image = landscape(number)
    previews = {}
    for kind, most in _SIZES.items():
        small = image.copy()
        small.thumbnail((most, most))
        previews[kind] = _encoded(small, "WEBP", 72)
    return Drawn(_encoded(image, "JPEG", 85), previews)


def poster(number: int) -> bytes:
    """Draw the first picture of a clip."""
    return _encoded(landscape(number, 1280, 720), "WEBP", 70)


def _encoded(image: Image.Image, kind: str, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, quality=quality)
    return out.getvalue()


def _colour(hue: float, saturation: float, value: float) -> Colour:
    r, g, b = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * r), round(255 * g), round(255 * b)


def _sky(hue: float, night: bool, width: int, height: int) -> Image.Image:
    top, bottom = _colour(0.62, 0.75, 0.12 if night else 0.62), _colour(hue, 0.45, 0.35 if night else 0.97)
    slope = Image.linear_gradient("L").resize((width, height))
    return Image.composite(Image.new("RGB", (width, height), bottom), Image.new("RGB", (width, height), top), slope)


def _glow(image: Image.Image, at: tuple[float, float], radius: float, colour: Colour) -> None:
    mask = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(mask)
    x, y = at
    draw.ellipse([x - 3 * radius, y - 3 * radius, x + 3 * radius, y + 3 * radius], fill=90)
    mask = mask.filter(ImageFilter.GaussianBlur(radius))
    ImageDraw.Draw(mask).ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    image.paste(Image.new("RGB", image.size, colour), (0, 0), mask)


def _hills(
    draw: ImageDraw.ImageDraw, dice: random.Random, near: float, colour: Colour, width: int, height: int
) -> None:
    base = height * (0.45 + 0.4 * near)
    waves = [(dice.uniform(0.6, 3) * wave, dice.random() * math.tau, 0.1 * height / wave) for wave in (1, 2, 4, 9)]
    points = [
        (x, base - sum(size * math.sin(math.tau * often * x / width + phase) for often, phase, size in waves))
        for x in range(0, width + 8, 8)
    ]
    draw.polygon([(0.0, float(height)), *points, (float(width), float(height))], fill=colour)


def _water(image: Image.Image, height: int) -> None:
    shore = round(height * 0.8)
    above = image.crop((0, shore - (height - shore), image.width, shore)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    blurred = above.filter(ImageFilter.GaussianBlur(6))
    image.paste(Image.blend(blurred, Image.new("RGB", blurred.size, (30, 60, 90)), 0.3), (0, shore))


def _trees(draw: ImageDraw.ImageDraw, dice: random.Random, colour: Colour, width: int, height: int) -> None:
    x = 0.0
    while x < width:
        tall, wide = dice.uniform(0.08, 0.24) * height, dice.uniform(14, 34)
        for tier in range(3):
            top, half = height - tall + tier * tall * 0.22, wide * (0.5 + 0.3 * tier)
            draw.polygon([(x, top), (x - half, top + tall * 0.5), (x + half, top + tall * 0.5)], fill=colour)
        x += dice.uniform(12, 60)
    draw.rectangle([0, height * 0.97, width, height], fill=colour)
