"""A signal is heard whatever the main thread is doing, and so is the next."""

from __future__ import annotations

import signal
import subprocess
import sys

SECONDS = 60

# The handler runs while this thread holds the lock of the event, as it may whenever it begins or ends to wait.
HELD = """
import signal
from syncer.signals import stop_by_signal
stopping = stop_by_signal()
with stopping._cond:
    signal.raise_signal(signal.SIGTERM)
assert stopping.wait(30)
"""

WAITING = """
from syncer.signals import stop_by_signal
stopping = stop_by_signal()
print("ready", flush=True)
while not stopping.wait(0.0001):
    pass
print("stopping", flush=True)
while True:
    stopping.clear()
    stopping.wait(1)
"""


def test_a_signal_is_heard_while_the_lock_of_the_event_is_held() -> None:
    assert subprocess.run([sys.executable, "-c", HELD], timeout=SECONDS, check=False).returncode == 0


def test_the_second_signal_ends_the_process() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for said in (b"ready\n", b"stopping\n"):
            assert process.stdout.readline() == said
            process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == -signal.SIGTERM
