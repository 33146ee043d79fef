"""File names of downloads, safe on every file system. A record's name is free text."""

from __future__ import annotations

import re

from storage_adapters import FileRecord, Part

MAX_CHARACTERS = 200
FALLBACK = "file"
# Separators of folders, streams or arguments on some system, and control characters.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]')
SUFFIXES = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "image/avif": ".avif",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/webp": ".webp",
    "model/gltf-binary": ".glb",
    "text/csv": ".csv",
    "text/plain": ".txt",
    "text/vtt": ".vtt",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
}


def save_as(record: FileRecord, part: Part) -> str:
    """Return the name of a part's download: the file's name; later parts add their id and the suffix of their type."""
    stem, suffix = split_suffix(safe_name(record.name))
    if part is not record.parts[0]:
        stem = f"{stem}-{part.part_id}"
        if part.content_type != record.parts[0].content_type:
            suffix = SUFFIXES.get(part.content_type.partition(";")[0].strip(), "")
    return stem[: MAX_CHARACTERS - len(suffix)] + suffix


def safe_name(name: str) -> str:
    """Return a name that is one file in a folder, whatever the text."""
    # Leading dots hide a file or name a folder; some systems drop trailing dots and spaces.
    return _UNSAFE.sub("_", name).strip().lstrip(".").rstrip(". ") or FALLBACK


def split_suffix(name: str) -> tuple[str, str]:
    """Return the stem and the suffix with its dot; "" for no suffix, or one that is too long."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem and len(suffix) <= 20 else (name, "")
