"""The subprocess: ``python -I -m files_service.services.media.extraction``, with its messages on the standard streams.

It ends with status 0 whatever the file is; what it could not do is missing, and ``fault`` says why.
"""

from __future__ import annotations

import os
import sys

from files_service.services.media.extraction.channel import END, Channel, RangeFile
from files_service.services.media.extraction.confinement import confine, seal


def main() -> None:
    """Confine the process, load the library of the file's kind, seal the process, then open the file."""
    channel = Channel(sys.stdin.fileno(), sys.stdout.fileno())
    network = confine()
    job = channel.job()
    files = [RangeFile(channel, source, size) for source, size in enumerate(job["sizes"])]
    kind = job["kind"]
    # Imported under the limits, and before the time when no file can be opened any more.
    if kind in ("picture", "cover"):
        from files_service.services.media.extraction import pictures

        pictures.load()
    elif kind in ("clip", "sound"):
        from files_service.services.media.extraction import clips

        clips.load()
    seal()
    channel.facts({"network": network})
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


if __name__ == "__main__":
    main()
