"""Proxies: small clips that cameras write beside the large ones."""

from __future__ import annotations

import re

from files_service.core import Core
from files_service.domain.editing import is_finished
from storage_adapters import FileRecord, Part, RecordNotFound

# GoPro: GX010001.MP4 has GL010001.LRV, GOPR0001.MP4 has GOPR0001.LRV. DJI: DJI_0001.MP4 has DJI_0001.LRF.
_GOPRO = re.compile(r"G[HXS](\d{6})\.MP4", re.I)
_PLAIN = re.compile(r"(.+)\.(?:MP4|MOV)", re.I)


def proxy_names(name: str) -> tuple[str, ...]:
    """Return the names that a proxy of a clip would have."""
    found = []
    if match := _GOPRO.fullmatch(name):
        found.append(f"GL{match[1]}.LRV")
    if match := _PLAIN.fullmatch(name):
        found += [f"{match[1]}.LRV", f"{match[1]}.LRF"]
    return tuple(found)


def find_proxy(core: Core, record: FileRecord) -> Part | None:
    """Return the bytes of a clip's proxy: a file of the same owner in the same folder, if it is there by now."""
    names = proxy_names(record.name)
    if record.path is None or not names:
        return None
    folder = record.path[: len(record.path) - len(record.name)]
    for file_id in core.metadata.resolve(record.owner, "path", [folder + name for name in names]):
        if file_id is None:
            continue
        try:
            found = core.metadata.get(file_id)
        except RecordNotFound:
            continue
        if found.owner == record.owner and is_finished(found) and found.size < record.size:
            return found.parts[0]
    return None
