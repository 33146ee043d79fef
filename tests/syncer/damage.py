"""Makes a target differ from its source at random places."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from storage_adapters import FileRecord
from syncer.pair import Pair
from tests.contract.metadata_scenes import make_record

KINDS = ("different", "missing", "extra", "older")


def damage(pair: Pair, chosen: Random, *, files: int, count: int) -> dict[str, str]:
    """Damage so many of the target's ``numbered`` files; returns which, and how. Kinds take turns."""
    damaged: dict[str, str] = {}
    for place, number in enumerate(chosen.sample(range(files), count)):
        kind = KINDS[place % len(KINDS)]
        file_id = f"f{number:06}"
        match kind:
            case "different":
                _change(pair, pair.target.get(file_id), chosen)
            case "missing":
                pair.target.discard([file_id])
            case "extra":
                file_id = f"extra{number:06}"
                pair.target.replicate([replace(make_record(file_id), revision=chosen.randrange(1, 5))])
            case "older":
                record = pair.target.get(file_id)
                pair.target.replicate([replace(record, revision=record.revision - 1, name="older")], force=True)
        damaged[file_id] = kind
    return damaged


def _change(pair: Pair, record: FileRecord, chosen: Random) -> None:
    """Change one field, which one is left to chance."""
    changes: dict[str, object] = {
        "name": f"{record.name}.",
        "size": record.size + 1,
        "tags": (*record.tags, "new"),
        "meta": {"a": 1},
        "alias": None,
        "created_at": record.created_at + 1,
        "owner": "bob",
    }
    field = chosen.choice(sorted(changes))
    pair.target.replicate([replace(record, **{field: changes[field]})], force=True)  # type: ignore[arg-type]
