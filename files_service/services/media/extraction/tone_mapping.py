"""Tone mapping of pictures with a high dynamic range (ITU-R BT.2100) to screens without one.

Curves are applied to 8-bit values: for small pictures that is exact enough, and it costs one look at a table per value.
"""

from __future__ import annotations

import math

from PIL import Image

PQ, HLG = "pq", "hlg"
# Transfer characteristics by their number in ITU-T H.273.
_TRANSFERS = {16: PQ, 18: HLG}
# Light of white on paper, and of the brightest that stays different from it, in cd/m² (ITU-R BT.2408).
_WHITE, _PEAK = 203.0, 1_000.0
# Colours of BT.2020 in those of BT.709.
_MATRIX = (1.6605, -0.5876, -0.0729, 0.0, -0.1246, 1.1329, -0.0083, 0.0, -0.0182, -0.1006, 1.1188, 0.0)


def transfer_of(number: int | None) -> str | None:
    """Return ``pq`` or ``hlg`` for the number of such a transfer characteristic, None for any other."""
    return _TRANSFERS.get(int(number)) if number is not None else None


def mapped(image: Image.Image, transfer: str) -> Image.Image:
    """Return an RGB picture of this transfer characteristic for screens of today."""
    light = _light_of_pq if transfer == PQ else _light_of_hlg
    table = [_shown(light(value / 255)) for value in range(256)]
    return image.convert("RGB").point(table * 3).convert("RGB", _MATRIX)


def _shown(light: float) -> int:
    """Return the 8-bit value of light in cd/m²: Reinhard's curve, at which the peak is white."""
    relative, peak = light / _WHITE, _PEAK / _WHITE
    curve = min(1.0, relative * (1 + relative / peak**2) / (1 + relative))
    return round(255 * math.pow(curve, 1 / 2.2))


def _light_of_pq(value: float) -> float:
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = value ** (1 / m2)
    return 10_000 * float((max(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1))


def _light_of_hlg(value: float) -> float:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = value**2 / 3 if value <= 0.5 else (math.exp((value - c) / a) + b) / 12
    return _PEAK * float(scene**1.2)
