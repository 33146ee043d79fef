"""Cards of the tests: an exFAT image on a loop device where this machine can mount one, else a folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.ingest.untouched import watched

VERSION_TXT = b"""{
"info version":"2.0",
"firmware version":"H21.01.01.10.00",
"camera type":"HERO9 Black",
"camera serial number":"C3441325000001",
}
"""
GOPRO: dict[str, bytes] = {
    "MISC/version.txt": VERSION_TXT,
    "DCIM/100GOPRO/GX010123.MP4": b"first chapter" * 500,
    "DCIM/100GOPRO/GX020123.MP4": b"second chapter" * 300,
    "DCIM/100GOPRO/GL010123.LRV": b"proxy" * 100,
    "DCIM/100GOPRO/GX010123.THM": b"picture" * 30,
    "DCIM/100GOPRO/GOPR0122.JPG": b"photo" * 90,
    "Get_started_with_GoPro.url": b"[InternetShortcut]",
}
IMAGE_BYTES = 16 * 2**20
SECONDS = 60
# A fixed moment, with the two seconds that FAT keeps.
FIRST_AT = 1_700_000_000


@dataclass(frozen=True, slots=True)
class TestCard:
    """A card at ``root``; ``image`` is its file system, None for a folder."""

    __test__ = False

    root: Path
    image: Path | None

    @property
    def is_mounted(self) -> bool:
        """True for a real file system."""
        return self.image is not None


def fill(root: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a card, each a minute after the one before it."""
    for number, (name, content) in enumerate(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (FIRST_AT + 60 * number,) * 2)


@cache
def can_mount() -> bool:
    """Return True when this machine can mount an exFAT image."""
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        return False
    if any(shutil.which(tool) is None for tool in ("mkfs.exfat", "mount.exfat-fuse", "losetup", "umount")):
        return False
    # A container may have the tools and not the permission.
    with tempfile.TemporaryDirectory() as folder:
        try:
            make_image(Path(folder) / "trial", {})
        except AssertionError:
            return False
    return True


def run(*command: str | Path) -> str:
    """Run a tool and return what it prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def make_image(path: Path, files: Mapping[str, bytes], *, label: str = "CARD") -> None:
    """Make an exFAT image with these files."""
    with path.open("wb") as image:
        image.truncate(IMAGE_BYTES)
    run("mkfs.exfat", "-L", label, path)
    with mounted(path, path.with_suffix(".filling"), read_only=False) as root:
        fill(root, files)


@contextmanager
def mounted(image: Path, place: Path, *, read_only: bool = True) -> Iterator[Path]:
    """Mount an image on a loop device at ``place``."""
    with ExitStack() as undo:
        place.mkdir(exist_ok=True)
        undo.callback(place.rmdir)
        loop = attach(image, read_only=read_only)
        undo.callback(run, "losetup", "--detach", loop)
        mount(loop, place, read_only=read_only)
        undo.callback(run, "umount", place)
        yield place


def attach(image: Path, *, read_only: bool = True) -> str:
    """Attach an image to a loop device and return its name."""
    return run("losetup", "--find", "--show", *(("--read-only",) if read_only else ()), image)


def mount(loop: str, place: Path, *, read_only: bool = True) -> None:
    """Mount a loop device with exFAT."""
    run("mount.exfat-fuse", "-o", f"{'ro' if read_only else 'rw'},noatime,nosuid,nodev,noexec", loop, place)


@contextmanager
def inserted(folder: Path, files: Mapping[str, bytes], *, label: str = "CARD") -> Iterator[TestCard]:
    """Insert a card with these files; check at the end that nothing wrote to it."""
    root = folder / "card"
    if can_mount():
        image = folder / "card.img"
        make_image(image, files, label=label)
        before = sha256(image)
        with mounted(image, root), watched(root):
            yield TestCard(root, image)
        assert sha256(image) == before, "the card was written to"
    else:
        root.mkdir()
        fill(root, files)
        state = fingerprint(root)
        with watched(root):
            yield TestCard(root, None)
        assert fingerprint(root) == state, "the card was written to"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(root: Path) -> list[tuple[str, int, int, str]]:
    """Return everything of a folder that a write would change."""
    return [
        (str(path.relative_to(root)), found.st_mtime_ns, found.st_ctime_ns, sha256(path) if path.is_file() else "")
        for path in sorted(root.rglob("*"))
        for found in [path.lstat()]
    ]
