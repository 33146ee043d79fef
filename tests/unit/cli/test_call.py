"""``files call``: what it makes of its arguments, and of the answer."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
import pytest

from files_service.api import METHODS
from files_service.cli.call import parse_params
from files_service.client import FilesClient
from tests.gateway.serving import Served
from tests.servers.faulty import FaultyProxy
from tests.unit.cli.running import at, run


@pytest.mark.parametrize(
    ("texts", "params"),
    [
        (["owner=ann"], {"owner": "ann"}),
        (["owner=42"], {"owner": "42"}),
        (["owner=true"], {"owner": "true"}),
        (['owner="42"'], {"owner": "42"}),
        (["owner=null"], {"owner": None}),
        (["owner="], {"owner": ""}),
        (["owner=a=b"], {"owner": "a=b"}),
        (["limit=5"], {"limit": 5}),
        (["with_total=true"], {"with_total": True}),
        (['filter={"size": {"gt": 1}}'], {"filter": {"size": {"gt": 1}}}),
        (["unknown=1"], {"unknown": 1}),
        (["min_change=@12"], {"min_change": "@12"}),
        (["search=@ann", "owner=@missing.json"], {"search": "@ann", "owner": "@missing.json"}),
        (["limit=1", "limit=2"], {"limit": 2}),
    ],
)
def test_a_value_is_json_where_it_is_json_else_text(texts: list[str], params: dict[str, Any]) -> None:
    assert parse_params("files.list", tuple(texts)) == params


@pytest.mark.parametrize("method", METHODS)
def test_the_client_has_every_method(method: str) -> None:
    assert callable(attrgetter(method.removeprefix("files."))(FilesClient("http://127.0.0.1:9")))


def test_values_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text('{"owner": "ann", "limit": 1}')
    (tmp_path / "tags.json").write_text('["a"]')
    texts = (f"@{tmp_path}/all.json", f"tags=@{tmp_path}/tags.json", "limit=2")
    assert parse_params("files.list", texts) == {"owner": "ann", "limit": 2, "tags": ["a"]}


@pytest.mark.parametrize("text", ["owner", "=x", "", "@missing.json", "tags=@missing.json"])
def test_what_is_no_parameter_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.UsageError):
        parse_params("files.list", (text,))


def test_a_call_prints_the_result_as_json(served: Served, environ: dict[str, str]) -> None:
    result = run(at(served, environ), "call", "files.count", "owner=ann")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["total"] == 0


def test_a_call_whose_answer_a_proxy_lost_takes_effect_once(served: Served, environ: dict[str, str]) -> None:
    owner = "twice"
    with FaultyProxy(served.port) as proxy:
        proxy.fail(1, "bad gateway")
        through = {**environ, "FILES_PUBLIC_URL": f"http://127.0.0.1:{proxy.port}"}
        result = run(through, "call", "files.upload", f"owner={owner}", "name=a", 'parts=[{"size": 1}]')
    assert result.exit_code == 0, result.output
    assert served.result("files.count", owner=owner)["total"] == 1


def test_an_error_is_shown_with_code_and_fields(served: Served, environ: dict[str, str]) -> None:
    result = run(at(served, environ), "call", "files.info", "file_id=x", "nope=1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: bad_request: file_id: Not a file id.\n  nope: Unknown field.\n"


def test_something_else_that_answers_is_told_from_the_service(served: Served, environ: dict[str, str]) -> None:
    result = run({**environ, "FILES_PUBLIC_URL": f"http://127.0.0.1:{served.port}/elsewhere"}, "call", "files.count")
    assert result.exit_code == 1
    assert "not_found" in result.output


def test_the_help_of_call_has_no_marks_of_its_layout(environ: dict[str, str]) -> None:
    assert "\\b" not in run(environ, "call", "--help").output


@pytest.mark.parametrize("uri", ["nope://x", "amqp://guest:verysecret/@127.0.0.1", "amqp://guest:verysecret@[::1"])
def test_an_address_of_no_broker_is_named_without_its_password(environ: dict[str, str], uri: str) -> None:
    result = run({**environ, "AMQP_URI": uri}, "call", "--amqp", "files.count", "owner=ann")
    assert (result.exit_code, "Check AMQP_URI" in result.stderr) == (1, True), result.output
    assert "verysecret" not in result.output
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("accepts", [False, True])
def test_a_dead_broker_is_named_before_the_time_of_a_call_is_over(environ: dict[str, str], accepts: bool) -> None:
    """A broker that is away, and one that takes the connection and never answers."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        if accepts:
            listener.listen()
        uri = f"amqp://127.0.0.1:{listener.getsockname()[1]}"
        result = run({**environ, "AMQP_URI": uri}, "call", "--amqp", "files.count", "owner=ann")
    assert result.exit_code == 1
    assert "the broker does not answer" in result.stderr
    assert "Traceback" not in result.stderr
