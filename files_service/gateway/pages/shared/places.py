"""Places in a shared folder, as query parameters: ``path`` of a folder below it, and ``cursor`` of a page."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson
from aiohttp import web

from files_service.gateway.replies import bad_field
from storage_adapters import Position

_MOST = 4_000


@dataclass(frozen=True, slots=True)
class FolderAddress:
    """A folder below that of the share, "" for that itself, and the place in it behind which a page begins."""

    below: str = ""
    after: Position | None = None

    def query(self) -> str:
        """Return the query string of the place, "" for the beginning of the share."""
        given = {"path": self.below, "cursor": _encode(self.after) if self.after is not None else ""}
        given = {name: value for name, value in given.items() if value}
        return f"?{urlencode(given)}" if given else ""

    def inside(self, folder: str) -> FolderAddress:
        """Return the beginning of a folder in this one."""
        return FolderAddress(f"{self.below}/{folder}" if self.below else folder)

    @property
    def crumbs(self) -> list[tuple[str, FolderAddress]]:
        """Names and places of the folders on the way to this one."""
        names = self.below.split("/") if self.below else []
        return [(name, FolderAddress("/".join(names[: index + 1]))) for index, name in enumerate(names)]


def place_of(request: web.Request) -> FolderAddress:
    """Return the place that a request asks for. Raises HTTPError."""
    cursor = request.query.get("cursor")
    return FolderAddress(request.query.get("path", ""), _decode(cursor) if cursor else None)


def cursor_of(after: Position | None) -> str | None:
    """Return the cursor of a place, None at the end."""
    return _encode(after) if after is not None else None


def _encode(after: Position) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([after.value, after.file_id])).decode().rstrip("=")


def _decode(cursor: str) -> Position:
    try:
        if len(cursor) > _MOST:
            raise ValueError
        value, file_id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(value, str) or not isinstance(file_id, str):
            raise ValueError
    except (ValueError, TypeError, binascii.Error):
        raise bad_field("cursor", "Not a cursor of this link.") from None
    return Position(value=value, file_id=file_id)
