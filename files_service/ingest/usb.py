"""Cameras that are connected by USB and show no card, of which a person is told."""

from __future__ import annotations

from pathlib import Path

DEVICES = Path("/sys/bus/usb/devices")
# These speak MTP, which gives neither a file system nor ranges of files.
CAMERAS = {"2672": "GoPro"}


def connected_cameras(devices: Path = DEVICES) -> dict[str, str]:
    """Return the makers of connected cameras by the name of their port."""
    found = {}
    for vendor in devices.glob("*/idVendor"):
        try:
            maker = CAMERAS.get(vendor.read_text().strip().lower())
        except OSError:
            continue
        if maker:
            found[vendor.parent.name] = maker
    return found


def hint(maker: str) -> str:
    """Return the advice for a camera that is connected by USB."""
    return f"a {maker} camera is connected by USB, which shows no card: put its card into a card reader"
