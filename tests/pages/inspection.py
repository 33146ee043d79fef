"""What is looked at on every screen: rules of accessibility, what fits, what a finger can hit, what moves."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

MOUSE_PX, FINGER_PX = 24, 44
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _axe() -> str:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    script = Path(home) / "files-service" / "axe-core" / "node_modules" / "axe-core" / "axe.min.js"
    assert script.exists(), "axe-core is missing: make servers"
    return script.read_text()


def violations(page: Page) -> list[str]:
    """The rules of axe that a page breaks, with the places."""
    page.evaluate(_axe())
    options = {
        "runOnly": TAGS,
        "rules": {"label-content-name-mismatch": {"enabled": True}},
        "resultTypes": ["violations"],
    }
    found: list[Any] = page.evaluate("async (options) => (await axe.run(document, options)).violations", options)
    return [
        f"{each['id']}: {' '.join(map(str, node['target']))}: {node['html'][:200]}"
        for each in found
        for node in each["nodes"]
    ]


def misfits(page: Page, smallest_px: int) -> list[str]:
    """What does not fit the window, what is cut off, and what is too small to be hit."""
    found: list[str] = page.evaluate(Path(__file__).with_name("misfits.js").read_text(), smallest_px)
    return found
