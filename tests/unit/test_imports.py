"""What a process keeps in memory: a gateway on the embedded default loads nothing that only others need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.servers.commands import run_command

OF_OTHERS = ("argon2", "couchdb", "google.cloud", "kombu", "nameko", "pyotp", "redis", "requests", "rich")
SCRIPT = """
import sys
import files_service.cli, files_service.gateway.server
from files_service.services.opening import open_core
from files_service.config import load_settings, read_config
open_core(load_settings(read_config(environ={"FILES_DATA_DIR": sys.argv[1]}))).close()
print(*sys.modules)
"""


def test_a_gateway_on_the_embedded_default_loads_nothing_that_only_others_need(tmp_path: Path) -> None:
    done = run_command([sys.executable, "-c", SCRIPT, str(tmp_path)])
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert "files_service.gateway.server" in loaded
    assert [name for name in OF_OTHERS if name in loaded] == []


@pytest.mark.parametrize(
    ("command", "of_others"),
    [
        ("token", ("aiohttp", "apispec", "kombu", "nameko", "prometheus_client")),
        ("worker", ("aiohttp", "apispec", "nameko", "eventlet")),
        ("rpc", ("aiohttp", "apispec", "rich")),
    ],
)
def test_a_command_loads_nothing_that_only_other_commands_need(command: str, of_others: tuple[str, ...]) -> None:
    script = "import sys, click\nfrom files_service.cli import cli\ncli.get_command(click.Context(cli), sys.argv[1])"
    done = run_command([sys.executable, "-c", f"{script}\nprint(*sys.modules)", command])
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert f"files_service.cli.{'token' if command == 'token' else 'processes'}" in loaded
    assert [name for name in of_others if name in loaded] == []
