"""``python -m tests.pages.screenshot [NAME …]``: pictures of the pages for docs/images, of a service with sample files.

Each is a WebP of at most 60 kB, at the width of a phone, or at that of a desktop and scaled down.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.gateway.serving import serving
from tests.pages.conftest import FLAGS
from tests.pages.demo import fill_sample, open_sample
from tests.pages.visits import Visits
from tests.unit.cards.scenes import OWNER

FOLDER = Path(__file__).parents[2] / "docs" / "images"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 780}
MOST_BYTES = 60_000
_DESKTOP_WIDTH = 1000
Act = Callable[[Page], None]


def _nothing(page: Page) -> None:
    """Leave the page as it is."""


def _share(page: Page) -> None:
    page.get_by_role("button", name="Share GX010231.mp4").click()
    page.get_by_label("Password").fill("winter sun 26")


def _select(page: Page) -> None:
    for number in (0, 1, 3):
        page.locator(".choose").nth(number).check()


def _open(page: Page) -> None:
    page.wait_for_selector("#timeline.window")
    page.locator(".photo").nth(4).click()
    page.wait_for_function("document.querySelector('.lightbox img')?.naturalWidth > 0")


class Screen(NamedTuple):
    """A picture to take: a path, or the name of an address of the sample, and what is done there before."""

    path: str
    phone: bool = False
    dark: bool = False
    signed_in: bool = True
    act: Act = _nothing


SCREENS: Mapping[str, Screen] = {
    "files-desktop": Screen("/"),
    "files-phone": Screen("/", phone=True),
    "files-dark-desktop": Screen("/", dark=True, act=_select),
    "share-dialog-desktop": Screen("/", act=_share),
    "photos-desktop": Screen("/photos"),
    "photos-phone": Screen("/photos", phone=True),
    "lightbox-desktop": Screen("/photos", dark=True, act=_open),
    "card-phone": Screen("card", phone=True),
    "shared-desktop": Screen("/shared"),
    "settings-desktop": Screen("/settings"),
    "link-desktop": Screen("share", signed_in=False),
    "link-phone": Screen("share", phone=True, signed_in=False),
}


def take(browser: Browser, folder: Path, names: set[str]) -> None:
    """Fill a service and take the pictures of its pages."""
    folder.mkdir(parents=True, exist_ok=True)
    # A card is safe only with a copy on another disk.
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory(dir="/dev/shm") as second:
        core = open_sample(Path(place), Path(second))
        with serving(core) as served, Visits(browser) as visits:
            url, addresses = f"http://127.0.0.1:{served.port}", fill_sample(core)
            pages = {
                phone: visits.signed_in(url, OWNER, viewport=PHONE if phone else DESKTOP) for phone in (False, True)
            }
            for name, screen in SCREENS.items():
                if names and name not in names:
                    continue
                size = PHONE if screen.phone else DESKTOP
                page = pages[screen.phone] if screen.signed_in else visits.profile(viewport=size).new_page()
                page.emulate_media(color_scheme="dark" if screen.dark else "light")
                page.goto(url + addresses.get(screen.path, screen.path))
                page.wait_for_load_state("networkidle")
                screen.act(page)
                page.wait_for_timeout(500)
                _write(folder / f"{name}.webp", page.screenshot())


def _write(path: Path, png: bytes) -> None:
    """Write a picture in the best quality that is small enough."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if image.width > _DESKTOP_WIDTH:
        image = image.resize((_DESKTOP_WIDTH, _DESKTOP_WIDTH * image.height // image.width), Image.Resampling.LANCZOS)
    for quality in range(88, 20, -6):
        out = io.BytesIO()
        image.save(out, "WEBP", quality=quality, method=6)
        if out.tell() <= MOST_BYTES:
            break
    path.write_bytes(out.getvalue())


def main() -> None:
    """Start a browser and take the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS, timeout=120_000)
        take(browser, FOLDER, set(sys.argv[1:]))
        browser.close()


if __name__ == "__main__":
    main()
