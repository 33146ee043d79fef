"""``files ingest-worker`` and its check by ``files doctor``, without a broker."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from files_service.cli import cli, up
from files_service.cli.queue_checks import check_queue
from files_service.cli.session import Failed, Session
from tests.cores import SECRETS, settings_for
from tests.servers.ports import free_ports

NOWHERE = "amqp://guest:verysecret@127.0.0.1:{}/"


def run(tmp_path: Path, **environ: str) -> str:
    """What the command says before it gives up."""
    given = {"FILES_DATA_DIR": str(tmp_path), "AMQP_URI": "", **SECRETS, **environ}
    result = CliRunner().invoke(cli, ["ingest-worker"], env=given)
    assert result.exit_code == 1
    return result.output


def test_without_aio_pika_the_command_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aio_pika", None)
    said = run(tmp_path, AMQP_URI="amqp://x", FILES_QUEUE_DOOR="on")
    assert ".venv/bin/pip install -e '.[queue]' -c constraints.txt" in said


def test_without_a_broker_or_the_setting_the_command_says_what_to_set(tmp_path: Path) -> None:
    assert "AMQP_URI is not set" in run(tmp_path, FILES_QUEUE_DOOR="on")
    assert "FILES_QUEUE_DOOR=on" in run(tmp_path, AMQP_URI="amqp://x")


def test_the_doctor_says_what_the_door_lacks(tmp_path: Path) -> None:
    assert check_queue(settings_for(tmp_path)).ok
    assert "AMQP_URI" in check_queue(settings_for(tmp_path, FILES_QUEUE_DOOR="on")).advice
    [port] = free_ports(1)
    uri = NOWHERE.format(port)
    found = check_queue(replace(settings_for(tmp_path, FILES_QUEUE_DOOR="on"), amqp_uri=uri))
    assert not found.ok
    assert "verysecret" not in found.text


def test_up_runs_a_worker_of_an_open_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"FILES_DATA_DIR": str(tmp_path), "AMQP_URI": "amqp://broker", **SECRETS}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert [child.name for child in up._children(Session(None))] == ["rpc"]
    monkeypatch.setenv("FILES_QUEUE_DOOR", "on")
    assert [child.name for child in up._children(Session(None))] == ["rpc", "ingest"]


@pytest.mark.parametrize(
    ("given", "missing", "advice"),
    [
        ({"FILES_QUEUE_DOOR": "on"}, "", "AMQP_URI"),
        ({"FILES_QUEUE_DOOR": "on", "AMQP_URI": "amqp://broker"}, "aio_pika", "aio-pika"),
        ({"FILES_NOTICE_CHANNELS": "ops=tgram://1:a/2"}, "apprise", "apprise"),
    ],
    ids=["no broker", "no aio-pika", "no apprise"],
)
def test_up_does_not_start_what_can_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], missing: str, advice: str
) -> None:
    monkeypatch.setitem(sys.modules, missing or "none", None)
    for name, value in {"FILES_DATA_DIR": str(tmp_path), "AMQP_URI": "", **SECRETS, **given}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Failed, match=advice):
        up._children(Session(None))
