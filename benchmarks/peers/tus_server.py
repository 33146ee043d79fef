"""A running @tus/server, an npm package that is installed into a cache folder on first use."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

PACKAGES = {"@tus/server": "2.4.5", "@tus/file-store": "2.1.1"}


@contextlib.contextmanager
def serving(port: int, folder: Path) -> Iterator[None]:
    """Run the server for the duration of the block."""
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("@tus/server needs node")
    folder.mkdir()
    script = Path(__file__).with_suffix(".mjs")
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [node, str(script), str(_packages()), str(port), str(folder)], stdout=output, stderr=output
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()


def _packages() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "files-service" / "tus-server"
    wanted = json.dumps({"private": True, "dependencies": PACKAGES})
    manifest = folder / "package.json"
    if not manifest.exists() or manifest.read_text() != wanted or not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        manifest.write_text(wanted)
        subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder,
            check=True,
        )
    return folder
