"""``python -m tests.pages.screenshot PATH``: picture of the page for the README, with sample files."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.cores import processed_file, sqlite_core
from tests.gateway.serving import serving
from tests.pages.conftest import FLAGS
from tests.pages.visits import Visits

OWNER = "me"
SIZE = {"width": 1120, "height": 760}
MB = 1_000_000
# Name, content type, size and access; JPEGs show a landscape.
FILES = (
    ("Delivery/Sound mix.wav", "audio/wav", 41 * MB, "private"),
    ("Delivery/Shot list.pdf", "application/pdf", MB // 5, "private"),
    ("Harbour/DSC04418 evening.jpg", "image/jpeg", 18 * MB // 10, "private"),
    ("Harbour/DSC04417 fog.jpg", "image/jpeg", 17 * MB // 10, "public"),
    ("Dunes/A001_C012_0914XK.mov", "video/quicktime", 104 * MB, "unlisted"),
    ("Dunes/DSC04390.jpg", "image/jpeg", 19 * MB // 10, "unlisted"),
)
# Hues of sky, far hills and near hills.
PALETTES = {"evening": (18, 280, 250), "fog": (205, 200, 215), "DSC04390": (210, 35, 28)}

LANDSCAPE = """async ([sky, far, near]) => {
    const canvas = Object.assign(document.createElement("canvas"), {width: 224, height: 224});
    const context = canvas.getContext("2d");
    const slope = context.createLinearGradient(0, 0, 0, 170);
    slope.addColorStop(0, `hsl(${sky} 65% 45%)`);
    slope.addColorStop(1, `hsl(${sky} 80% 85%)`);
    context.fillStyle = slope;
    context.fillRect(0, 0, 224, 224);
    context.fillStyle = `hsl(${sky + 30} 95% 92%)`;
    context.beginPath();
    context.arc(150, 84, 22, 0, 2 * Math.PI);
    context.fill();
    for (const [hue, light, top, height, length] of [[far, 48, 130, 22, 31], [near, 26, 168, 18, 47]]) {
        context.fillStyle = `hsl(${hue} 40% ${light}%)`;
        context.beginPath();
        context.moveTo(0, 224);
        for (let x = 0; x <= 224; x += 2) context.lineTo(x, top - height * Math.sin(x / length + hue));
        context.lineTo(224, 224);
        context.fill();
    }
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
    return [...new Uint8Array(await blob.arrayBuffer())];
}"""
HEADS = {
    "audio/wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
    "application/pdf": b"%PDF-1.7\n",
    "video/quicktime": b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ",
}


def landscapes(browser: Browser) -> dict[str, bytes]:
    """Draw the sample pictures."""
    page = browser.new_page()
    return {name: bytes(page.evaluate(LANDSCAPE, list(hues))) for name, hues in PALETTES.items()}


def take(browser: Browser, path: Path) -> None:
    """Fill a service and photograph its page."""
    pictures = landscapes(browser)
    with tempfile.TemporaryDirectory() as folder, serving(sqlite_core(Path(folder))) as served:
        for name, content_type, size, access in FILES:
            picture = next((content for key, content in pictures.items() if key in name), b"")
            content = (picture or HEADS[content_type]).ljust(size, b"\0")
            parts = [{"size": size, "content_type": content_type}]
            named = {"name": name.rpartition("/")[2], "path": name}
            processed_file(served.core, content, owner=OWNER, access=access, parts=parts, **named)
        with Visits(browser) as visits:
            page = visits.signed_in(f"http://127.0.0.1:{served.port}", OWNER, viewport=SIZE)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=path)


def main() -> None:
    """Start a browser and take the picture."""
    [path] = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS, timeout=120_000)
        take(browser, Path(path))
        browser.close()


if __name__ == "__main__":
    main()
