"""The card's session at the service: begun, told of files, and asked for its verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from files_service.ingest.batches import MOST_ITEMS, batches
from files_service.ingest.card import Card
from files_service.ingest.faults import Patience
from files_service.ingest.journal import Journal
from files_service.ingest.service import Remote
from files_service.ingest.threads import in_thread
from storage_adapters import JSON

_FIRST_LOOK_SECONDS, _LOOK_SECONDS = 0.1, 5.0
# The states in which a verdict is still to come.
_UNJUDGED = frozenset(("copying", "uploaded", "verifying"))


class CardSession:
    """One session; every call is repeated until the service answers."""

    def __init__(self, remote: Remote, patience: Patience, journal: Journal) -> None:
        self._remote, self._patience, self._journal = remote, patience, journal
        self._telling = asyncio.Lock()

    async def show_card(self, card: Card, host: str, listing_sha256: str) -> JSON:
        """Tell the service that a card is there; return its state there and its last session."""
        shown = {
            name: getattr(card, name)
            for name in ("card_id", "fs_uuid", "fs_type", "size_bytes", "label", "camera", "serial", "layout")
        }
        answer: JSON = await self._ask(
            "POST", "/api/cards", {"card": shown, "host": host, "listing_sha256": listing_sha256}
        )
        return answer

    async def begin(self, card: Card, **said: Any) -> None:
        """Begin the session, or find the one that was begun before."""
        session = await self._ask(
            "POST",
            f"/api/cards/{quote(card.card_id, safe='')}/sessions",
            {"request_id": self._journal.request_id, **said},
        )
        await in_thread(None, self._journal.note_session, session["session_id"], session["folder"])

    async def tell(self) -> None:
        """Tell the service of all files whose outcome it does not know."""
        async with self._telling:
            while entries := await in_thread(None, self._journal.entries, untold=True, limit=MOST_ITEMS):
                for batch in batches([(each, each.to_wire()) for each in entries], lambda item: item[1]):
                    await self._ask("POST", f"{self._address}/files", {"files": [wire for _, wire in batch]})
                    await in_thread(None, self._journal.note_told, [entry for entry, _ in batch])

    async def note(self, state: str, **said: Any) -> JSON:
        """Tell the service the state of the session; return the session."""
        session: JSON = await self._ask("POST", self._address, {"state": state, **said})
        return session

    async def note_once(self, state: str) -> None:
        """Tell the service the state, without patience."""
        await self._remote.ask("POST", self._address, {"state": state})

    async def verdict(self, seconds: float) -> JSON:
        """Have the session verified, and return it with its verdict, or without after some seconds."""
        session: JSON = await self._ask("POST", f"{self._address}/verify", {})
        loop, pause = asyncio.get_running_loop(), _FIRST_LOOK_SECONDS
        end = loop.time() + seconds
        while session["state"] in _UNJUDGED and loop.time() < end:
            await asyncio.sleep(pause)
            pause = min(_LOOK_SECONDS, 2 * pause)
            session = await self._ask("GET", self._address)
        return session

    @property
    def _address(self) -> str:
        return f"/api/card-sessions/{self._journal.session_id}"

    async def _ask(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return await self._patience.until_done(lambda: self._remote.ask(verb, path, body))
