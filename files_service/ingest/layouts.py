"""The camera that wrote a card, told by its folders and by the files in which it names itself."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from storage_adapters import fold

# A file in which a camera names itself has a few hundred bytes.
MAX_BYTES = 64 * 1024
# Names as they are shown when the camera does not name itself.
MAKERS = {
    "gopro": "GoPro",
    "dji": "DJI",
    "sony": "Sony",
    "avchd": "AVCHD camera",
    "insta360": "Insta360",
    "canon": "Canon",
    "nikon": "Nikon",
    "panasonic": "Panasonic",
    "fujifilm": "Fujifilm",
    "apple": "Apple",
    "dcim": "camera",
}
# Folders below DCIM: three digits and letters of the maker.
_DCIM = (
    ("gopro", re.compile(r"\d{3}GOPRO")),
    ("dji", re.compile(r"\d{3}MEDIA|DJI_\d{3}.*|\d{3}_\d{4}|PANORAMA|HYPERLAPSE")),
    ("insta360", re.compile(r"CAMERA\d\d")),
    ("canon", re.compile(r"\d{3}(CANON|EOS\w{1,2}|_\d{4})")),
    ("nikon", re.compile(r"\d{3}(NIKON|N[CDZ]\w+)")),
    ("panasonic", re.compile(r"\d{3}_PANA")),
    ("fujifilm", re.compile(r"\d{3}_FUJI")),
    ("apple", re.compile(r"\d{3}APPLE")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A camera's structure of folders; ``name`` is ``""`` when none is recognized."""

    name: str = ""
    camera: str = ""
    serial: str = ""


def recognize(root: Path) -> Layout:
    """Return the layout of the card at ``root``; reads the names of a few folders and at most two small files."""
    name = _name(root)
    camera, serial = _gopro(root) or _sony(root) or ("", "")
    if camera and not name:
        name = "gopro"
    return Layout(name=name, camera=camera or MAKERS.get(name, ""), serial=serial)


def _name(root: Path) -> str:
    private = _entry(root, "PRIVATE")
    if _entry(private, "M4ROOT") or _entry(root, "M4ROOT"):
        return "sony"
    dcim = _entry(root, "DCIM")
    if dcim and (_entry(dcim, "fileinfo_list.list") or _entry(root, "fileinfo_list.list")):
        return "insta360"
    folders = [name.upper() for name in _names(dcim)]
    for name, pattern in _DCIM:
        if any(pattern.fullmatch(folder) for folder in folders):
            return name
    if _entry(private, "AVCHD") or _entry(root, "AVCHD"):
        return "avchd"
    return "dcim" if dcim else ""


def _gopro(root: Path) -> tuple[str, str] | None:
    text = _text(_entry(_entry(root, "MISC"), "version.txt"))
    # The file resembles JSON; some firmware ends its last line with a comma.
    found = dict(re.findall(r'"([^"\n]+)"\s*:\s*"([^"\n]*)"', text))
    camera = found.get("camera type", "").strip()
    if not camera:
        return None
    return camera if camera.startswith("GoPro") else f"GoPro {camera}", found.get("camera serial number", "").strip()


def _sony(root: Path) -> tuple[str, str] | None:
    for top in (_entry(root, "PRIVATE"), root):
        text = _text(_entry(_entry(top, "M4ROOT"), "MEDIAPRO.XML"))
        if found := re.search(r'systemKind="([^"]+)"', text):
            return f"Sony {found[1].partition(' ver.')[0]}", ""
    return None


def _entry(folder: Path | None, name: str) -> Path | None:
    """Return the entry of this name, in any case; None when there is none or it is a link."""
    wanted = fold(name)
    found = next((each for each in _names(folder) if fold(each) == wanted), None)
    if folder is None or found is None or (folder / found).is_symlink():
        return None
    return folder / found


def _names(folder: Path | None) -> list[str]:
    try:
        return sorted(os.listdir(folder)) if folder else []  # noqa: PTH208 - names alone
    except OSError:
        return []


def _text(path: Path | None) -> str:
    if path is None or not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
