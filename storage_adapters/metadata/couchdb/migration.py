"""Migrations of the CouchDB store: the mark, the journal, a scan, and the design documents."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from storage_adapters.errors import SchemaMismatch
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.feed import Feed
from storage_adapters.metadata.couchdb.keys import document_id_of, hex_of
from storage_adapters.metadata.couchdb.layout import LAYOUT, prepare, repair_feed, require_databases
from storage_adapters.metadata.couchdb.records import correct_index, parse_document
from storage_adapters.metadata.couchdb.server import Server
from storage_adapters.metadata.couchdb.state import State
from storage_adapters.metadata.couchdb.views import DESIGNS, build, build_progress, design_status, install_designs
from storage_adapters.ports.schemas import Schema, SupportsDesigns
from storage_adapters.records import JSON, FileRecord, Tombstone
from storage_adapters.unicode_text import UNICODE_VERSION

_LAYOUT = "layout"
_JOURNAL = "journal-"


class CouchMigrations(SupportsDesigns):
    """The part of the store that migrations use."""

    _server: Server
    _files: Database
    _locks: Database
    _state: State
    _feed: Feed
    _uploads: Database
    _documents: Database

    def schema(self) -> Schema:
        """See ``SupportsMigrations``."""
        found = self._kept(_LAYOUT)
        return Schema(
            found="" if found is None else str(found["layout"]),
            known=LAYOUT,
            empty=found is None,
            unicode=UNICODE_VERSION if found is None else self.unicode_version(),
        )

    def change_schema(self, mark: str) -> None:
        """See ``SupportsMigrations``."""
        found = self._kept(_LAYOUT)
        if mark not in ("", LAYOUT) or (found is not None and found["layout"] not in ("", LAYOUT)):
            there = mark if found is None or found["layout"] in ("", LAYOUT) else str(found["layout"])
            raise SchemaMismatch("couchdb", found=there, known=LAYOUT)
        if found is not None:
            self._state.change(_LAYOUT, lambda value: {**(value or {}), "layout": mark})
        elif mark:
            prepare(self._files, self._locks, self._state, self._feed, self._uploads, self._documents)

    def schema_faults(self) -> list[str]:
        """See ``SupportsMigrations``."""
        databases = (self._files, self._locks, self._feed.entries, self._uploads, self._documents)
        faults = [f"database {each.name} is missing" for each in databases if not each.exists()]
        found = self._kept(_LAYOUT)
        if not faults and found is not None and found.get("feed_lost"):
            faults = [f"database {self._feed.entries.name} is incomplete"]
        return faults

    def repair_schema(self) -> bool:
        """See ``SupportsMigrations``."""
        if self._kept(_LAYOUT) is None:
            return False
        require_databases(self._files, self._documents)
        return repair_feed(self._state, self._feed)

    def read_journal(self, name: str) -> bytes | None:
        """See ``SupportsMigrations``."""
        found = self._kept(_JOURNAL + hex_of(name))
        return None if found is None else str(found["document"]).encode()

    def write_journal(self, name: str, *, expected: bytes | None, document: bytes) -> bool:
        """See ``SupportsMigrations``."""
        found = self._kept(_JOURNAL + hex_of(name))
        stored = None if found is None else str(found["document"]).encode()
        return stored == expected and self._state.put(
            _JOURNAL + hex_of(name), {"document": document.decode()}, over=found
        )

    def scan(self, *, after: str, limit: int) -> tuple[list[FileRecord], str]:
        """See ``SupportsMigrations``: by document id."""
        documents, position = self._read_page(after, limit)
        parsed = [parse_document(each) for each in documents]
        return [each.record for each in parsed if each.record is not None and each.tombstone is None], position

    def _read_page(self, after: str, limit: int) -> tuple[list[JSON], str]:
        """Read up to so many documents behind an id, without those of designs; and the id to go on from."""
        params = {"include_docs": "true", "limit": str(limit + 1)}
        if after:
            params["startkey"] = orjson.dumps(after).decode()
        rows = self._server.request("GET", self._files.name, "_all_docs", params=params)[1]["rows"]
        behind = [row for row in rows if row["id"] != after][:limit]
        documents = [row["doc"] for row in behind if not row["id"].startswith("_")]
        return documents, behind[-1]["id"] if len(rows) > limit else ""

    def stored(self, file_ids: Sequence[str]) -> list[FileRecord | Tombstone | None]:
        """See ``SupportsMigrations``."""
        documents = self._files.documents(map(document_id_of, file_ids))
        parsed = [None if document is None else parse_document(document) for document in documents]
        return [None if each is None else each.tombstone or each.record for each in parsed]

    def _kept(self, name: str) -> JSON | None:
        """Return a value kept beside the files, also before its database exists."""
        return self._state.get(name) if self._locks.exists() else None

    def designs(self) -> tuple[list[str], list[str], list[str]]:
        """See ``SupportsDesigns``."""
        status = design_status(self._files)
        return list(status.missing), list(status.installed), list(status.obsolete)

    def build_progress(self) -> dict[str, float]:
        """See ``SupportsDesigns``."""
        return build_progress(self._files)

    def build_design(self, name: str) -> bool:
        """See ``SupportsDesigns``."""
        design = next(design for design in DESIGNS.values() if design.name == name)
        install_designs(self._files, [design])
        return build(self._files, design)

    def mark_designs(self, *, built: bool) -> None:
        """See ``SupportsDesigns``."""
        names = _wanted() if built else []

        def decide(found: JSON | None) -> JSON | None:
            return None if found is None or found.get("built") == names else {**found, "built": names}

        self._state.change(_LAYOUT, decide)

    def correct_indexes(self, *, after: str, limit: int, write: bool) -> tuple[int, str]:
        """See ``SupportsDesigns``."""
        documents, position = self._read_page(after, limit)
        moved = [each for each in documents if "index" in each and correct_index(each)]
        if write and moved:
            # One that is refused was written meanwhile, by a process that indexes as this one does.
            self._files.bulk(moved)
        return len(moved), position

    def drop_designs(self, names: Sequence[str]) -> None:
        """See ``SupportsDesigns``."""
        rows = self._files.all(f"_design/{name}" for name in names)
        for row in rows:
            if "value" in row and not row["value"].get("deleted"):
                params = {"rev": row["value"]["rev"]}
                self._server.request(
                    "DELETE", self._files.name, *row["id"].split("/"), params=params, allowed=(404, 409)
                )


def _wanted() -> list[str]:
    return sorted(design.name for design in DESIGNS.values())
