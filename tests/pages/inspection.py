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
    found: list[str] = page.evaluate(_MISFITS, smallest_px)
    return found


_MISFITS = r"""(smallest) => {
    const found = [];
    const width = document.documentElement.clientWidth;
    const tell = (what, element) => found.push(`${what}: ${element.outerHTML.replace(/\s+/g, " ").slice(0, 160)}`);
    if (document.documentElement.scrollWidth > width) found.push(`scrolls sideways: ${document.documentElement.scrollWidth} of ${width}`);
    const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    // What only those hear who do not see the page.
    const isHidden = (element) => element.closest(".hidden, .skip, [hidden]") || getComputedStyle(element).clipPath === "inset(50%)";
    const scrolls = (element) => {
        for (let each = element.parentElement; each; each = each.parentElement) {
            if (/auto|scroll|hidden|clip/.test(getComputedStyle(each).overflowX)) return each !== document.documentElement && each !== document.body;
        }
        return false;
    };
    const modal = document.querySelector("dialog:modal");
    const all = [...(modal ?? document.body).querySelectorAll("*")].filter((each) => isShown(each) && !isHidden(each) && !each.closest("svg svg, symbol"));
    for (const element of all) {
        const box = element.getBoundingClientRect();
        if (!box.width || !box.height) continue;
        const style = getComputedStyle(element);
        if ((box.right > width + 1 || box.left < -1) && !scrolls(element)) tell("outside", element);
        const cuts = /hidden|clip/.test(style.overflowX) && style.textOverflow !== "ellipsis" && style.webkitLineClamp === "none";
        if (cuts && !element.matches("input, select, textarea") && element.scrollWidth > element.clientWidth + 1 && element.childElementCount === 0) tell("cut", element);
        if (element.matches("button, .button, .chip, th, summary") && element.scrollWidth > element.clientWidth + 1 && style.display !== "inline") tell("too wide", element);
    }
    if (modal) {
        const box = modal.getBoundingClientRect();
        if (box.top < -1 || box.bottom > innerHeight + 1) tell("dialog outside", modal);
    }
    const targets = all.filter((each) => each.matches("a[href], button, input:not([type=hidden]), select, textarea, summary"));
    for (const element of targets) {
        if (element.disabled || element.tabIndex < 0) continue;
        // Links within a sentence are as high as its line.
        if (getComputedStyle(element).display === "inline" && element.matches("a")) continue;
        // What lies over a whole row belongs to its link.
        const over = getComputedStyle(element, "::after").position === "absolute" ? element.offsetParent : null;
        const boxes = [element, over, element.closest("label"), ...(element.labels ?? [])].filter(Boolean).map((each) => each.getBoundingClientRect());
        const wide = Math.max(...boxes.map((box) => box.width)), high = Math.max(...boxes.map((box) => box.height));
        if (wide < smallest - 0.5 || high < smallest - 0.5) tell(`small, ${Math.round(wide)} x ${Math.round(high)}`, element);
    }
    return found;
}"""
