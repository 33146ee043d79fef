"""Commands of ours that run to their end, with what they write looked at for secrets."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.secrets_in_logs import WATCH, LogWatch
from tests.servers.zygote import Started


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
    with Started(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except BaseException:
            process.kill()
            raise
    watch.look_at(errors)
    if not answers:
        watch.look_at(output)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
