"""A slot of a reader, into which a test puts a card and from which it pulls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from files_service.ingest.volumes import LinuxVolumes, Volumes
from tests.ingest.cards import attach, can_mount, fill, fingerprint, make_image, mount, run, sha256
from tests.ingest.untouched import watched


class Slot:
    """A place at which one card comes and goes: an exFAT image, or a folder where nothing can be mounted."""

    def __init__(self, folder: Path, name: str, files: Mapping[str, bytes]) -> None:
        self.root = folder / name
        self._image, self._away = folder / f"{name}.img", folder / f"{name}.away"
        self._loop = ""
        if can_mount():
            make_image(self._image, files, label=name)
            self.root.mkdir()
            self._loop = attach(self._image)
        else:
            self._away.mkdir()
            fill(self._away, files)
        self._before = self._state()
        self.is_in = False

    def insert(self) -> None:
        """Put the card in."""
        if can_mount():
            mount(self._loop, self.root)
        else:
            # By another process: this one is watched for writes.
            run("mv", "-T", self._away, self.root)
        self.is_in = True

    def pull(self) -> None:
        """Pull the card, also while it is read."""
        if can_mount():
            run("umount", "--lazy", self.root)
        else:
            run("mv", "-T", self.root, self._away)
        self.is_in = False

    def close(self) -> None:
        """Take the card away for good; nothing on it may have changed."""
        if self.is_in:
            self.pull()
        assert self._state() == self._before, "the card was written to"
        if self._loop:
            run("losetup", "--detach", self._loop)

    def _state(self) -> object:
        return sha256(self._image) if can_mount() else fingerprint(self._away)


@contextmanager
def slot(folder: Path, files: Mapping[str, bytes], name: str = "CARD") -> Iterator[Slot]:
    """Make a slot with a card beside it; fail when the card is written to."""
    made = Slot(folder, name, files)
    try:
        with watched(made.root):
            yield made
    finally:
        made.close()


def volumes_at(*slots: Slot, folder: Path) -> Volumes:
    """The volumes of this machine that come and go in slots below a folder."""
    return LinuxVolumes(places=(folder,), folders=() if can_mount() else [each.root for each in slots])
