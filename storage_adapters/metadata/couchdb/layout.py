"""Makes the databases and their design documents, and refuses those of another layout."""

from __future__ import annotations

from storage_adapters.errors import StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.feed import Feed
from storage_adapters.metadata.couchdb.state import State
from storage_adapters.metadata.couchdb.views import DESIGNS, build, install_designs

LAYOUT = 1
_DOCUMENT = "layout"


def prepare(files: Database, locks: Database, state: State, feed: Feed) -> None:
    """Bring the databases to where a store can use them; waits until their views are built."""
    if not locks.exists() or state.get(_DOCUMENT) is None:
        files.create()
        locks.create()
        feed.create()
        state.put(_DOCUMENT, {"layout": LAYOUT}, over=None)
    found = state.get(_DOCUMENT)
    if found is None or found["layout"] != LAYOUT:
        layout = found and found["layout"]
        raise StorageUnavailable(f"the data has layout {layout!r} and this version knows {LAYOUT!r}")
    if found.get("built") == _wanted():
        return
    install_designs(files)
    for design in DESIGNS.values():
        while not build(files, design):
            pass
    if found.get("built") != _wanted():
        state.change(_DOCUMENT, lambda value: {**(value or {}), "built": _wanted()})


def _wanted() -> list[str]:
    return sorted(design.name for design in DESIGNS.values())
