"""The colours of both themes: each has at least the contrast that the design promises, on every ground it stands on."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STYLE = (files("files_service.gateway.pages") / "static" / "style.css").read_text()
# By the design: light and dark, on the ground.
PROMISED = {
    "text": (17.3, 14.8),
    "muted": (6.9, 8.5),
    "accent": (6.1, 8.8),
    "danger": (7.9, 8.9),
    "ok": (7.3, 10.7),
    "warn": (7.5, 12.4),
    "focus": (4.8, 11.3),
    "control": (3.7, 4.6),
}
GROUNDS = {"ground": ("#ffffff", "#14171b"), "raised": ("#f5f7fa", "#1c2127")}
TEXTS = ("text", "muted", "accent", "danger", "ok", "warn")
# Text on a colour that is no ground.
ON = (("on-accent", "accent"), ("on-danger", "danger"), ("accent", "tint"), ("text", "tint"), ("ground", "text"))
THEMES = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{([^}]*)\}", STYLE)]


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_each_colour_has_its_contrast(theme: int) -> None:
    assert len(THEMES) == 2
    colours = THEMES[theme]
    assert {name: colours[name] for name in GROUNDS} == {name: both[theme] for name, both in GROUNDS.items()}
    measured = {name: round(contrast(colours[name], colours["ground"]), 1) for name in PROMISED}
    # The table has one digit.
    assert {name: ratio for name, ratio in measured.items() if ratio < PROMISED[name][theme] - 0.1} == {}
    pairs = [*((text, ground) for text in TEXTS for ground in GROUNDS), *ON]
    poor = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < 4.5} == {}
    for name in ("control", "focus"):
        assert min(contrast(colours[name], colours[ground]) for ground in GROUNDS) >= 3
