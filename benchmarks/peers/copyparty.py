"""copyparty, a file server of one program that people put up at home: in a virtual environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import free_port, wait_for_port

VERSION = "1.20.26"
USER, PASSWORD = "ann", "correct-horse"


@contextmanager
def serving(folder: Path, files: Path) -> Iterator[str]:
    """Serve a folder of files to one user, with search, and with links that have passwords; yield the URL."""
    port = free_port()
    command = [str(_program()), "-i", "127.0.0.1", "-p", str(port), "-q", "-e2dsa", "--shr", "/shr"]
    command += ["-a", f"{USER}:{PASSWORD}", "-v", f"{files}::rwmda,{USER}", "--hist", str(folder / "history")]
    command += ["--shr-db", str(folder / "shares.db")]
    environ = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config")}
    with (folder / "copyparty.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ, start_new_session=True)
        try:
            wait_for_port(port, 60)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _program() -> Path:
    """Install it where it is missing; return its path."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "files-service" / f"copyparty-{VERSION}"
    program = place / "bin" / "copyparty"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([str(place / "bin" / "pip"), "install", "--quiet", f"copyparty=={VERSION}"], check=True)
    return program
