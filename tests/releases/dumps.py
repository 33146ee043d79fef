"""What lies in a store, as it lies there, in a form that can be kept and put into another store of its kind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from storage_adapters import JSON
from tests.servers import couchdb, redis

SUFFIXES = ("", "_feed", "_state", "_uploads")


def dump_sqlite(path: Path) -> bytes:
    """Return the whole database as one file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


def dump_redis(url: str) -> JSON:
    """Return all keys under the prefix of a URL, each with its type and content."""
    tag = _tag_of(url)
    with redis.raw(url) as client:
        keys = sorted(client.scan_iter(match=f"{tag}*", count=1_000))
        return {"tag": tag, "keys": [_dump_key(client, key) for key in keys]}


def load_redis(url: str, kept: JSON) -> None:
    """Write the kept keys under the prefix of a URL, which is as long as that of the dump: lengths stand in values."""
    before, after = kept["tag"].encode(), _tag_of(url).encode()
    assert len(before) == len(after)
    with redis.raw(url) as client:
        for key, kind, content in kept["keys"]:
            _load_key(client, _bytes(key).replace(before, after), kind, _renamed(content, before, after))


def dump_couchdb(url: str) -> dict[str, list[JSON]]:
    """Return the documents of each database in the order of their latest changes."""
    name = _database_of(url)
    with couchdb.raw(url) as ask:
        return {
            suffix: [
                {"seq": row["seq"], "doc": row["doc"]}
                for row in ask("GET", name + suffix, "_changes", include_docs="true")["results"]
            ]
            for suffix in SUFFIXES
        }


def load_couchdb(url: str, kept: dict[str, list[JSON]]) -> None:
    """Write kept documents with their revisions; what names a place in a sequence names the same place again."""
    name = _database_of(url)
    sequences: dict[str, list[tuple[int, Any]]] = {}
    with couchdb.raw(url) as ask:
        for suffix in ("", "_feed", "_uploads", "_state"):
            database = name + suffix
            ask("PUT", database, **({"q": "1"} if suffix == "_feed" else {}))
            for row in kept[suffix]:
                document = _moved(row["doc"], sequences) if suffix == "_state" else row["doc"]
                ask("POST", database, "_bulk_docs", body={"docs": [document], "new_edits": False})
            found = ask("GET", database, "_changes")["results"]
            assert [row["id"] for row in found] == [row["doc"]["_id"] for row in kept[suffix]]
            sequences[suffix] = [(old["seq"], new["seq"]) for old, new in zip(kept[suffix], found, strict=True)]


def _dump_key(client: Any, key: bytes) -> list[Any]:
    kind = client.type(key).decode()
    content: Any
    match kind:
        case "string":
            content = _text(client.get(key))
        case "hash":
            content = sorted([_text(name), _text(value)] for name, value in client.hgetall(key).items())
        case "set":
            content = sorted(map(_text, client.smembers(key)))
        case "zset":
            content = [[_text(member), score] for member, score in client.zrange(key, 0, -1, withscores=True)]
        case _:
            content = [
                [_text(entry_id), [[_text(name), _text(value)] for name, value in fields.items()]]
                for entry_id, fields in client.xrange(key)
            ]
    return [_text(key), kind, content]


def _load_key(client: Any, key: bytes, kind: str, content: Any) -> None:
    match kind:
        case "string":
            client.set(key, content)
        case "hash":
            client.hset(key, mapping=dict(content))
        case "set":
            client.sadd(key, *content)
        case "zset":
            client.zadd(key, dict(content))
        case _:
            for entry_id, fields in content:
                client.xadd(key, dict(fields), id=entry_id)


def _renamed(content: Any, before: bytes, after: bytes) -> Any:
    if isinstance(content, str):
        return _bytes(content).replace(before, after)
    return [_renamed(each, before, after) for each in content] if isinstance(content, list) else content


def _moved(document: JSON, sequences: dict[str, list[tuple[int, Any]]]) -> JSON:
    """Return a document of the state with the places that it names in other databases."""
    if document["_id"].startswith(("checkpoint-", "feed-trimmed")):
        moves = sequences["_feed"]
    elif document["_id"] == "feed-place":
        moves = sequences[""]
    else:
        return document
    places = {
        name: str(next((new for old, new in reversed(moves) if old <= int(document[name])), ""))
        for name in ("sequence", "place", "deleted")
        if document.get(name)
    }
    return document | places


def _tag_of(url: str) -> str:
    return "{" + parse_qs(urlsplit(url).query)["prefix"][0] + "}"


def _database_of(url: str) -> str:
    return urlsplit(url).path.strip("/")


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _bytes(value: str) -> bytes:
    return value.encode("latin-1")
