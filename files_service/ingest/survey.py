"""Survey of a card: the files that a run would send."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from files_service.domain.sizes import number_of, shown_size
from files_service.errors import FilesError
from files_service.ingest.card import Card, CardFile, Plan
from files_service.ingest.catalogue import Catalogue
from files_service.ingest.config import state_folder
from files_service.ingest.database import Database
from files_service.ingest.faults import NoPatience
from files_service.ingest.known import KnownFiles
from files_service.ingest.listing import plan
from files_service.ingest.reader import CardReader
from files_service.ingest.service import Service, Unreachable
from storage_adapters import JSON


@dataclass(frozen=True, slots=True)
class Survey:
    """A plan, the files in it that the service has, and the reason why it could not be asked."""

    plan: Plan
    known: frozenset[str] = field(default=frozenset())
    unasked: str = ""

    @property
    def clips(self) -> list[tuple[str, list[CardFile]]]:
        """The files by clip, in the order of the transfer."""
        found: dict[str, list[CardFile]] = {}
        for file in self.plan.files:
            found.setdefault(file.clip or file.path, []).append(file)
        return list(found.items())

    @property
    def new_bytes(self) -> int:
        """Bytes that would be sent."""
        return sum(file.size for file in self.plan.files if file.path not in self.known)

    @property
    def summary(self) -> str:
        """One line for people."""
        new = len(self.plan.files) - len(self.known)
        unasked = f" (the service was not asked: {self.unasked})" if self.unasked else ""
        return f"would send {number_of(new, 'file')}, {shown_size(self.new_bytes)}; known: {len(self.known)}{unasked}"

    def to_wire(self) -> JSON:
        """Return the survey as JSON."""
        return {
            "event": "survey",
            "card_id": self.plan.card.card_id,
            "files": len(self.plan.files),
            "bytes": self.plan.size,
            "new_bytes": self.new_bytes,
            "known": len(self.known),
            "clips": [{"clip": name, "files": [file.path for file in files]} for name, files in self.clips],
            "junk": list(self.plan.junk),
            "unasked": self.unasked or None,
        }


def survey(card: Card, service: Service, folder: Path | None = None) -> Survey:
    """Return what a run would do. Raises OSError and DeviceGone."""
    return asyncio.run(_survey(plan(card), service, folder or state_folder()))


async def _survey(planned: Plan, service: Service, folder: Path) -> Survey:
    reader = CardReader(planned.card.root)
    with ThreadPoolExecutor(2, "card") as pool, closing(Database(folder)) as database:
        async with service.connect() as remote:
            try:
                catalogue = Catalogue(database, service=service.url, owner=await remote.owner())
                asking = KnownFiles(reader, remote, NoPatience(remote), catalogue, pool)
                found = await asking.find(await asking.keys(planned.files))
            except (FilesError, Unreachable) as error:
                return Survey(planned, unasked=str(error))
    return Survey(planned, frozenset(found))
