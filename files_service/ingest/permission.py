"""Permission to take a card, which its owner gives at the service; without it nothing of a card is sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from files_service.ingest.card import Card
from files_service.ingest.service import Service
from storage_adapters import JSON

_UNJUDGED = frozenset(("copying", "uploaded", "verifying"))
_VERIFIED = frozenset(("safe", "copied_not_verified"))
_PAGE = 100
_DESCRIBED = ("card_id", "fs_uuid", "fs_type", "size_bytes", "label", "camera", "serial", "layout")


class Permission(StrEnum):
    """Decision of an owner about a card."""

    ALLOWED = "allowed"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sighting:
    """Answer of the service to an inserted card: the permission, and the last session with it."""

    permission: Permission
    session: JSON | None = field(default=None)

    def is_done(self, listing_sha256: str) -> bool:
        """Return True when a session with this listing has its verdict, so that nothing is left to do."""
        session = self.session or {}
        listings = (session.get("relisting_sha256") or session.get("listing_sha256"),)
        return session.get("state") in _VERIFIED and listing_sha256 in listings


class NoSuchCard(Exception):
    """An id, or the beginning of one, that names no card or several."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """The cards of an owner at the service. Raises FilesError and Unreachable."""

    service: Service
    host: str = field(default_factory=socket.gethostname)

    def sight(self, card: Card, listing_sha256: str) -> Sighting:
        """Tell the service that a card is there, and return what it knows of it."""
        shown = {name: getattr(card, name) for name in _DESCRIBED}
        body = {"card": shown, "host": self.host, "listing_sha256": listing_sha256}
        answer = asyncio.run(self._ask("POST", "/api/cards", body))
        return Sighting(Permission(answer["card"]["state"]), answer["session"])

    def permit(self, card_id: str, permission: Permission) -> JSON:
        """Set the permission of a card and return the card."""
        card: JSON = asyncio.run(self._ask("PUT", _address(card_id), {"state": permission.value}))
        return card

    def current(self, card_id: str) -> Permission:
        """Return the permission of a card that was sighted."""
        return Permission(asyncio.run(self._find(card_id))["state"])

    def verdict(self, session_id: str) -> str:
        """Return the verdict of a session as one line, "" when there is none yet."""
        session = asyncio.run(self._ask("GET", f"/api/card-sessions/{quote(session_id, safe='')}", None))
        return verdict_of(session) if session["state"] not in _UNJUDGED else ""

    def find(self, beginning: str) -> JSON:
        """Return the card whose id begins so. Raises NoSuchCard."""
        found = [card for card in self.cards() if card["card_id"].startswith(beginning)] if beginning else []
        if len(found) != 1:
            raise NoSuchCard(f"{len(found)} cards begin with {beginning!r}")
        return found[0]

    def cards(self) -> list[JSON]:
        """Return the cards, the last seen first."""
        return asyncio.run(self._all())

    async def _find(self, card_id: str) -> JSON:
        async with aclosing(self._pages()) as cards:
            async for card in cards:
                if card["card_id"] == card_id:
                    return card
        raise NoSuchCard(f"there is no card {card_id}")

    async def _all(self) -> list[JSON]:
        return [card async for card in self._pages()]

    async def _pages(self) -> AsyncGenerator[JSON, None]:
        async with self.service.connect() as remote:
            cursor = None
            while True:
                parameters = {"limit": _PAGE, **({"cursor": cursor} if cursor else {})}
                page = await remote.ask("GET", f"/api/cards?{urlencode(parameters)}")
                for card in page["cards"]:
                    yield card
                cursor = page["next_cursor"]
                if cursor is None:
                    return

    async def _ask(self, verb: str, path: str, body: JSON | None) -> Any:
        async with self.service.connect() as remote:
            return await remote.ask(verb, path, body)


def _address(card_id: str) -> str:
    return f"/api/cards/{quote(card_id, safe='')}"


def verdict_of(session: JSON | None) -> str:
    """Return the verdict of a session as one line: its text, or its state where it has none."""
    found = session or {}
    return str((found.get("verdict") or {}).get("text") or found.get("state") or "")
