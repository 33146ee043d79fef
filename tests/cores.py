"""Cores for tests: the real thing on memory stores, or on SQLite and the local disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import pytest

from files_service.api import METHODS
from files_service.config import Settings, load_settings, read_config
from files_service.core import Core
from files_service.errors import Busy, FilesError
from files_service.services.accounts import documents
from files_service.services.files import change
from files_service.services.media.derivation import store_previews
from files_service.services.opening import open_core
from files_service.services.settled_time import CLOCKS
from storage_adapters import (
    JSON,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    BlobWriter,
    InvalidKey,
    MetadataStore,
    SupportsChanges,
)
from tests.feeds import file_changes
from tests.waiting import PATIENCE_SECONDS, wait_until

T = TypeVar("T")

SECRETS = {
    "FILES_RPC_TOKEN": "rpc-token-for-tests-0123456789abcdef",
    "FILES_JWT_SECRET": "jwt-secret-for-tests-0123456789abcdef",
    "FILES_SIGNING_KEY": "signing-key-for-tests-0123456789abcdef",
}


class BareBlobStore(BlobStore):
    """A blob store that has the port and no capability, and no blob."""

    bucket = "bare"

    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """Take nothing."""
        raise InvalidKey(key)

    def head(self, key: str) -> BlobInfo:
        """Find nothing."""
        raise BlobNotFound(key)

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """Find nothing."""
        raise BlobNotFound(key)

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """Have nothing to delete."""

    def ping(self) -> None:
        """Be there."""

    def close(self) -> None:
        """Have nothing open."""


def settings_for(data_dir: Path, **environ: str) -> Settings:
    """Settings as a process with this environment would have them."""
    # Media has tests of its own: every picture of another test would start a process.
    given = {"FILES_DATA_DIR": str(data_dir), "FILES_MEDIA": "false", **SECRETS, **environ}
    return load_settings(read_config(environ=given))


def memory_core(data_dir: Path, **overrides: Any) -> Core:
    """A core that keeps everything in memory; ``overrides`` replace fields of the settings."""
    settings = settings_for(data_dir, FILES_METADATA_URL="memory://", FILES_BLOBS_URL="memory://")
    return open_core(replace(settings, **overrides))


def sqlite_core(data_dir: Path, **overrides: Any) -> Core:
    """A core on the embedded default, in this folder."""
    return open_core(replace(settings_for(data_dir), **overrides))


def at(core: Core, now: int) -> Core:
    """The same stores at a time of our choice."""
    return replace(core, clock=lambda: now)


def call(core: Core, method: str, **params: Any) -> JSON:
    """Call an action as a transport does."""
    return METHODS[method](params, core)


def refusal(core: Core, method: str, **params: Any) -> FilesError:
    """The error that a call ends in."""
    try:
        result = call(core, method, **params)
    except FilesError as error:
        return error
    raise AssertionError(f"{method} was not refused: {result}")


def attempt(core: Core, method: str, **params: Any) -> JSON | FilesError:
    """What a call ends in, an answer or an error."""
    try:
        return call(core, method, **params)
    except FilesError as error:
        return error


def announced(core: Core, file_id: str | None = None) -> list[str]:
    """The events of the change feed in their order, of one file or of all."""
    assert isinstance(core.metadata, SupportsChanges)
    changes = file_changes(core.metadata, after="", limit=100_000)
    return [each.event for each in changes if each.event is not None and file_id in (None, each.file_id)]


def writes(core: Core) -> int:
    """How many writes the metadata store has seen."""
    assert isinstance(core.metadata, SupportsChanges)
    return len(file_changes(core.metadata, after="", limit=100_000))


def at_once(threads: int, job: Callable[[int], T]) -> list[T]:
    """Run a job in so many threads that all start together."""
    barrier = Barrier(threads)

    def run(index: int) -> T:
        barrier.wait(timeout=PATIENCE_SECONDS)
        return job(index)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def meanwhile(
    patch: pytest.MonkeyPatch,
    store: MetadataStore | BlobStore,
    method: str,
    act: Callable[[], object],
    *,
    after: int = 1,
) -> None:
    """Let something happen in the middle of an action: right after so many calls of a method of a real store."""
    real, calls = getattr(store, method), count(1)

    def then_act(*args: Any, **kwargs: Any) -> Any:
        result = real(*args, **kwargs)
        if next(calls) == after:
            act()
        return result

    patch.setattr(store, method, then_act)


def put_parts(core: Core, record: JSON, contents: list[bytes]) -> None:
    """Store the bytes of an upload's parts without finishing it."""
    for part, content in zip(record["parts"], contents, strict=True):
        core.blobs.put(part["key"], [content], content_type=part["content_type"], now=core.clock())


def pending_file(core: Core, *contents: bytes, **params: Any) -> JSON:
    """Declare a file of these parts, by default one; returns its record."""
    params = {"owner": "ann", "name": "clip.bin", **params}
    params.setdefault("parts", [{"size": len(content)} for content in contents or (b"content",)])
    return call(core, "files.upload", **params)


def uploaded_file(core: Core, *contents: bytes, **params: Any) -> JSON:
    """Upload and finish a file; returns its record."""
    record = pending_file(core, *contents, **params)
    put_parts(core, record, list(contents or (b"content",)))
    for part in record["parts"]:
        call(core, "files.finish", file_id=record["file_id"], part_id=part["part_id"])
    return call(core, "files.info", file_id=record["file_id"])


def processed_file(core: Core, *contents: bytes, **params: Any) -> JSON:
    """Upload, finish and process a file, unless a running worker is ahead; returns its record."""
    file_id = uploaded_file(core, *contents, **params)["file_id"]
    with suppress(Busy):
        return call(core, "files.process", file_id=file_id)
    wait_until(lambda: core.metadata.get(file_id).status == "processed", seconds=PATIENCE_SECONDS)
    return call(core, "files.info", file_id=file_id)


def with_preview(core: Core, file_id: str, **pictures: bytes) -> JSON:
    """Give a file previews as processing makes them, by default a poster; returns its record."""
    derived = store_previews(core, core.metadata.get(file_id), pictures or {"poster": b"RIFF....WEBP"})
    change(core, file_id, lambda before: replace(before, derived=derived))
    return call(core, "files.info", file_id=file_id)


def forget_looks(core: Core) -> None:
    """Let the next sweep be the first one: no time in which none ran delays what is deleted for ever."""
    found = documents.find(core, CLOCKS, "settled")
    if found is not None:
        documents.delete(core, found)
