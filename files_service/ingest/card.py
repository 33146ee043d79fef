"""A memory card and what is to be taken from it. Values alone, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from files_service.domain.clips.media import is_media
from files_service.domain.clips.member import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A file system with footage, mounted at ``root``.

    ``card_id`` names the file system, which formatting replaces: its UUID and its size. ``layout`` is the camera's
    structure of folders by name, ``""`` when none is recognized.
    """

    card_id: str
    root: Path
    fs_uuid: str
    fs_type: str
    size_bytes: int
    label: str = ""
    camera: str = ""
    serial: str = ""
    layout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFile:
    """One file of a card as a listing found it; ``path`` is relative to the root, with ``/``, exactly as on the card.

    ``clip`` is the name of the clip to which chapters, proxies and sidecars belong; ``chapter`` is their order in it.
    """

    path: str
    size: int
    mtime_ns: int
    clip: str = ""
    chapter: int = 0
    role: Role = Role.MAIN


class Status(StrEnum):
    """State in a session's manifest of a file that is never sent, as ``cards.add`` takes it."""

    UNREADABLE = "unreadable"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An entry of a card that is neither taken nor junk, such as a link; a session with one is not safe.

    ``path`` is one line of UTF-8 as ``cards.add`` takes it; a folder stands for all that is in it.
    """

    path: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The files of a card in the order of their transfer, and everything else that is on it.

    ``junk`` is what the printed list leaves out; a path that ends with ``/`` is a folder with all that is in it.
    ``left_out`` must reach the manifest of the session.
    """

    card: Card
    files: tuple[CardFile, ...]
    junk: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files to take."""
        return sum(file.size for file in self.files)

    @property
    def clips(self) -> int:
        """Number of clips; a picture or a sound by itself is one, a group without pictures, clips and sound is none."""
        return len({file.clip or file.path for file in self.files if is_media(file.path)})
