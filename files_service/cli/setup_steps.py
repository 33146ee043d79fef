"""Report of the steps that set a bucket up."""

from __future__ import annotations

from collections.abc import Iterable

from files_service.runtime.terminal import echo
from storage_adapters import SetupStep

_SIGNS = {"ok": "✓", "done": "+", "due": "…", "failed": "✗"}


def report(steps: Iterable[SetupStep]) -> None:
    """Take the steps and print each one. Raises SystemExit with 1 in the end when one failed."""
    failed = False
    for step in steps:
        echo(f"{_SIGNS[step.state]} {step.name}: {step.text}")
        failed = failed or step.state == "failed"
    if failed:
        raise SystemExit(1)
