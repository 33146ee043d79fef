"""Two callers that delete one upload: what the slower one finds later may be a new upload of the same id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import SupportsUploads, UploadStatus
from storage_adapters.metadata.redis import uploads as redis_uploads
from storage_adapters.metadata.sqlite import uploads as sqlite_uploads
from storage_adapters.registry import open_metadata_store
from tests.contract.upload_scenes import LATER, append, make_upload


def begin_anew(store: SupportsUploads) -> None:
    """Delete the upload to its end, and begin one of the same id."""
    store.delete_upload("u1", now=LATER)
    store.create_upload(make_upload(expires_at=LATER * 2))
    append(store, (0, 10))


def delete_in_two_steps(store: SupportsUploads, meanwhile: Callable[[Callable[[], None]], None]) -> None:
    """Delete an upload of three chunks, one by one; ``meanwhile`` is given what happens behind the first."""
    store.create_upload(make_upload())
    append(store, (0, 10), (10, 10), (20, 10))
    meanwhile(lambda: begin_anew(store))
    assert store.delete_upload("u1", now=LATER, only_expired=True)
    found = store.get_upload("u1")
    assert (found.status, found.received) == (UploadStatus.OPEN, 10)
    assert [chunk.offset for chunk in store.list_chunks("u1", offset=0, limit=10)] == [0]


def behind(first: Callable[..., Any], number: int, then: Callable[[], None]) -> Callable[..., Any]:
    """Wrap a function: before its call of a number, something else happens, once."""
    calls = iter(range(1_000))

    def wrapped(*given: Any, **named: Any) -> Any:
        if next(calls) == number:
            then()
        return first(*given, **named)

    return wrapped


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Any]:
    with closing(open_metadata_store(f"sqlite:///{tmp_path}/files.db")) as store:
        yield store


def test_sqlite_leaves_a_new_upload_of_the_same_id(sqlite_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_uploads, "_DELETED_AT_ONCE", 1)

    def meanwhile(happens: Callable[[], None]) -> None:
        writing: Callable[[], AbstractContextManager[Any]] = sqlite_store._connections.writing
        # It is marked, the first chunk goes, and then somebody else is faster.
        monkeypatch.setattr(sqlite_store._connections, "writing", behind(writing, 2, happens))

    delete_in_two_steps(sqlite_store, meanwhile)


def test_redis_leaves_a_new_upload_of_the_same_id(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_uploads, "_DELETED_AT_ONCE", 1)
    with closing(open_metadata_store(redis_url)) as store:
        server: Any = store._server  # type: ignore[attr-defined]
        run = server.run

        def meanwhile(happens: Callable[[], None]) -> None:
            deleting = iter(range(1_000))

            def watched(script: str, *given: Any) -> Any:
                if script == "upload_delete" and next(deleting) == 1:
                    happens()
                return run(script, *given)

            monkeypatch.setattr(server, "run", watched)

        assert isinstance(store, SupportsUploads)
        delete_in_two_steps(store, meanwhile)
