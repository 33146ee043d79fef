"""The service classes are the API: one method per call, no more, no less."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR

from files_service.api import METHODS
from files_service.dependencies import Dispatcher
from files_service.errors import BadRequest, FilesError, InternalError
from files_service.messaging.rpc.consumer import Action
from files_service.messaging.rpc.pool import ThreadPool
from files_service.messaging.rpc.shared_core import SharedCore
from files_service.runtime import logs
from files_service.service import SERVICES
from storage_adapters import JSON
from tests.cores import memory_core


def methods(service: type[Any]) -> dict[str, Any]:
    return {name: function for name, function in vars(service).items() if hasattr(function, ENTRYPOINT_EXTENSIONS_ATTR)}


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[SharedCore]:
    core = memory_core(tmp_path)
    threads = ThreadPool(4)
    yield SharedCore(core, threads)
    threads.close()
    core.close()


def test_the_services_expose_exactly_the_method_table() -> None:
    assert {f"{service.name}.{name}" for service in SERVICES for name in methods(service)} == set(METHODS)


def test_each_method_calls_the_action_of_its_name() -> None:
    for service in SERVICES:
        for name in methods(service):
            instance: Any = service()
            instance.call = lambda method, params: (method, params)
            assert getattr(instance, name)(self=1, x=2) == (f"{service.name}.{name}", {"self": 1, "x": 2})


def test_each_method_says_what_its_action_says() -> None:
    for service in SERVICES:
        for name, function in methods(service).items():
            assert inspect.getdoc(function) == METHODS[f"{service.name}.{name}"].summary


def test_our_errors_are_expected_ones() -> None:
    for service in SERVICES:
        for function in methods(service).values():
            [entrypoint] = getattr(function, ENTRYPOINT_EXTENSIONS_ATTR)
            assert isinstance(entrypoint, Action)
            assert entrypoint.expected_exceptions is FilesError


def test_a_call_runs_in_another_thread_under_its_request_id(shared: SharedCore) -> None:
    dispatcher = Dispatcher(shared, {"request_id": "r-1"})
    with pytest.raises(BadRequest):
        dispatcher("files.info", {"file_id": "x"})
    assert shared.threads.execute(logs.request_id.get) == ""


def test_our_own_failure_says_no_more_than_the_request_id(shared: SharedCore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(params: JSON, core: object) -> JSON:
        raise ZeroDivisionError("secret")

    monkeypatch.setitem(METHODS, "files.info", fail)
    with pytest.raises(InternalError) as caught:
        Dispatcher(shared, {"request_id": "r-1"})("files.info", {})
    assert caught.value.to_wire() == {
        "code": "internal_error",
        "message": "internal error",
        "details": {"request_id": "r-1"},
    }


def test_an_upload_delivered_again_is_the_same_file(shared: SharedCore) -> None:
    params = {"owner": "ann", "name": "x", "parts": [{"size": 1}]}

    def upload(correlation_id: str | None, **more: object) -> str:
        context = {"request_id": "r-1", "call_name": ("reply-queue", correlation_id)}
        file_id: str = Dispatcher(shared, context)("files.upload", {**params, **more})["file_id"]
        return file_id

    first = upload("c-1")
    assert upload("c-1") == first
    assert upload("c-2") != first
    assert upload(None) != upload(None)
    named = upload("c-1", request_id="mine")
    assert named != first
    assert upload("c-3", request_id="mine") == named
    assert params == {"owner": "ann", "name": "x", "parts": [{"size": 1}]}


def test_an_invite_delivered_again_is_the_same_one(shared: SharedCore) -> None:
    def invite(correlation_id: str) -> str:
        code: str = Dispatcher(shared, {"call_name": ("reply-queue", correlation_id)})("accounts.create_invite", {})[
            "code"
        ]
        return code

    assert invite("c-1") == invite("c-1") != invite("c-2")


def test_correlation_ids_of_any_text_name_an_upload(shared: SharedCore) -> None:
    params = {"owner": "ann", "name": "x", "parts": [{"size": 1}]}
    for correlation_id in ("\n", "é" * 120, "\ud800", "x" * 255):
        assert Dispatcher(shared, {"call_name": ("r", correlation_id)})("files.upload", params)["status"] == "pending"
