"""The reference implementation of the ASC Media Hash List, which ``.ci/servers`` installs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def ascmhl_debug(*arguments: str | Path) -> int:
    """Run ``ascmhl-debug`` and return its exit status: 0 equal, 10 missing, 11 altered, 21 new, 31 manifest edited."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    program = Path(home) / "files-service" / "ascmhl" / "bin" / "ascmhl-debug"
    done = subprocess.run([program, *arguments], check=False, timeout=60, capture_output=True)
    return done.returncode
