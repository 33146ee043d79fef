"""``python -m tests.pages.screenshot [NAME …]``: pictures of the pages for docs/images, of a service with sample files.

Each is a WebP of at most 60 kB: at the width of a desktop, scaled down, and of a phone.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.gateway.serving import serving
from tests.pages.conftest import FLAGS
from tests.pages.demo import OWNER, fill_sample, open_sample
from tests.pages.visits import Visits

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
    page.locator(".photo").nth(4).click()
    page.wait_for_function("document.querySelector('.lightbox img')?.naturalWidth > 0")


# Path, or name of an address of the sample; signed in; dark; what is done before the picture.
SCREENS: Mapping[str, tuple[str, bool, bool, Act]] = {
    "files": ("/", True, False, _nothing),
    "files-dark": ("/", True, True, _select),
    "share-dialog": ("/", True, False, _share),
    "photos": ("/photos", True, False, _nothing),
    "lightbox": ("/photos", True, True, _open),
    "card": ("card", True, False, _nothing),
    "shared": ("/shared", True, False, _nothing),
    "settings": ("/settings", True, False, _nothing),
    "link": ("share", False, False, _nothing),
}


def take(browser: Browser, folder: Path, names: set[str]) -> None:
    """Fill a service and take the pictures of its pages."""
    folder.mkdir(parents=True, exist_ok=True)
    # A card is safe only with a copy on another disk.
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory(dir="/dev/shm") as second:
        core = open_sample(Path(place), Path(second))
        with serving(core) as served, Visits(browser) as visits:
            url, addresses = f"http://127.0.0.1:{served.port}", fill_sample(core)
            for width, size in (("desktop", DESKTOP), ("phone", PHONE)):
                page = visits.signed_in(url, OWNER, viewport=size, has_touch=width == "phone")
                for name, (path, signed_in, dark, act) in SCREENS.items():
                    if names and name not in names:
                        continue
                    shown = page if signed_in else visits.profile(viewport=size).new_page()
                    shown.emulate_media(color_scheme="dark" if dark else "light")
                    shown.goto(url + addresses.get(path, path))
                    shown.wait_for_load_state("networkidle")
                    if width == "phone" and act is _share:
                        continue
                    act(shown)
                    shown.wait_for_timeout(500)
                    _write(folder / f"{name}-{width}.webp", shown.screenshot())


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
