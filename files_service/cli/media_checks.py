"""``files doctor``: previews of pictures and clips."""

from __future__ import annotations

from files_service.cli.finding import Finding
from files_service.config import Settings
from files_service.services.media.extractor import extract, is_installed
from storage_adapters import install_command

_NETWORKS = {
    "namespace": "without any network",
    "descriptors": "that can open no socket (this system gives it no network namespace of its own)",
}
_ADVICE = "Give the machine 1 GiB of memory and let the service start processes, or set FILES_MEDIA=false."


def check_media(settings: Settings) -> Finding:
    """Start the subprocess that opens files, without a file. Files are processed without it, too."""
    if not settings.media:
        return Finding("media", "pictures and clips get no previews (FILES_MEDIA is false)")
    if not is_installed():
        return Finding("media", f"pictures and clips get no previews; in the clone: {install_command('media')}")
    found = extract("none", (), lambda source, offset, length: None)
    network = _NETWORKS.get(str(found.facts.get("network")))
    if found.fault is not None or network is None:
        return Finding("media", f"the process that opens pictures and clips fails: {found.fault}", _ADVICE)
    starts = "" if found.facts.get("processes") == "none" else "; this system does not keep it from starting others"
    return Finding("media", f"pictures and clips get previews, in a process {network}{starts}")
