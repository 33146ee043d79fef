"""Leases of a process that was killed while its clock was ahead, with the real clock of another process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from files_service.runtime.lease import Lease
from migrations.lease import MigrationLease
from storage_adapters import SupportsLeases, open_metadata_store
from syncer.lease import syncer_lease
from tests.waiting import PATIENCE_SECONDS, wait_until

SECONDS = 2
TAKER = f"""
import os
import sys
from files_service.runtime.lease import Lease
from migrations.lease import MigrationLease
from storage_adapters import open_metadata_store
from syncer.lease import syncer_lease
store = open_metadata_store(sys.argv[1])
for lease in (
    Lease(store, "relay", holder="dead", seconds={SECONDS}),
    Lease(store, "sweeper", holder="dead", seconds={SECONDS}),
    syncer_lease(store, "syncer", seconds={SECONDS}),
):
    assert lease.renew()
with MigrationLease(store, "dead", lease_ms={SECONDS} * 1000):
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""


def killed_with_its_clock_ahead(url: str) -> None:
    """Let a process whose clock is a day ahead take the leases, and kill it."""
    faketime = shutil.which("faketime")
    assert faketime, "faketime is missing: run `make servers`"
    process = subprocess.Popen(
        [faketime, "-f", "+1d", sys.executable, "-c", TAKER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
    )
    with process:
        assert process.stdout is not None
        # faketime waits for a child of its own: it is the child that has the leases, and must not give them back.
        os.kill(int(process.stdout.readline()), signal.SIGKILL)


@pytest.fixture
def store(tmp_path: Path) -> SupportsLeases:
    url = f"sqlite:///{tmp_path / 'files.db'}"
    opened = open_metadata_store(url)
    killed_with_its_clock_ahead(url)
    assert isinstance(opened, SupportsLeases)
    return opened


def test_a_process_killed_with_its_clock_ahead_delays_others_by_the_length_of_its_leases(
    store: SupportsLeases,
) -> None:
    leases = [Lease(store, name, holder="next", seconds=SECONDS) for name in ("relay", "sweeper")]
    leases.append(syncer_lease(store, "syncer", seconds=SECONDS))  # type: ignore[arg-type]
    leases.append(MigrationLease(store, "next", lease_ms=SECONDS * 1000)._lease)
    for lease in leases:
        assert not lease.renew()
    for lease in leases:
        wait_until(lease.held, seconds=PATIENCE_SECONDS, otherwise="the lease of the dead process has no end")
