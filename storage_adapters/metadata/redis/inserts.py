"""Bulk inserts of new records: what ``writes`` plans for one is planned for a few of them together.

A script takes so few that it keeps the server from others for a few milliseconds at most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from storage_adapters.codec import digest_bucket, digest_halves
from storage_adapters.errors import StorageUnavailable
from storage_adapters.metadata.redis.keys import FIELD_NUMBERS, Keys, place, scope_key
from storage_adapters.metadata.redis.records import record_to_value
from storage_adapters.metadata.redis.server import Server, foreign_data
from storage_adapters.metadata.redis.writes import counters_of
from storage_adapters.query import SORT_FIELDS, other_entries, sort_value, whole_scopes
from storage_adapters.records import FileRecord, names_held

RECORDS_PER_SCRIPT = 8
# One of so many records has the sizes of its chunks looked at, which costs a quarter of the whole: they are cut 24
# places before they are too long, and that so many in a row leave it to others has a chance of 0.75 ** 24, or 0.001.
LOOKING = 4


def store_new(server: Server, keys: Keys, records: Sequence[FileRecord]) -> set[str]:
    """Store the records of whose id and names nothing is stored; return the ids of those.

    There is at most one record per file. Each is stored wholly or not at all, without an entry in the feed.
    """
    stored: set[str] = set()
    groups = _grouped(records)
    while groups:
        answers = server.run_all("insert", [_planned(keys, group) for group in groups])
        left = []
        for group, (outcome, *detail) in zip(groups, answers, strict=True):
            if outcome == 0:
                stored.update(record.file_id for record in group)
            elif outcome == 1:
                # The script has written none of them; without those that were in the way it is asked again.
                refused = set(detail)
                left.append([record for number, record in enumerate(group, 1) if number not in refused])
            else:
                raise StorageUnavailable(foreign_data(detail[0]))
        groups = [group for group in left if group]
    return stored


def _grouped(records: Sequence[FileRecord]) -> list[list[FileRecord]]:
    """Cut the records into those of one script each; of several that have one name, all but one are left out."""
    claimed: set[tuple[str, str, str]] = set()
    chosen = []
    # Files of one owner come into the same chunks.
    for record in sorted(records, key=lambda record: record.owner):
        names = {(record.owner, kind, name) for kind, name in names_held(record)}
        if claimed.isdisjoint(names):
            claimed |= names
            chosen.append(record)
    return [chosen[start : start + RECORDS_PER_SCRIPT] for start in range(0, len(chosen), RECORDS_PER_SCRIPT)]


def _planned(keys: Keys, records: Sequence[FileRecord]) -> tuple[list[bytes], list[Any]]:
    """Return the keys and arguments of the script."""
    arguments: list[Any] = [keys.tag, len(records), len(SORT_FIELDS), *map(FIELD_NUMBERS.__getitem__, SORT_FIELDS)]
    names: defaultdict[bytes, list[Any]] = defaultdict(list)
    counters: defaultdict[bytes, dict[bytes, list[int]]] = defaultdict(dict)
    digest: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for number, record in enumerate(records, 1):
        bucket = digest_bucket(record.file_id)
        within = [scope_key(scope) for scope in whole_scopes(record)]
        places = [place(sort_value(record, field), record.file_id) for field in SORT_FIELDS]
        others = [
            (keys.index(scope, field), place(value, record.file_id)) for scope, field, value in other_entries(record)
        ]
        high, low = digest_halves(record)
        # Not by the file id alone, for the files of one bucket have its first bits in common.
        looks = int(low % LOOKING == 0)
        value = record_to_value(record)
        arguments += (value, record.file_id, looks, keys.bucket(bucket), *places, len(within), *within)
        arguments.append(len(others))
        for index, member in others:
            arguments += (index, member)
        for kind, name in names_held(record):
            names[keys.names(kind, record.owner)] += (name, number)
        for (key, field), tally in counters_of(keys, record):
            _add(counters[key].setdefault(field, [0, 0]), (tally.files, tally.bytes))
        _add(digest[bucket], (1, high, low))
    arguments.append(len(names))
    for claims in names.values():
        arguments += (len(claims) // 2, *claims)
    arguments.append(len(counters))
    for lines in counters.values():
        arguments.append(len(lines))
        for field, amounts in lines.items():
            arguments += (field, *amounts)
    arguments.append(len(digest))
    for bucket, sums in digest.items():
        arguments += (bucket, *sums)
    return [keys.digest, *(keys.record(record.file_id) for record in records), *names, *counters], arguments


def _add(sums: list[int], amounts: Iterable[int]) -> None:
    for number, amount in enumerate(amounts):
        sums[number] += amount
