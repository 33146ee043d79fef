"""Documents in Redis: rule 12 of ``keys``. Each move is one script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from storage_adapters.errors import NameTaken, StorageUnavailable
from storage_adapters.metadata.document_rules import DocumentRules, Held, Move
from storage_adapters.metadata.redis import feed
from storage_adapters.metadata.redis.keys import Keys, place
from storage_adapters.metadata.redis.server import Server, foreign_data
from storage_adapters.metadata.redis.sums import digest_of
from storage_adapters.ports.digest import DigestBucket
from storage_adapters.ports.document_codec import document_bucket, document_from_text, document_halves, document_to_text
from storage_adapters.ports.documents import Document, DocumentKey, DocumentQuery

_BATCH = 200
_KINDS = {b"DS": b"hash", b"DX": b"zset", b"DT": b"zset"}


class RedisDocuments(DocumentRules):
    """The part of the Redis store that keeps documents."""

    _keys: Keys
    _server: Server

    def document_digest(self) -> list[DigestBucket]:
        """See ``SupportsDocuments``."""
        return digest_of(self._server.call("HGETALL", self._keys.document_sums))

    def bucket_documents(self, bucket: int) -> Iterator[Document]:
        """See ``SupportsDocuments``."""
        start = b"-"
        while True:
            arguments = [0, start, "+", _BATCH, "", self._keys.document_prefix, -1]
            answer = self._server.run("page", [self._keys.document_bucket(bucket)], arguments)
            if not answer:
                return
            yield from (document_from_text(text) for text in answer[1::2] if text)
            start = b"(" + answer[-2]

    def document_faults(self) -> list[str]:
        """See ``SupportsDocuments``."""
        found = self._server.call_all([("TYPE", self._keys.tag + key) for key in _KINDS])
        named = zip(_KINDS.items(), found, strict=True)
        return [f"{key.decode()} is no {kind.decode()}" for (key, kind), there in named if there not in (kind, b"none")]

    def prepare_documents(self) -> None:
        """See ``SupportsDocuments``: keys come with what is stored under them."""

    def withdraw_document_changes(self) -> int:
        """See ``SupportsDocuments``."""
        withdrawn, start = 0, "-"
        while entries := self._server.call("XRANGE", self._keys.feed, start, "+", "COUNT", _BATCH):
            ids = [entry_id for entry_id, fields in entries if feed.is_of_document(fields)]
            if ids:
                withdrawn += self._server.call("XDEL", self._keys.feed, *ids)
            start = b"(" + entries[-1][0]
        return withdrawn

    def _held_documents(self, keys: Sequence[DocumentKey]) -> list[Held]:
        texts = self._server.call("MGET", *(self._keys.document(key) for key in keys)) if keys else []
        return [Held(None if text is None else document_from_text(text), text) for text in texts]

    def _move_documents(self, moves: Sequence[Move]) -> list[bool]:
        moved = [False] * len(moves)
        # What removes something is let through a full memory.
        for script, removes in (("put_document", False), ("remove_document", True)):
            chosen = [number for number, move in enumerate(moves) if (move.after is None) == removes]
            calls = [self._planned(moves[number]) for number in chosen]
            answers = [self._server.run(script, *calls[0])] if len(calls) == 1 else self._server.run_all(script, calls)
            for number, answer in zip(chosen, answers, strict=True):
                moved[number] = _is_done(moves[number], answer)
        return moved

    def _listed_documents(self, query: DocumentQuery, limit: int) -> list[Document]:
        first, end = query.bounds
        lower = b"[" + place(first, "")
        upper = b"+" if end is None else b"(" + place(end, "")
        if query.after is not None:
            behind = b"(" + place(query.after.order, query.after.document_id)
            lower, upper = (lower, behind) if query.descending else (behind, upper)
        prefix = self._keys.document(DocumentKey(query.collection, ""))
        arguments = [int(query.descending), lower, upper, limit, "t", prefix, -1]
        answer = self._server.run("page", [self._keys.document_order(query.collection)], arguments)
        return [document_from_text(text) for text in answer[1::2]]

    def _name_holders(self, collection: str, name: str) -> list[str]:
        claim = _claim(name)
        bounds = b"[" + claim, b"(" + claim + b"\xff"
        members = self._server.call("ZRANGEBYLEX", self._keys.document_names(collection), *bounds)
        return [member.removeprefix(claim).decode() for member in members]

    def _due_documents(self, now: int, limit: int, *, deleted: bool) -> list[DocumentKey]:
        key = self._keys.document_tombstones if deleted else self._keys.expiring_documents
        members = self._server.call("ZRANGEBYSCORE", key, "-inf", now, "LIMIT", 0, limit)
        return [DocumentKey(*member.decode().split(":", 1)) for member in members]

    def _planned(self, move: Move) -> tuple[list[bytes], list[Any]]:
        """Return the keys and arguments of the script."""
        keys, (collection, document_id), bucket = self._keys, move.key, document_bucket(move.key)
        before, after = (set(each.names) if each else set() for each in (move.before, move.after))
        claimed = sorted(after - before)
        new = b"" if move.new is None else document_to_text(move.new)
        due = "" if move.new is None or move.new.expires_at is None else move.new.expires_at
        return [
            keys.document(move.key),
            keys.feed,
            keys.document_sums,
            keys.expiring_documents,
            keys.document_tombstones,
            keys.document_bucket(bucket),
            keys.document_order(collection),
            keys.document_names(collection),
        ], [
            move.held.token or b"",
            new,
            int(move.announced),
            ":".join(move.key),
            document_id,
            bucket,
            *_digest_deltas(move),
            *(place(each.order, document_id) if each else b"" for each in (move.before, move.after)),
            due if move.after else "",
            "" if move.after else due,
            len(before - after),
            *sorted(before - after),
            *claimed,
        ]


def _digest_deltas(move: Move) -> list[int]:
    deltas = [0, 0, 0]
    for document, sign in ((move.before, -1), (move.after, 1)):
        if document is not None:
            # Hashed as it is stored: the sums are over texts, whatever version wrote them.
            text = move.held.token if sign < 0 else document_to_text(document)
            for number, amount in enumerate((1, *document_halves(text))):
                deltas[number] += sign * amount
    return deltas


def _is_done(move: Move, answer: list[Any]) -> bool:
    match answer:
        case [0]:
            return True
        case [1]:
            return False
        case [2, number, bearer]:
            assert move.after is not None
            claimed = sorted(set(move.after.names) - set(move.before.names if move.before else ()))
            raise NameTaken("name", claimed[number - 1], bearer.decode())
        case _:
            raise StorageUnavailable(foreign_data(answer[1]))


def _claim(name: str) -> bytes:
    text = name.encode()
    return b"%d:%b" % (len(text), text)
