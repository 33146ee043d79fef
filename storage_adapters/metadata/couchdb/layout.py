"""Creation of the databases and their design documents, and refusal of another layout."""

from __future__ import annotations

from storage_adapters.errors import SchemaMismatch, StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.feed import Feed
from storage_adapters.metadata.couchdb.state import State
from storage_adapters.metadata.couchdb.views import DESIGNS, DOCUMENTS, UPLOADS, build, install_designs

LAYOUT = "1"
_DOCUMENT = "layout"
_FEED_LOST = "feed_lost"
_REPAIR = "run `files migrate repair`"
_DOCUMENTS = [design.name for design in DOCUMENTS]
# Former revisions are not needed: every write names the one it is over. A replica of CouchDB's own that is this many
# writes of one file behind would show a conflict.
REVISIONS = 20


def prepare(files: Database, locks: Database, state: State, feed: Feed, uploads: Database, documents: Database) -> bool:
    """Make the databases ready for a store; return True when they are new.

    Waits until their views are built.
    """
    found = state.get(_DOCUMENT) if locks.exists() else None
    new = False
    if found is None:
        new = files.create()
        locks.create()
        for database in (files, locks):
            database.keep_revisions(REVISIONS)
        feed.create()
        # A proxy may have answered for a database that does not exist: only the server knows its sequence.
        files.update_seq()
        state.put(_DOCUMENT, {"layout": LAYOUT}, over=None)
        found = state.get(_DOCUMENT)
    else:
        require_databases(files, feed.entries)
        if found.get(_FEED_LOST):
            raise StorageUnavailable(f"couchdb: the database {feed.entries.name} is incomplete: {_REPAIR}")
    layout = "" if found is None else str(found["layout"])
    if layout != LAYOUT:
        raise SchemaMismatch("couchdb", found=layout, known=LAYOUT)
    if found is None or found.get("uploads") != UPLOADS.name:
        # Databases of before there were uploads in chunks lack it.
        uploads.create()
        uploads.add([{"_id": f"_design/{UPLOADS.name}", **UPLOADS.document}])
        state.change(_DOCUMENT, lambda value: {**(value or {}), "uploads": UPLOADS.name})
    if found is None or found.get("documents") != _DOCUMENTS:
        prepare_documents(documents, state)
    wanted = sorted(design.name for design in DESIGNS.values())
    if found is None or found.get("built") != wanted:
        install_designs(files)
        # In a database that was made just now there is nothing to build from.
        for design in () if new else DESIGNS.values():
            while not build(files, design):
                continue
        state.change(_DOCUMENT, lambda value: {**(value or {}), "built": wanted})
    return new


def require_databases(*databases: Database) -> None:
    """Return when all databases exist. Raises StorageUnavailable with the remedy."""
    missing = [database.name for database in databases if not database.exists()]
    if missing:
        can_be_made = f". A lost feed can be made again: {_REPAIR}" if missing[0].endswith("_feed") else ""
        raise StorageUnavailable(
            f"couchdb: the database {', '.join(missing)} is missing: restore it from a backup made with the others."
            f" Where this is a list store, delete its other databases instead: the syncer fills it again{can_be_made}"
        )


def repair_feed(state: State, feed: Feed) -> bool:
    """Make the feed again if it is lost; return True when it was. An interrupted repair is noticed, and repeated."""
    found = state.get(_DOCUMENT)
    if found is None or (feed.entries.exists() and not found.get(_FEED_LOST)):
        return False
    state.change(_DOCUMENT, lambda value: {**(value or {}), _FEED_LOST: True})
    feed.rebuild()
    return state.change(_DOCUMENT, lambda value: {**(value or {}), _FEED_LOST: False})


def prepare_documents(documents: Database, state: State) -> None:
    """Create the database of documents, or what it lacks."""
    if documents.create():
        documents.keep_revisions(REVISIONS)
    install_designs(documents, DOCUMENTS)
    state.change(_DOCUMENT, lambda value: None if value is None else {**value, "documents": _DOCUMENTS})
