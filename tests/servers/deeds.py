"""A processing hook that does what a file's ``meta.deed`` says: sleep, wait, freeze the process, or end it.

Installed as other people's hooks are: as a distribution with an entry point, in a folder on the path.
"""

from __future__ import annotations

import os
from pathlib import Path

_MODULE = """
import ctypes, os, signal, sys, time
from files_service.services.hooks import ProcessingHook

class Deeds(ProcessingHook):
    def process(self, record, read):
        deed = record.meta.get("deed")
        if deed is None:
            return {}
        with open(os.environ["FILES_TEST_NOTES"], "a") as notes:
            notes.write(f"{record.file_id} {deed}\\n")
        seconds = record.meta.get("seconds", 0)
        thaw, end = os.environ["FILES_TEST_NOTES"] + ".thaw", time.monotonic() + seconds
        if deed == "sleep":
            time.sleep(seconds)
        elif deed == "wait":
            while not os.path.exists(thaw) and time.monotonic() < end:
                time.sleep(0.01)
        elif deed == "freeze":
            # Called through PyDLL, the interpreter lock is not released: no other thread runs, the hub neither.
            library = ctypes.PyDLL(None)
            sys.setswitchinterval(seconds)
            while library.access(thaw.encode(), 0) and time.monotonic() < end:
                library.usleep(10_000)
            sys.setswitchinterval(0.005)
        elif deed == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return {}
"""


class Deeds:
    """The hook, installed in a folder; knows how often it ran."""

    def __init__(self, folder: Path) -> None:
        info = folder / "deeds-1.dist-info"
        info.mkdir(parents=True)
        (folder / "deeds.py").write_text(_MODULE)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deeds\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[files_service.hooks]\ndeeds = deeds:Deeds\n")
        self._notes = folder / "notes"
        self._notes.write_text("")
        path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
        self.environ = {"PYTHONPATH": path, "FILES_TEST_NOTES": str(self._notes)}

    def thaw(self) -> None:
        """Let what waits or is frozen go on; otherwise it does when its seconds are over."""
        self._notes.with_name("notes.thaw").touch()

    def count(self, file_id: str) -> int:
        """How often the hook began to process this file."""
        return sum(line.startswith(file_id) for line in self._notes.read_text().splitlines())
