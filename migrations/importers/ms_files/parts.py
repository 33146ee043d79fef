"""Mapping of a file's parts, which ms-files stores as JSON in one field. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from migrations.importers.ms_files import model
from migrations.importers.ms_files.fields import Fields, number
from storage_adapters import JSON, Part

FIELD = "files"


def map_parts(
    fields: Fields, *, received: Mapping[str, int], received_at: int | None
) -> tuple[tuple[Part, ...], list[JSON]]:
    """Map the parts of a file; also return each part's fields without an equivalent.

    A part has arrived when ``received`` has its key, or when the file is uploaded, at ``received_at``.
    """
    text = fields.texts.get(FIELD)
    files = None if text is None else fields.json(FIELD, text, None)
    if not isinstance(files, list) or not files or not all(isinstance(each, dict) for each in files):
        fields.give_up("no_parts", f"{FIELD}: {(text or '')[:200]!r}")
    parts = tuple(_part(fields, place, each, received, received_at) for place, each in enumerate(files))
    if len({part.key for part in parts}) < len(parts):
        fields.give_up("repeated_part", "two parts have the same name")
    others = [{key: value for key, value in each.items() if key not in model.PART_FIELDS} for each in files]
    return parts, others


def _part(fields: Fields, place: int, each: JSON, received: Mapping[str, int], received_at: int | None) -> Part:
    key = each.get("filename")
    if not isinstance(key, str) or not key:
        fields.give_up("no_parts", f"part {place} has no filename")
    if key.startswith("cfs:"):
        fields.note("cloudflare_stream", f"{key} is not the name of an object: its bytes cannot be served")
    length = each.get("contentLength")
    size = number(length)
    if size is None:
        fields.note("not_a_number", f"contentLength of {key}: {length!r}; set to 0")
    return Part(
        part_id=f"p{place}",
        type=str(each.get("type") or "file"),
        content_type=str(each.get("contentType") or "application/octet-stream"),
        size=size or 0,
        bucket=str(each.get("bucket") or fields.plain(fields.text("bucket"), "bucket")),
        key=key,
        md5=_md5(fields, key, each.get("md5Hash")),
        received_at=received.get(key) if received_at is None else received_at,
    )


def _md5(fields: Fields, key: str, value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    if len(value) == 32:
        return value.lower()
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 16:
        fields.note("not_an_md5", f"{key}: {value[:100]!r}")
        return None
    return digest.hex()
