"""Runs of commands in the process of the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from files_service.cli import cli
from tests.gateway.serving import Served


def run(environ: Mapping[str, str], *arguments: str | Path, keys: str | None = None) -> Result:
    """Run a command; ``keys`` are typed."""
    return CliRunner(env=dict(environ)).invoke(cli, [str(each) for each in arguments], input=keys)


def done(environ: Mapping[str, str], *arguments: str | Path) -> list[Any]:
    """Run a command that succeeds, and return the JSON lines that it prints."""
    result = run(environ, *arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def at(served: Served, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a client of this gateway."""
    return {**environ, "FILES_HTTP": f"127.0.0.1:{served.port}"}
