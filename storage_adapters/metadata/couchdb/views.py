"""The design documents: their definitions, their presence in a database, and their building.

One view each, so that a change of one builds no other. A name ends in a digest of the content: a new version is
another document, built beside the one in use, and the old one is removed when nothing uses it any more.

CouchDB is asked not to build by itself, which it does with all of them at once: see ``storage_adapters.index_builder``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import orjson

from storage_adapters.errors import NoAnswerInTime
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.query import OTHER_ORDERS, SORT_FIELDS
from storage_adapters.records import JSON

DEFAULT_ORDER = "uploaded_at"
_COUNTERS = ("usage", "digest", "names", "unclean", "versions")
# The view of the orders that hold some of the files: by path, of the trash, by captured time and duration.
_FOLDERS = "folders"
# An index that lacks more changes is not brought up to date within the time of a list.
_MOST_PENDING = 2_000
_REDUCES = {"usage": "_sum", "versions": "_sum", "digest": "_sum", f"list-{DEFAULT_ORDER}": "_count"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One design document; ``rows`` is its view."""

    name: str
    document: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignStatus:
    """Design documents that a database lacks, those it has, and those that nothing needs any more."""

    missing: tuple[str, ...]
    installed: tuple[str, ...]
    obsolete: tuple[str, ...]


def _design(key: str, source: str, *, autoupdate: bool) -> Design:
    view = {"map": source}
    if key in _REDUCES:
        view["reduce"] = _REDUCES[key]
    document: JSON = {"language": "javascript", "views": {"rows": view}}
    if not autoupdate:
        document["autoupdate"] = False
    content = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return Design(name=f"{key}-{hashlib.sha256(content).hexdigest()[:12]}", document=document)


def _designs() -> dict[str, Design]:
    folder = files("storage_adapters.metadata.couchdb") / "designs"
    template = (folder / "list.js").read_text(encoding="utf-8")
    lists = {list_key(field): template.replace("SORT_FIELD", field) for field in SORT_FIELDS}
    others = {name: (folder / f"{name}.js").read_text(encoding="utf-8") for name in (*_COUNTERS, _FOLDERS)}
    # In the order of building: most lists and all counts need the first two.
    first = list_key(DEFAULT_ORDER)
    sources = {first: lists.pop(first), **others, **lists}
    return {key: _design(key, source, autoupdate=False) for key, source in sources.items()}


def list_key(field: str) -> str:
    """Return the key of the design document that lists by a field."""
    return _FOLDERS if field in OTHER_ORDERS else f"list-{field}"


DESIGNS = _designs()

# Of the database of uploads, which is no part of what lists need and of what is rebuilt.
UPLOADS = _design(
    "uploads",
    (files("storage_adapters.metadata.couchdb") / "designs" / "uploads.js").read_text(encoding="utf-8"),
    autoupdate=True,
)


# Of the database of documents, which is small: its names and sums are found as those of files are.
DOCUMENTS = (
    DESIGNS["names"],
    DESIGNS["digest"],
    _design(
        "documents",
        (files("storage_adapters.metadata.couchdb") / "designs" / "documents.js").read_text(encoding="utf-8"),
        autoupdate=True,
    ),
)


def design_status(database: Database) -> DesignStatus:
    """Compare a database with what this version needs."""
    found = set(database.design_names())
    wanted = [design.name for design in DESIGNS.values()]
    ours = tuple(f"{key}-" for key in DESIGNS)
    return DesignStatus(
        missing=tuple(name for name in wanted if name not in found),
        installed=tuple(name for name in wanted if name in found),
        obsolete=tuple(sorted(name for name in found.difference(wanted) if name.startswith(ours))),
    )


def build_progress(database: Database) -> dict[str, float]:
    """Return the part that is built of each view that lacks many changes, by key, where the server says so."""
    progress = {}
    for key, design in DESIGNS.items():
        pending = database.pending_changes(design.name)
        if pending > _MOST_PENDING:
            progress[key] = max(0.0, 1 - pending / max(pending, database.count()))
    return progress


def install_designs(database: Database, designs: Iterable[Design] | None = None) -> list[Design]:
    """Write those of these design documents, by default of all, that are missing; return them. They are not built."""
    wanted = list(DESIGNS.values() if designs is None else designs)
    rows = database.all(f"_design/{design.name}" for design in wanted)
    missing = [
        design for design, row in zip(wanted, rows, strict=True) if "error" in row or row["value"].get("deleted")
    ]
    database.add([{"_id": f"_design/{design.name}", **design.document} for design in missing])
    return missing


def build(database: Database, design: Design) -> bool:
    """Have a view built and wait as long as one request may take; return True when it is done.

    A server that refuses to build it is no server that is still at it: then StorageUnavailable says why.
    """
    try:
        database.view(design.name, limit=1, reduce=False)
    except NoAnswerInTime:
        # The server builds on while no client waits. If it does not answer at all, this is raised.
        database.update_seq()
        return False
    return True
