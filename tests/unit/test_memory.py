"""The memory of buffers goes back to the system when they are freed, whatever was allocated between them."""

from __future__ import annotations

import json
import platform
import sys

import pytest

from tests.servers.commands import run_command

MIB = 2**20
SCRIPT = """
import json, sys, threading
from pathlib import Path
from files_service.runtime.memory import give_buffers_back

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

def work():
    # The first long block that is freed is what makes the allocator take the later ones from its heaps.
    for _ in range(8):
        # All threads have theirs at the same time, however many processors there are.
        together.wait()
        buffers = [bytearray(4 * 2**20) for _ in range(2)]
        together.wait()
        small.append([bytes(1_000) for _ in range(50)])
        del buffers

small = []
together = threading.Barrier(8)
if sys.argv[1] == "ours":
    give_buffers_back()
before = resident()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(resident() - before))
"""


def growth(how: str) -> int:
    done = run_command([sys.executable, "-c", SCRIPT, how])
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such thresholds")
def test_what_is_freed_leaves_the_process() -> None:
    assert growth("ours") < 8 * MIB < growth("default")
