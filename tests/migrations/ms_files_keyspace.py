"""Generates what an ms-files service leaves in Redis, sound and unsound, together with the truth about it.

The truth is written down while the keys are made, never read back from them and never taken from the import.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

NOW = 1_700_000_000_000
DAY_MS = 86_400_000
TAGS = ("Red", "RED", "red", "Blue Sky", "blue sky", "Ünïcode", "summer-2019", "A", "z")
ACCESSES = ("private", "public", "direct", "unlisted", "temporary")
OURS = {"private": "private", "public": "public", "direct": "unlisted", "unlisted": "unlisted", "temporary": "private"}


@dataclass
class Truth:
    """What is there: files by owner, by owner and tag, by access, by status; and each oddity as (kind, name)."""

    files: set[str] = field(default_factory=set)
    owners: Counter[str] = field(default_factory=Counter)
    tags: Counter[tuple[str, str]] = field(default_factory=Counter)
    accesses: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    oddities: set[tuple[str, str]] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)


class Generator:
    """Writes keys under ``{prefix}`` by a Redis client, in pipelines."""

    def __init__(self, client: Any, prefix: str, *, owners: int = 20, seed: int = 1) -> None:
        self.truth = Truth()
        self._client, self._prefix = client, prefix
        self._random = random.Random(seed)
        self._owners = [f"owner-{number}" for number in range(owners)]
        self._pipeline = client.pipeline(transaction=False)
        self._waiting = 0

    def make(self, count: int) -> Truth:
        """Make so many files, of which about one in forty is odd in one way or another."""
        for number in range(count):
            self._file(number)
            self._waiting += 1
            if self._waiting >= 500:
                self.flush()
        self._stray_entries(max(3, count // 200))
        self._other_keys()
        self.flush()
        return self.truth

    def flush(self) -> None:
        self._pipeline.execute()
        self._waiting = 0

    def key(self, name: str) -> str:
        return f"{{{self._prefix}}}{name}"

    def _file(self, number: int) -> None:
        file_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        owner = self._random.choice(self._owners)
        access = self._random.choice(ACCESSES)
        status = "3" if number % 10 > 1 else self._random.choice("1245")
        fields, size = self._record(file_id, owner, access, status)
        tags = self._random.sample(TAGS, self._random.randrange(4))
        fields["tags"] = json.dumps(tags)
        oddity = number % 40
        if oddity == 7:
            fields["files"] = '[{"type": "image", "filena'
            self._lost(file_id, fields, "no_parts")
            self.truth.oddities.add(("corrupt_json", file_id))
            return
        if oddity == 17:
            self._pipeline.set(self.key(f"files-data:{file_id}"), "no hash")
            self.truth.oddities.add(("not_a_record", file_id))
            self.truth.lost.add(file_id)
            return
        if oddity == 27 and number % 80 == 27:
            fields["status"] = "9"
            self._lost(file_id, fields, "unknown_status")
            return
        if oddity == 3:
            fields["tags"] = '["Red", '
            tags = []
            self.truth.oddities.add(("corrupt_json", file_id))
        if oddity == 13:
            fields["nft"] = "{price: 1}"
            self.truth.oddities |= {("corrupt_json", file_id), ("without_equivalent", file_id)}
        if oddity == 23:
            fields["isClone"], fields["parentId"] = "1", str(uuid.UUID(int=number))
        self._alias(number, file_id, owner, fields)
        self._write(file_id, owner, access, status, fields, tags, indexed=oddity != 33)
        if status == "1" and fields["parts"] == "1":
            status = "2"  # its only part has arrived, so the upload is over
            self.truth.oddities.add(("finish_cut_short", file_id))
        self._count(file_id, owner, access, status, tags, size)

    def _record(self, file_id: str, owner: str, access: str, status: str) -> tuple[dict[str, str], int]:
        folder = hashlib.md5(owner.encode(), usedforsecurity=False).hexdigest()
        parts = []
        for _ in range(self._random.randrange(1, 4)):
            content = self._random.randbytes(8)
            parts.append(
                {
                    "type": "c-preview",
                    "filename": f"{folder}/{file_id}/{uuid.UUID(int=self._random.getrandbits(128), version=4)}.jpeg",
                    "bucket": "old-bucket",
                    "contentType": "image/jpeg",
                    "contentLength": self._random.randrange(1, 10**7),
                    "md5Hash": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
                    "location": "https://storage.example/session",
                }
            )
        size = sum(int(str(part["contentLength"])) for part in parts)
        started = NOW - self._random.randrange(10**9)
        fields = {
            "uploadId": file_id,
            "owner": owner,
            "name": f"Film {self._random.randrange(1000)}",
            "startedAt": str(started),
            "status": status,
            "parts": str(len(parts)),
            "files": json.dumps(parts),
            "contentLength": str(size),
            "bucket": "old-bucket",
            "description": "about ünïcode",
            "uploadType": "image",
        }
        if status != "1":
            fields["uploadedAt"] = str(started + 1_000)
        if status == "5":
            fields |= {"error": "no models", "error-count": "2"}
        if access in ("public", "direct"):
            fields["public"] = "1"
        if access in ("direct", "unlisted", "temporary"):
            fields[access] = "1"
        return fields, size

    def _lost(self, file_id: str, fields: dict[str, str], kind: str) -> None:
        self._pipeline.hset(self.key(f"files-data:{file_id}"), mapping=fields)
        self._pipeline.sadd(self.key("files-index"), file_id)
        self.truth.oddities.add((kind, file_id))
        self.truth.lost.add(file_id)

    def _alias(self, number: int, file_id: str, owner: str, fields: dict[str, str]) -> None:
        if number % 5 != 1:
            return
        alias = f"alias {number}"
        fields["alias"] = alias
        table = self.key(f"files-ptr-user:{owner}")
        if number % 200 == 1:
            self.truth.oddities.add(("alias_not_in_table", file_id))
        elif number % 200 == 51:
            other = str(uuid.UUID(int=number + 1))
            self._pipeline.hset(table, alias, other)
            self.truth.oddities |= {("alias_of_another", file_id), ("stale_alias", other)}
        else:
            self._pipeline.hset(table, alias, file_id)
            self.truth.aliases[owner, alias] = file_id

    def _write(
        self,
        file_id: str,
        owner: str,
        access: str,
        status: str,
        fields: dict[str, str],
        tags: list[str],
        *,
        indexed: bool,
    ) -> None:
        key = self.key(f"files-data:{file_id}")
        self._pipeline.hset(key, mapping=fields)
        if status == "4":
            self.truth.oddities.add(("processing_elsewhere", file_id))
        if access == "direct":
            self.truth.oddities.add(("direct_only", file_id))
        if status == "1":
            self._pending(file_id, key, fields)
            return
        if access == "temporary":
            self._pipeline.pexpire(key, 30 * DAY_MS)
            return
        if access == "unlisted":
            return
        if indexed:
            self._pipeline.sadd(self.key("files-index"), file_id)
        else:
            self.truth.oddities.add(("not_indexed", file_id))
        self._pipeline.sadd(self.key(f"files-index:{owner}"), file_id)
        self._pipeline.zadd(self.key("files-index-uat"), {file_id: float(fields["uploadedAt"])})
        if access == "public":
            self._pipeline.sadd(self.key("files-index-pub"), file_id)
            self._pipeline.sadd(self.key(f"files-index:{owner}:pub"), file_id)
        for tag in tags:
            self._pipeline.sadd(self.key(f"files-index-tags:{tag}"), file_id)

    def _pending(self, file_id: str, key: str, fields: dict[str, str]) -> None:
        self._pipeline.pexpire(key, 30 * DAY_MS)
        self._pipeline.sadd(self.key("files-index-temp"), file_id)
        for number, part in enumerate(json.loads(fields["files"])):
            row = {"bucket": part["bucket"], "status": "1" if number else "2", "uploadId": file_id}
            if not number:
                row["uploadedAt"] = str(NOW)
            self._pipeline.hset(self.key(f"upload-data:{part['filename']}"), mapping=row)
        self._pipeline.set(self.key(f"files-post:{file_id}"), json.dumps({"update": {"name": "New", "website": "x"}}))

    def _stray_entries(self, count: int) -> None:
        """Entries of indexes without a record: rows that expired, uploads that were given up."""
        for number in range(count):
            file_id = str(uuid.UUID(int=2**100 + number))
            index = ("files-index", "files-index-pub", "files-index-tags:Red", "files-index-temp")[number % 4]
            self._pipeline.sadd(self.key(index), file_id)
            self.truth.oddities.add(("stale_index_entry", file_id))

    def _other_keys(self) -> None:
        """Caches and locks, of which nothing is to be told, and what has no equivalent or was left behind."""
        self._pipeline.rpush(self.key("files-index:DESC:meta:name"), "one", "two", "2")
        self._pipeline.zadd(self.key("files-index::fsort_temp_keys"), {"{ms-files}files-index:DESC": 1.0})
        self._pipeline.sadd(self.key("files-list:some"), "one")
        self._pipeline.set(self.key("dlock!bucket-sync"), "1")
        self._pipeline.set(self.key("version"), "16")
        self._pipeline.sadd(self.key("files-index-referenced:one"), "two")
        self._pipeline.hset(self.key("upload-data:left/over/part"), mapping={"status": "1", "uploadId": "gone"})
        self._pipeline.set(self.key("files-post:left-over"), "{}")
        self._pipeline.set(self.key("gce:webhook_0"), "resource")
        self._pipeline.set(self.key("what-is-this"), "1")
        self.truth.oddities |= {
            ("stray_part", "left/over/part"),
            ("stray_post_action", "left-over"),
            ("without_equivalent", "gce:webhook_0"),
            ("unknown_key", "what-is-this"),
        }

    def _count(self, file_id: str, owner: str, access: str, status: str, tags: list[str], size: int) -> None:
        truth = self.truth
        truth.files.add(file_id)
        truth.owners[owner] += 1
        truth.bytes[owner] += size
        truth.accesses[OURS[access]] += 1
        names = {"1": "pending", "2": "uploaded", "3": "processed", "4": "uploaded", "5": "failed"}
        truth.statuses[names[status]] += 1
        for tag in {tag.lower() for tag in tags}:
            truth.tags[owner, tag] += 1
