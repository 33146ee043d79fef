"""Commands of ours that run to their end, with what they write looked at for secrets."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.secrets_in_logs import WATCH, LogWatch


def run_command(
    command: Sequence[str],
    *,
    answers: bool = False,
    environ: dict[str, str] | None = None,
    folder: Path | None = None,
    seconds: float = 300,
    watch: LogWatch = WATCH,
) -> subprocess.CompletedProcess[str]:
    """Run a command. With ``answers`` its standard output is what it was asked for, which may be a signed URL."""
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
    )
    watch.look_at(done.stderr)
    if not answers:
        watch.look_at(done.stdout)
    return done
