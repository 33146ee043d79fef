"""``files account`` and ``files tenant``, and what ``files up`` says about signing in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from files_service.cli import cli
from files_service.cli.up import _way_in
from files_service.messaging.events import LogPublisher
from files_service.worker.run import Worker
from tests.cores import SECRETS, at, call, refusal, sqlite_core
from tests.gateway.serving import serving
from tests.people.persons import PASSWORD, cheap, key_of, open_people, register
from tests.servers.ports import free_ports
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which no gateway runs."""
    return {"FILES_DATA_DIR": str(tmp_path), "FILES_HTTP": "127.0.0.1:9", "AMQP_URI": "", **SECRETS}


def run(environ: Mapping[str, str], *arguments: str) -> Result:
    return CliRunner(env=dict(environ)).invoke(cli, arguments)


def test_people_are_managed_without_a_running_service(environ: dict[str, str]) -> None:
    assert run(environ, "tenant", "create", "acme").output == "created acme\n"
    assert run(environ, "tenant", "list").output == "acme\n"
    policy = run(environ, "tenant", "policy", "acme", "--password", "--max-days", "90")
    assert policy.output == "password required  default 30 days  most 90 days\n"
    kept = run(environ, "tenant", "policy", "acme", "--kept-versions", "3").output.splitlines()
    assert kept[1:] == ["versions kept at any age 3  days for older ones as in the settings"]
    assert len(run(environ, "tenant", "policy", "acme", "--kept-versions", "-1").output.splitlines()) == 1
    policy = run(environ, "tenant", "policy", "acme", "--no-password", "--default-days", "0")
    assert policy.output == "password as the owner likes  default any days  most 90 days\n"
    assert run(environ, "tenant", "policy").output == "password as the owner likes  default 30 days  most any days\n"
    made = run(environ, "account", "create", "Ann", "--role", "operator").output.splitlines()
    assert made[0] == "created ann; set the password within an hour at"
    assert made[1].startswith("http://127.0.0.1:9/reset#")
    assert run(environ, "account", "create", "bob", "--tenant", "acme").exit_code == 0
    assert run(environ, "account", "list").output == "ann  operator  without password\n"
    assert run(environ, "account", "disable", "bob@acme").output == "disabled bob@acme\n"
    assert run(environ, "account", "list", "--tenant", "acme").output == "bob@acme  user  disabled\n"
    assert run(environ, "account", "disable", "--undo", "Bob@acme").output == "enabled bob@acme\n"
    assert run(environ, "account", "delete", "bob@acme").exit_code == 1
    deleted = run(environ, "account", "delete", "bob@acme", "--yes")
    assert deleted.output == "deleted bob@acme; its files go after 14 days\n"
    assert run(environ, "account", "list", "--tenant", "acme").output == "bob@acme  user  deleted\n"
    assert run(environ, "account", "disable", "--undo", "bob@acme").output == "enabled bob@acme\n"
    assert run(environ, "account", "reset-link", "ann").output.startswith("http://127.0.0.1:9/reset#")
    assert run(environ, "account", "quota", "bob@acme", "500").output == "bob@acme may have 500 bytes\n"
    assert run(environ, "account", "quota", "ann", "0").output == "ann may have any number of bytes\n"
    assert run(environ, "tenant", "quota", "acme", "900").output == "acme may have 900 bytes\n"
    assert run(environ, "tenant", "quota", "", "0").output == "the default tenant may have any number of bytes\n"
    for arguments, code in (
        (("tenant", "quota", "none", "1"), "not_found"),
        (("account", "create", "ann"), "conflict"),
        (("account", "disable", "ann"), "conflict"),
        (("account", "reset-link", "eve"), "not_found"),
        (("tenant", "create", "Not One"), "bad_request"),
    ):
        failed = run(environ, *arguments)
        assert failed.exit_code == 1
        assert failed.output.startswith(f"Error: {code}: ")


def test_without_accounts_the_link_of_before_signs_the_owner_in(tmp_path: Path) -> None:
    core = open_people(tmp_path, registration="closed")
    assert _way_in(core, "http://x").startswith("sign in http://x/sign-in#ey")
    call(core, "accounts.create", name="ann")
    assert _way_in(core, "http://x") == "sign in http://x/sign-in"
    core.close()


def test_the_setup_link_makes_the_first_account_once_and_within_a_day(tmp_path: Path) -> None:
    core = open_people(tmp_path, registration="invite")

    def code() -> str:
        line = _way_in(core, "http://x")
        assert line.startswith("set up http://x/join#")
        return line.partition("#")[2]

    first, second = code(), code()
    attempt = {"name": "root", "password": PASSWORD}
    assert refusal(core, "accounts.register", **attempt, invite=first).code == "unauthorized"
    late = at(core, core.clock() + 86_400_001)
    assert refusal(late, "accounts.register", **attempt, invite=second).code == "unauthorized"
    assert call(core, "accounts.list_invites")["invites"] == []
    assert call(core, "accounts.register", **attempt, invite=second)["account"]["role"] == "operator"
    assert refusal(core, "accounts.register", name="eve", password=PASSWORD, invite=second).code == "unauthorized"
    assert _way_in(core, "http://x") == "sign in http://x/sign-in"
    core.close()


def test_a_setup_link_is_worth_nothing_once_there_is_an_account(tmp_path: Path) -> None:
    core = open_people(tmp_path, registration="open")
    code = _way_in(core, "http://x").partition("#")[2]
    call(core, "accounts.create", name="ann")
    assert refusal(core, "accounts.register", name="eve", password=PASSWORD, invite=code).code == "unauthorized"
    core.close()


def test_the_commands_of_clients_take_a_session_or_a_key_as_their_token(tmp_path: Path) -> None:
    clip = tmp_path / "clip.bin"
    clip.write_bytes(b"content")
    [port] = free_ports(1)
    core = cheap(sqlite_core(tmp_path, registration="open", public_url=f"http://127.0.0.1:{port}"))
    with serving(core, port=port) as served:
        worker = Worker(served.core, LogPublisher())
        worker.start()
        ann = register(served)
        elsewhere = {"FILES_DATA_DIR": str(tmp_path / "none"), "FILES_HTTP": f"127.0.0.1:{port}"}
        for token in (ann.token, key_of(ann, "files:read", "files:write").token):
            client = {**elsewhere, "FILES_TOKEN": token}
            put = run(client, "put", str(clip))
            assert put.exit_code == 0, put.output
            assert json.loads(put.stdout)["owner"] == "ann"
            assert {json.loads(line)["owner"] for line in run(client, "ls").stdout.splitlines()} == {"ann"}
        ended = run({**elsewhere, "FILES_TOKEN": "fs_" + "x" * 43}, "ls")
        assert ended.exit_code == 1
        assert "refuses the token" in ended.output
        assert worker.stop(PATIENCE_SECONDS)
