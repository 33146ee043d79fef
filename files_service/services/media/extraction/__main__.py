"""The subprocess: ``python -I -m files_service.services.media.extraction``, with its messages on the standard streams.

It ends with status 0 whatever the file is; what it could not do is missing, and ``fault`` says why.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from files_service.services.media.extraction.confinement import confine, seal


def main() -> None:
    """Confine the process, load the libraries, seal the process, then open the file."""
    network = confine()
    # Imported under the limits, and before no file can be opened any more.
    from files_service.services.media.extraction import clips, pictures
    from files_service.services.media.extraction.channel import END, Channel

    pictures.load()
    clips.load()
    channel = Channel(sys.stdin.fileno(), sys.stdout.fileno())
    job = channel.job()
    seal()
    channel.facts({"network": network})
    try:
        _extract(channel, job)
    except Exception as error:  # noqa: BLE001 - files of any origin, and two libraries that open them
        channel.facts({"fault": f"{type(error).__name__}: {error}"[:300]})
    channel.tell(END)
    # Libraries may hang or crash in their own cleaning after a broken file.
    os._exit(0)


def _extract(channel: Any, job: dict[str, Any]) -> None:
    from files_service.services.media.extraction import clips, pictures
    from files_service.services.media.extraction.channel import RangeFile

    files = [RangeFile(channel, source, size) for source, size in enumerate(job["sizes"])]
    if job["kind"] == "picture":
        pictures.extract(channel, files[0])
    elif job["kind"] in ("clip", "sound"):
        proxy = files[1] if len(files) > 1 else None
        clips.extract(channel, files[0], proxy, pictures=job["kind"] == "clip")


if __name__ == "__main__":
    main()
