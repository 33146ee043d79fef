"""A plain nameko client in another process, over a real RabbitMQ, to ``files rpc``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from files_service import errors
from files_service.api import METHODS
from files_service.config import load_settings
from files_service.core import Core
from files_service.domain.lifecycle import ProcessingReleased, advance
from files_service.services.files import change
from files_service.services.opening import open_core
from files_service.services.processing import take
from storage_adapters import JSON
from tests.cores import put_parts, uploaded_file
from tests.integration.callers import NamekoCaller, RawCaller
from tests.servers.processes import ServiceProcess

UNKNOWN_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(scope="module")
def caller(amqp_uri: str, rpc_service: ServiceProcess) -> Iterator[NamekoCaller]:
    with NamekoCaller(amqp_uri, context={"request_id": "from-the-caller"}) as caller:
        yield caller


@pytest.fixture
def raw(amqp_uri: str, rpc_service: ServiceProcess) -> Iterator[RawCaller]:
    with RawCaller(amqp_uri) as caller:
        yield caller


@pytest.fixture(scope="module")
def core(rpc_service: ServiceProcess) -> Iterator[Core]:
    core = open_core(load_settings(rpc_service.config))
    yield core
    core.close()


def test_every_method_is_called_over_amqp(caller: NamekoCaller, core: Core) -> None:
    called: set[str] = set()

    def call(method: str, /, **params: object) -> JSON:
        called.add(method)
        result = caller.result(method, **params)
        assert isinstance(result, dict)
        return result

    parts = [{"size": 3, "content_type": "text/plain"}, {"size": 2}]
    record = call("files.upload", owner="ann", name="ünï.txt", parts=parts, tags=["One"], meta={"a": {"b": [1, None]}})
    file_id = record["file_id"]
    assert record["parts"][0]["upload"]["method"] == "PUT"
    put_parts(core, record, [b"abc", b"de"])
    assert call("files.finish", file_id=file_id, part_id="p0")["parts_received"] == 1
    key, bucket = record["parts"][1]["key"], record["parts"][1]["bucket"]
    assert call("files.finish", key=key, bucket=bucket)["status"] == "uploaded"
    assert call("files.process", file_id=file_id)["status"] == "processed"
    info = call("files.info", file_id=file_id)
    assert (info["name"], info["meta"], info["size"]) == ("ünï.txt", {"a": {"b": [1, None]}}, 5)
    assert call("files.data", file_id=file_id, fields=["size"])["size"] == 5
    assert call("files.update", file_id=file_id, changes={"alias": "home"})["alias"] == "home"
    assert call("files.head", owner="ann", aliases=["home", "away"]) == {"file_ids": [file_id, None]}
    assert len(call("files.download", file_id=file_id)["urls"]) == 2
    assert call("files.manifest", file_id=file_id)["upload_size"] == 5
    assert call("files.access", file_ids=[file_id], access="public")["files"][0]["ok"]
    assert call("files.tag.add", file_id=file_id, tags=["two"])["tags"] == ["one", "two"]
    assert call("files.tag.remove", file_id=file_id, tags=["one"])["tags"] == ["two"]
    assert call("files.tag.sync", file_id=file_id, tags=["three"])["tags"] == ["three"]
    assert call("files.tag.access", owner="ann", tag="three", access="unlisted")["files"][0]["access"] == "unlisted"
    clone = call("files.clone", file_id=file_id, owner="bob")
    assert clone["owner"] == "bob"
    assert [each["file_id"] for each in call("files.list", owner="ann")["files"]] == [file_id]
    assert call("files.timeline", owner="ann", month="2026-01") == {
        "month": "2026-01",
        "files": [],
        "next_cursor": None,
    }
    assert call("files.count", owner="ann")["total"] == 1
    assert call("files.report", owner="ann")["bytes"] == 5
    assert call("files.sync", owner="ann", dry_run=True)["dry_run"] is True
    assert call("files.archive", file_ids=[file_id])["entries"] == 2
    assert call("files.move", file_id=file_id, path="a/b.txt")["path"] == "a/b.txt"
    tags = [{"file_id": file_id, "tags": ["four"]}]
    assert call("files.bulk", action="tag", items=tags)["results"][0]["ok"]
    assert call("files.trash", file_id=file_id)["trashed_at"] is not None
    assert call("files.restore", file_id=file_id)["path"] == "a/b.txt"
    assert call("files.empty_trash", owner="ann")["state"] == "done"
    known = call("files.known", owner="ann", files=[{"path": "a/b", "size": 5, "fast_key": "0" * 16}])
    assert known == {"files": [None]}
    assert call("files.remove", file_id=file_id)["removed"] is True
    # Those of people are called by the tests of people.
    assert called == {name for name in METHODS if name.startswith("files.")}


def test_errors_arrive_as_our_classes_with_code_and_details(caller: NamekoCaller) -> None:
    answer = caller.call("files.info", file_id="x")
    assert (answer["error"], answer["module"], answer["code"]) == ("BadRequest", errors.__name__, "bad_request")
    assert answer["details"] == {"fields": {"file_id": ["Not a file id."]}}
    assert caller.call("files.info", file_id=UNKNOWN_ID)["error"] == "NotFound"
    assert caller.call("files.tag.add", file_id=UNKNOWN_ID, tags=["x"])["code"] == "not_found"


def test_positional_arguments_are_a_bad_request(caller: NamekoCaller) -> None:
    answer = caller.call("files.info", UNKNOWN_ID)
    assert answer["code"] == "bad_request"
    assert list(answer["details"]["fields"]) == ["args"]


@pytest.mark.parametrize("name", ["self", "params", "method", "args", "kwargs", "__type__"])
def test_a_parameter_of_any_name_is_only_unknown(raw: RawCaller, name: str) -> None:
    raw.call("files.info", {"args": [], "kwargs": {"file_id": UNKNOWN_ID, name: 1}})
    error = raw.reply()[1]["error"]
    assert (error["exc_path"], list(error["exc_args"][1]["fields"])) == (f"{errors.__name__}.BadRequest", [name])


@pytest.mark.parametrize("method", ["files.nothing", "files.tag.nothing", "files.__init__", "files.call", "files.name"])
def test_an_unknown_method_is_nameko_s_own_error(raw: RawCaller, method: str) -> None:
    raw.call(method, {"args": [], "kwargs": {}})
    assert raw.reply()[1]["error"]["exc_path"] == "nameko.exceptions.MethodNotFound"


def test_the_caller_s_request_id_is_logged(caller: NamekoCaller, rpc_service: ServiceProcess) -> None:
    caller.call("files.info", file_id=UNKNOWN_ID)
    rpc_service.wait_for_log('"request_id": "from-the-caller"')


def test_values_that_look_like_python_objects_stay_json(raw: RawCaller) -> None:
    meta = {"when": {"__type__": "datetime", "__value__": "2026-01-01T00:00:00"}}
    raw.call(
        "files.upload", {"args": [], "kwargs": {"owner": "eve", "name": "x", "parts": [{"size": 1}], "meta": meta}}
    )
    assert raw.reply()[1]["result"]["meta"] == meta


def test_headers_reach_the_service_and_the_reply_names_its_request(raw: RawCaller) -> None:
    correlation_id = raw.call(
        "files.count", {"args": [], "kwargs": {}}, application_headers={"nameko.request_id": "r-1"}
    )
    assert raw.reply()[0] == correlation_id


def test_a_caller_may_use_one_correlation_id_for_call_after_call(raw: RawCaller) -> None:
    totals = []
    for number in range(3):
        upload = {"owner": "constant", "name": f"{number}", "parts": [{"size": 1}], "request_id": f"{number}"}
        raw.call("files.upload", {"args": [], "kwargs": upload}, correlation_id="1")
        raw.reply()
        raw.call("files.count", {"args": [], "kwargs": {"owner": "constant"}}, correlation_id="1")
        totals.append(raw.reply()[1]["result"]["total"])
    assert totals == [1, 2, 3]


def test_finishes_that_wait_leave_workers_to_other_calls(raw: RawCaller, core: Core) -> None:
    # One for each worker.
    records = [uploaded_file(core, owner="patient") for _ in range(10)]
    taken = [change(core, each["file_id"], lambda found: take(found, "w", core, force=False)) for each in records]
    waiting = {
        raw.call("files.finish", {"args": [], "kwargs": {"file_id": each.file_id, "part_id": "p0", "wait": True}})
        for each in taken
    }
    last = raw.call("files.count", {"args": [], "kwargs": {"owner": "patient"}})
    try:
        while (answered := raw.reply())[0] != last:
            waiting.remove(answered[0] or "")
            assert answered[1]["result"]["status"] == "processing"
        assert waiting, "an owner has some places to wait"
    finally:
        for each in taken:
            change(core, each.file_id, lambda found: advance(found, ProcessingReleased(), now=core.clock()))
    statuses = set()
    while waiting:
        answered = raw.reply()
        waiting.remove(answered[0] or "")
        statuses.add(answered[1]["result"]["status"])
    # The count may overtake the answer of a call that found no place.
    assert "processed" in statuses <= {"processing", "processed"}
