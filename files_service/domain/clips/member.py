"""Membership of a file in a clip, and what all rules need to find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_PROXIES = frozenset({"lrv", "lrf"})
_SIDECARS = frozenset(
    {
        # Previews, subtitles, sound notes, and what editing programs keep beside a file.
        *("thm", "scr", "srt", "wav", "xml", "xmp", "aae", "pp3", "dop", "json", "txt", "dat", "sidecar"),
        # Descriptions within structures of folders.
        *("cpi", "clpi", "bdm", "bdmv", "mpl", "mpls", "bim", "ppn", "smi", "klv", "bup", "cif", "cpf", "xmf", "sif"),
        *("mif", "rmd", "rtn"),
    }
)


class Role(StrEnum):
    """Part that a file plays in its clip."""

    MAIN = "main"
    # The moving half of a Live Photo.
    MOTION = "motion"
    PROXY = "proxy"
    SIDECAR = "sidecar"


ORDER = {Role.MAIN: 0, Role.MOTION: 1, Role.PROXY: 2, Role.SIDECAR: 3}


@dataclass(frozen=True, slots=True)
class Member:
    """Clip of a file, its chapter, and its part in it; ``clip`` is unique on a card."""

    clip: str
    chapter: int = 0
    role: Role = Role.MAIN


# Returns the place of a file by its folder and its name, None for a file that the rule does not know.
Rule = Callable[[str, str], Member | None]


def by_stem(folder: str, name: str) -> Member:
    """Return the place beside the files of the same name with other suffixes in the same folder."""
    return Member(within(folder, stem(name)), 0, role_of(name))


def role_of(name: str) -> Role:
    """Return the role that a suffix tells."""
    folded = suffix(name).lower()
    if folded in _PROXIES:
        return Role.PROXY
    return Role.SIDECAR if folded in _SIDECARS else Role.MAIN


def within(folder: str, name: str) -> str:
    """Return the path of a name in a folder."""
    return f"{folder}/{name}" if folder else name


def stem(name: str) -> str:
    """Return a name without its suffix."""
    return name.rpartition(".")[0] or name


def suffix(name: str) -> str:
    """Return the suffix of a name, without its dot."""
    return name.rpartition(".")[2]


def top_of(folder: str, wanted: str) -> str | None:
    """Return the path down to the folder of this name in capitals, None when the path has none."""
    segments = folder.split("/")
    upper = [segment.upper() for segment in segments]
    return "/".join(segments[: upper.index(wanted) + 1]) if wanted in upper else None


def parent_and_last(folder: str) -> tuple[str, str]:
    """Return the path above a folder, and the name of the folder in capitals."""
    parent, _, last = folder.rpartition("/")
    return parent, last.upper()
