"""Processes that stand still."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.waiting import PATIENCE_SECONDS, wait_until


def pause(pid: int) -> None:
    """Let a process stand still: connections stay open and nobody answers. Returns when every thread stands."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    wait_until(
        lambda: all(_stands(task) for task in tasks.iterdir()), seconds=PATIENCE_SECONDS, otherwise="it does not stop"
    )


def _stands(task: Path) -> bool:
    """Tell by the first word behind the name of a thread (proc(5)). One that has ended stands, too."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (FileNotFoundError, ProcessLookupError):
        return True
