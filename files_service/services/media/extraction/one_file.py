"""The subprocess of one file: it confines itself, opens the file through its parent, and tells what it finds."""

from __future__ import annotations

import os
from typing import NoReturn

from files_service.services.media.extraction import clips, pictures
from files_service.services.media.extraction.channel import END, Channel, RangeFile
from files_service.services.media.extraction.confinement import confine, seal


def load() -> None:
    """Load what the libraries would load later, when no file can be opened any more."""
    pictures.load()
    clips.load()


def extract(incoming: int, outgoing: int) -> NoReturn:
    """Take one job from a pipe, and end the process.

    It ends with status 0 whatever the file is; what it could not do is missing, and ``fault`` says why.
    """
    channel = Channel(incoming, outgoing)
    network = confine()
    job = channel.job()
    is_filtered = seal()
    files = [RangeFile(channel, source, size) for source, size in enumerate(job["sizes"])]
    kind = job["kind"]
    channel.facts({"network": network, "processes": "none" if is_filtered else "any"})
    try:
        if kind == "picture":
            pictures.extract(channel, files[0])
        elif kind == "cover":
            pictures.cover(channel, files[0])
        elif kind in ("clip", "sound"):
            clips.extract(channel, files[0], files[1] if len(files) > 1 else None, pictures=kind == "clip")
    except Exception as error:  # noqa: BLE001 - files of any origin, and two libraries that open them
        channel.facts({"fault": f"{type(error).__name__}: {error}"[:300]})
    channel.tell(END)
    # Libraries may hang or crash in their own cleaning after a broken file.
    os._exit(0)
