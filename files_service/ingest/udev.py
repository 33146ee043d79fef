"""The database of udev: what it has found on a device, as files below ``/run/udev/data`` that anyone may read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

UDEV = Path("/run/udev/data")


@dataclass(frozen=True, slots=True)
class Entry:
    """Properties of a device, and the links to it below ``/dev``."""

    properties: Mapping[str, str]
    links: tuple[str, ...]

    def text(self, name: str) -> str:
        """Return a property that udev has encoded, "" when there is none."""
        return unescaped(self.properties.get(name, ""))


def read_entry(path: Path) -> Entry:
    """Return an entry by its file. Raises OSError when udev does not know the device."""
    lines = path.read_text(errors="replace").splitlines()
    properties = dict(line[2:].partition("=")[::2] for line in lines if line.startswith("E:"))
    return Entry(properties, tuple(line[2:] for line in lines if line.startswith("S:")))


def unescaped(text: str) -> str:
    r"""Return a text in which udev wrote some bytes as ``\x20``."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), os.fsencode(text)).decode(
        errors="replace"
    )
