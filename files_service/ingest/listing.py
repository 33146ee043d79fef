"""All that is on a card: files to take, junk, and what can neither be taken nor be passed over in silence.

Invariant: each entry of the card is a file to take, or junk or inside a folder of junk, or left out with its reason.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from files_service.domain import cards
from files_service.ingest.card import Card, CardFile, LeftOut, Plan, Status
from files_service.ingest.entries import wire_path
from files_service.ingest.groups import group
from files_service.ingest.junk import is_junk

# A damaged directory can contain itself under ever new numbers.
MAX_DEPTH = 40
MAX_ENTRIES = 2_000_000
# Of a path in a session's manifest.
MAX_PATH_BYTES = 1_024


class CardUnlistable(Exception):
    """A card of which no complete list can be made, so nothing of it may be called safe."""


@dataclass(slots=True)
class Listing:
    """The entries of a card by what becomes of them."""

    files: list[CardFile] = field(default_factory=list)
    junk: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    entries: int = 0

    def leave_out(self, path: str, status: Status, reason: str) -> None:
        """Note an entry that is not taken."""
        self.left_out.append(LeftOut(path=_shortened(wire_path(path)), status=status, reason=reason))


def plan(card: Card) -> Plan:
    """List a card and return its plan. Raises CardUnlistable, and OSError when the root cannot be read."""
    listing = list_card(card.root)
    return Plan(
        card=card,
        files=group(listing.files),
        junk=tuple(sorted(listing.junk, key=os.fsencode)),
        left_out=tuple(sorted(listing.left_out, key=lambda each: each.path)),
    )


def list_card(root: Path, *, max_entries: int = MAX_ENTRIES) -> Listing:
    """Return everything below ``root`` without following a link or entering another file system.

    Raises CardUnlistable, and OSError when the root itself cannot be read, or the card is pulled meanwhile.
    """
    listing = Listing()
    top = root.stat()
    # Relative folders to read, each with the identities of the folders that contain it.
    pending: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset({(top.st_dev, top.st_ino)}))]
    while pending:
        folder, above = pending.pop()
        for entry in _entries(root, folder, listing):
            listing.entries += 1
            if listing.entries > max_entries:
                raise CardUnlistable(f"the card has more than {max_entries} files and folders")
            path = f"{folder}/{entry.name}" if folder else entry.name
            inside = _take(entry, path, listing, above, top.st_dev)
            if inside is not None:
                pending.append((path, inside))
    if listing.left_out:
        _require_same(root, top)
    return listing


def _require_same(root: Path, top: os.stat_result) -> None:
    """Raise OSError when the card was pulled while it was listed: its folders are not unreadable, but gone."""
    now = root.stat()
    with os.scandir(root) as entries:
        next(entries, None)
    if (now.st_dev, now.st_ino) != (top.st_dev, top.st_ino):
        raise OSError(errno.ENODEV, "the card is gone", str(root))


def _entries(root: Path, folder: str, listing: Listing) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            return list(entries)
    except OSError as error:
        if not folder:
            raise
        listing.leave_out(folder, Status.UNREADABLE, f"the folder cannot be read: {error.strerror}")
        return []


def _take(
    entry: os.DirEntry[str], path: str, listing: Listing, above: frozenset[tuple[int, int]], device: int
) -> frozenset[tuple[int, int]] | None:
    """Sort one entry in; return the identities above what is in it when it is a folder to read."""
    try:
        # Not entry.stat, which knows no device on Windows.
        found = os.lstat(entry.path)
    except OSError as error:
        listing.leave_out(path, Status.UNREADABLE, f"it cannot be looked at: {error.strerror}")
        return None
    is_folder = stat.S_ISDIR(found.st_mode)
    if is_junk(entry.name):
        listing.junk.append(f"{path}/" if is_folder else path)
        return None
    fault = _fault(path, found, device)
    if fault:
        listing.leave_out(path, *fault)
        return None
    if not is_folder:
        listing.files.append(CardFile(path=path, size=found.st_size, mtime_ns=found.st_mtime_ns))
        return None
    identity = (found.st_dev, found.st_ino)
    if identity in above or len(above) > MAX_DEPTH:
        listing.leave_out(path, Status.UNREADABLE, "the folder contains itself, or lies too deep")
        return None
    return above | {identity}


def _fault(path: str, found: os.stat_result, device: int) -> tuple[Status, str] | None:
    if not _is_utf8(path):
        return Status.UNREADABLE, "the name is not UTF-8"
    if len(wire_path(path).encode()) > MAX_PATH_BYTES:
        return Status.UNREADABLE, "the path is too long"
    if stat.S_ISLNK(found.st_mode):
        return Status.EXCLUDED, "a link, which is not followed"
    if found.st_dev != device:
        return Status.EXCLUDED, "it lies on another file system"
    if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
        return Status.EXCLUDED, "neither a file nor a folder"
    return None


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shortened(path: str) -> str:
    encoded = path.encode()
    if len(encoded) <= MAX_PATH_BYTES:
        return path
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    return f"{encoded[: MAX_PATH_BYTES - 20].decode(errors='ignore').rstrip('/')}…{digest}"


def listing_sha256(planned: Plan, *, excluded: Container[str] = ()) -> str:
    """Return the digest of a listing as the service computes it of the entries of a session.

    What cannot be read is in it, with neither size nor time, and what was left out is not; ``excluded`` are wire paths
    of files that were left out later.
    """
    lines = [(wire_path(file.path), file.size, file.mtime_ns // 1_000_000) for file in planned.files]
    lines += [(each.path, 0, 0) for each in planned.left_out if each.status is Status.UNREADABLE]
    listing = cards.Listing()
    for path, size, mtime_at in sorted(lines, key=lambda line: line[0].encode()):
        if path not in excluded:
            listing.add(path, size, mtime_at)
    return listing.sha256
