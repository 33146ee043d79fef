"""The local blob store dies between any two system calls: a blob is whole or absent, never half.

The system calls are enumerated, not sampled: a forked child runs the operation and dies before its first call, the
next child before the second, and so on until one reaches the end.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import BlobExists, BlobNotFound, BlobStore
from storage_adapters.blobs.local import LocalBlobStore
from storage_adapters.blobs.local import writer as writer_module
from tests.adapters.local_disk import Child, assert_tidy, failing, open_local
from tests.contract.blob_scenes import NOW, put, read

SYSTEM_CALLS = (
    [(os, name) for name in ("close", "fsync", "link", "mkdir", "open", "posix_fadvise", "read", "rename", "rmdir")]
    + [(os, name) for name in ("scandir", "sendfile", "stat", "unlink", "write")]
    + [(fcntl, "flock")]
)
CONTENT = b"0123456789" * 1_000
OTHER = b"the other blob in the folder"
MAX_CALLS = 500

Operation = Callable[[LocalBlobStore], object]


def put_blob(store: LocalBlobStore) -> None:
    put(store, "owner/file/part", CONTENT)


def copy_blob(store: LocalBlobStore) -> None:
    store.copy("owner/file/source", "owner/copy/part", now=NOW)


def delete_blob(store: LocalBlobStore) -> None:
    store.delete("owner/file/source")


def die_before_call(number: int) -> None:
    """From now on count the system calls; the process ends before the one of this number."""
    left = number

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(0)
            return call(*args, **options)

        return counting

    for module, name in SYSTEM_CALLS:
        setattr(module, name, counted(getattr(module, name)))


def run_and_die(root: Path, operation: Operation, number: int) -> tuple[bool, bool]:
    """Run the operation in a child that dies before the call of this number: was it answered, was it closed."""
    reader, writer = os.pipe()
    acknowledge = os.write

    def work() -> bool:
        die_before_call(number)
        store = open_local(root)
        operation(store)
        acknowledge(writer, b"done")
        store.close()
        os.write = acknowledge
        return True

    child = Child(work)
    os.close(writer)
    finished = child.result() is True
    with os.fdopen(reader, "rb") as answers:
        return answers.read() == b"done", finished


def is_whole_or_absent(store: BlobStore, key: str, content: bytes) -> bool:
    """Whether the blob is there; fails when it is there in part."""
    try:
        info = store.head(key)
    except BlobNotFound:
        with pytest.raises(BlobNotFound):
            store.get(key)
        return False
    assert info.size == len(content)
    assert read(store, key) == content
    return True


def crash_everywhere(tmp_path: Path, operation: Operation, key: str, content: bytes, *, present_after: bool) -> int:
    """Let the operation crash before each of its calls and check the disk each time; how many crashes there were."""
    for number in range(MAX_CALLS):
        root = tmp_path / str(number)
        store = open_local(root)
        put(store, "owner/file/source", OTHER)
        store.close()

        acknowledged, finished = run_and_die(root, operation, number)

        store = open_local(root)
        assert_tidy(root)
        present = is_whole_or_absent(store, key, content)
        if acknowledged:
            assert present is present_after
        # Whoever was not answered asks again.
        with suppress(BlobExists, BlobNotFound):
            operation(store)
        assert is_whole_or_absent(store, key, content) is present_after
        if key != "owner/file/source":
            assert read(store, "owner/file/source") == OTHER
        store.close()
        assert_tidy(root)
        if finished:
            return number
    raise AssertionError("the operation never came to its end")


def test_a_put_that_dies_anywhere_leaves_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "WRITEBACK_BYTES", len(CONTENT) // 2)
    crashes = crash_everywhere(tmp_path, put_blob, "owner/file/part", CONTENT, present_after=True)
    assert crashes > 30


@pytest.mark.parametrize("links", [True, False])
def test_a_copy_that_dies_anywhere_leaves_all_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EXDEV))
    crashes = crash_everywhere(tmp_path, copy_blob, "owner/copy/part", OTHER, present_after=True)
    assert crashes > 30


def test_a_deletion_that_dies_anywhere_leaves_all_or_nothing(tmp_path: Path) -> None:
    crashes = crash_everywhere(tmp_path, delete_blob, "owner/file/source", OTHER, present_after=False)
    assert crashes > 30
