"""A disk that fills while bytes arrive: each door answers 507 and keeps nothing, and stores the bytes afterwards."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cores import sqlite_core
from tests.gateway.addresses import declare, put, stored_files
from tests.gateway.owners import bearer
from tests.gateway.serving import Reply, Served, serving
from tests.gateway.tus import made, patch

SIZES = [300, 600_000, 3_000_000]
Send = Callable[[int], Reply]


def by_signed_put(served: Served) -> Send:
    return lambda size: put(served, declare(served, size), b"x" * size)


def by_tus(served: Served) -> Send:
    return lambda size: patch(served, made(served, size), 0, b"y" * size)


def by_rest(served: Served) -> Send:
    return lambda size: served.request("POST", "/api/files/upload?name=a", b"z" * size, bearer("ann"))


DOORS = [by_signed_put, by_tus, by_rest]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(sqlite_core(tmp_path)) as served:
        yield served


def filling(room: int, code: int = errno.ENOSPC) -> Callable[[int, Any], int]:
    """Make a write(2) that has room for so many bytes in files."""
    write, left = os.write, [room]

    def limited(descriptor: int, data: Any) -> int:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            if len(data) > left[0]:
                raise OSError(code, os.strerror(code))
            left[0] -= len(data)
        return write(descriptor, data)

    return limited


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_is_told_as_such(
    served: Served, monkeypatch: pytest.MonkeyPatch, door: Callable[[Served], Send], size: int, code: int
) -> None:
    send = door(served)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", filling(size // 2, code))
        reply = send(size)
    assert (reply.status, reply.code) == (507, "insufficient_storage")
    assert reply.error["details"]["field"] == "disk"
    if door is not by_tus:
        assert not stored_files(served)
    assert send(size).status in (201, 204)
