"""The documents, views and changes of one database."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import orjson

from storage_adapters.errors import StorageUnavailable
from storage_adapters.metadata.couchdb.server import Server, raised
from storage_adapters.records import JSON

CONFLICT = 409
NOT_FOUND = 404
_NO_SUCH_SETTING = (400, NOT_FOUND, 405)  # 400 is pouchdb-server, which takes it for a document
_NO_DOCUMENT = frozenset({"missing", "deleted"})


class Database:
    """One database of a server."""

    def __init__(self, server: Server, name: str) -> None:
        self.name = name
        self._server = server

    def exists(self) -> bool:
        """Return True when the server has the database."""
        return self._server.request("HEAD", self.name, allowed=(NOT_FOUND,))[0] != NOT_FOUND

    def create(self, **params: str) -> bool:
        """Create the database unless it exists; return True when it was created."""
        return not self.exists() and self._server.request("PUT", self.name, params=params, allowed=(412,))[0] != 412

    def keep_revisions(self, count: int) -> None:
        """Limit the former revisions whose ids each document keeps; needs an administrator of the database.

        CouchDB's own 1000 make every write of a document that changes often read and write all of these ids.
        Servers without that setting keep what they keep.
        https://docs.couchdb.org/en/stable/api/database/misc.html#put--db-_revs_limit
        """
        self._server.request("PUT", self.name, "_revs_limit", body=str(count).encode(), allowed=_NO_SUCH_SETTING)

    def update_seq(self) -> str:
        """Return the sequence of the newest change of a document."""
        return str(self._server.request("GET", self.name)[1]["update_seq"])

    @cached_property
    def clustered(self) -> bool:
        """True where several nodes keep the database."""
        return int(self._server.request("GET", self.name)[1].get("cluster", {}).get("n", 1)) > 1

    def get(self, document_id: str, **params: str) -> JSON | None:
        """Read a document; None when there is none in the database.

        Any other 404, as of a database that is gone or of a proxy that knows no way to it, is no word about documents.
        """
        status, answer, _ = self._server.request(
            "GET", self.name, *document_id.split("/"), params=params, allowed=(NOT_FOUND,)
        )
        if status != NOT_FOUND:
            document: JSON = answer
            return document
        if answer["reason"] not in _NO_DOCUMENT:
            raise raised(status, {"name": f"for {self.name}", "reason": answer["reason"] or "no reason"})
        return None

    def put(self, document: JSON, *, encoded: bytes | None = None) -> str | None:
        """Write a document with a ``write_id`` over the revision it has in ``_rev``; None when it is at another."""
        document_id = document["_id"]
        status, answer, again = self._server.request(
            "PUT", self.name, *document_id.split("/"), body=encoded or document, allowed=(CONFLICT,)
        )
        if status != CONFLICT:
            rev: str = answer["rev"]
            return rev
        if self.clustered:
            self._withdraw(document)
        if again:
            # The first attempt may have been carried out before its connection broke.
            stored = self.get(document_id)
            if stored and stored.get("write_id") == document["write_id"]:
                return str(stored["_rev"])
            if stored and _generation(stored) == _generation(document) + 1:
                # Another writer's stands directly over the revision that was read, so this one never stood there.
                return None
            raise StorageUnavailable("couchdb: the answer to a write was lost")
        return None

    def _withdraw(self, refused: JSON) -> None:
        """Delete what a refused write left in a cluster: a revision at the nodes that took it, beside the accepted one.

        CouchDB may show either of the two to readers, whichever has the greater name.
        """
        stored = self.get(refused["_id"], conflicts="true") or {"_rev": ""}
        for rev in (stored["_rev"], *stored["_conflicts"]) if stored.get("_conflicts") else ():
            leaf = self.get(refused["_id"], rev=rev)
            if leaf is not None and leaf.get("write_id") == refused["write_id"]:
                self.bulk([{"_id": refused["_id"], "_rev": rev, "_deleted": True}])

    def bulk(self, documents: Sequence[Any], *, new_edits: bool = True) -> list[JSON]:
        """Write documents; with ``new_edits`` False, as they are with the revisions they have.

        Not every server gives the rows in the order of the documents: each has the ``id`` of its own.
        """
        body = {"docs": documents} if new_edits else {"docs": documents, "new_edits": False}
        _, rows, _ = self._server.request("POST", self.name, "_bulk_docs", body=body)
        found: list[JSON] = rows
        return found

    def all(self, document_ids: Iterable[str], *, include_docs: bool = False) -> list[JSON]:
        """Look documents up: one row per id, in order."""
        params = {"include_docs": "true"} if include_docs else {}
        body = {"keys": list(document_ids)}
        if not body["keys"]:
            return []
        rows: list[JSON] = self._server.request("POST", self.name, "_all_docs", body=body, params=params)[1]["rows"]
        return rows

    def documents(self, document_ids: Iterable[str]) -> list[JSON | None]:
        """Read documents, in order; None for one that is missing or deleted."""
        return [row.get("doc") for row in self.all(document_ids, include_docs=True)]

    def view(self, design: str, **options: Any) -> list[JSON]:
        """Read rows of the view of a design document, up to date with all writes before."""
        path = (self.name, "_design", design, "_view", "rows")
        if "keys" in options:
            body = {"keys": options.pop("keys")}
            params = {name: orjson.dumps(value).decode() for name, value in options.items()}
            rows: list[JSON] = self._server.request("POST", *path, body=body, params=params)[1]["rows"]
            return rows
        # In the body, since a place in the order of names may be longer than a URL.
        found: list[JSON] = self._server.request("POST", *path, body=options)[1]["rows"]
        return found

    def pending_changes(self, design: str) -> int:
        """Return the number of changes that a design document's index lacks; 0 where the server does not tell."""
        path = (self.name, "_design", design, "_info")
        index = self._server.request("GET", *path, allowed=(NOT_FOUND,))[1].get("view_index")
        return int(index["updates_pending"]["total"]) if isinstance(index, dict) else 0

    def count(self) -> int:
        """Return the number of documents, deleted ones included."""
        facts = self._server.request("GET", self.name)[1]
        return int(facts["doc_count"]) + int(facts.get("doc_del_count", 0))

    def with_prefix(self, prefix: str) -> list[JSON]:
        """Read the documents whose ids begin with a prefix of plain letters."""
        params = {
            "startkey": orjson.dumps(prefix).decode(),
            "endkey": orjson.dumps(prefix + "\ufff0").decode(),
            "include_docs": "true",
        }
        rows = self._server.request("GET", self.name, "_all_docs", params=params)[1]["rows"]
        return [row["doc"] for row in rows]

    def revisions(self, *, behind: str, prefix: str, limit: int) -> list[tuple[str, str]]:
        """Read ids and revisions, without the documents, of those behind an id whose ids begin with a prefix."""
        params = {
            "startkey": orjson.dumps(behind).decode(),
            "endkey": orjson.dumps(prefix + "\ufff0").decode(),
            "limit": str(limit + 1),
        }
        rows = self._server.request("GET", self.name, "_all_docs", params=params)[1]["rows"]
        return [(row["id"], row["value"]["rev"]) for row in rows if row["id"] != behind][:limit]

    def between(self, first: str, last: str, *, limit: int, descending: bool = False) -> list[JSON]:
        """Read documents from one id to another, which are of plain letters; ``descending``, from the greater one."""
        params = {
            "startkey": orjson.dumps(first).decode(),
            "endkey": orjson.dumps(last).decode(),
            "include_docs": "true",
            "limit": str(limit),
        }
        if descending:
            params["descending"] = "true"
        rows = self._server.request("GET", self.name, "_all_docs", params=params)[1]["rows"]
        return [row["doc"] for row in rows]

    def add(self, documents: Sequence[JSON]) -> None:
        """Write documents unless they are there."""
        for row in self.bulk(documents) if documents else ():
            if row.get("error", "conflict") != "conflict":
                raise StorageUnavailable(f"couchdb: {row['id']} was refused: {row['error']}")

    def design_names(self) -> list[str]:
        """Return the names of all design documents."""
        params = {"startkey": '"_design/"', "endkey": '"_design0"'}
        rows = self._server.request("GET", self.name, "_all_docs", params=params)[1]["rows"]
        return [row["id"].removeprefix("_design/") for row in rows]

    def behind(self, since: str, document_ids: Sequence[str]) -> set[str]:
        """Return those of the documents that changed behind a sequence."""
        params = {"since": since or "0", "filter": "_doc_ids"}
        body = {"doc_ids": list(document_ids)}
        rows = self._server.request("POST", self.name, "_changes", body=body, params=params)[1]["results"]
        return {row["id"] for row in rows}

    def changes(self, since: str, limit: int, **params: str) -> tuple[list[JSON], str]:
        """Read changes behind a sequence, and where they end."""
        params = {"since": since or "0", "limit": str(limit), **params}
        _, answer, _ = self._server.request("GET", self.name, "_changes", params=params)
        return answer["results"], str(answer["last_seq"])


def _generation(document: JSON) -> int:
    """Return the number of writes that led to a document's revision, 0 without one."""
    return int(str(document.get("_rev", "0")).partition("-")[0])


def new_write_id() -> str:
    """Return an id that tells one attempt to write from all others."""
    return os.urandom(16).hex()
