"""``/api/events``: owners are told of their own files, and nobody can have more of it than there is room for."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from files_service.errors import ServiceUnavailable
from files_service.gateway.pages import events, feed
from tests.cores import call, memory_core, processed_file
from tests.gateway.owners import bearer
from tests.gateway.serving import Served, serving, wait_until
from tests.pages.visits import cookie


class Listener:
    """One connection that hears events."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response

    def hear(self) -> Any:
        """The next event, None at the end of the connection."""
        while line := self.response.readline():
            if line.startswith(b"data: "):
                return json.loads(line.removeprefix(b"data: "))
        return None

    def hear_until(self, file_id: str, event: str) -> list[str]:
        """The events up to one that must come; all of them are about this file."""
        heard: list[str] = []
        while event not in heard:
            message = self.hear()
            assert message is not None
            if message["event"] != "reload":
                assert message["file_id"] == file_id
                heard.append(message["event"])
        return heard


@contextmanager
def listening(served: Served, headers: dict[str, str]) -> Iterator[Listener]:
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as connection:
        connection.request("GET", "/api/events", headers=headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        assert response.headers["Content-Type"] == "text/event-stream"
        yield Listener(response)


@pytest.fixture
def memory_gateway(tmp_path: Any) -> Iterator[Served]:
    with serving(memory_core(tmp_path)) as served:
        yield served


@pytest.mark.parametrize("signed_in", [bearer, cookie])
def test_an_owner_hears_of_every_change_of_the_own_files_and_of_no_others(
    memory_gateway: Served, signed_in: Callable[[str], dict[str, str]]
) -> None:
    with listening(memory_gateway, signed_in("ann")) as listener:
        assert listener.hear() == {"event": "reload"}
        processed_file(memory_gateway.core, b"x", owner="bob")
        file_id = processed_file(memory_gateway.core, b"x")["file_id"]
        assert listener.hear_until(file_id, "processed") == ["created", "uploaded", "processed"]
        call(memory_gateway.core, "files.access", file_ids=[file_id], access="public")
        call(memory_gateway.core, "files.remove", file_id=file_id)
        assert listener.hear_until(file_id, "removed") == ["access_changed", "removed"]


def test_a_page_that_comes_later_is_told_to_load_everything_too(memory_gateway: Served) -> None:
    with listening(memory_gateway, bearer("ann")) as first:
        assert first.hear() == {"event": "reload"}
        with listening(memory_gateway, bearer("ann")) as second:
            assert second.hear() == {"event": "reload"}


def test_strangers_hear_nothing(memory_gateway: Served) -> None:
    assert memory_gateway.request("GET", "/api/events").status == 401
    assert memory_gateway.request("GET", "/api/events", headers={**cookie(), "Origin": "https://x.y"}).status == 401


def test_a_page_that_falls_behind_is_told_to_load_everything() -> None:
    subscription = feed.Subscription()
    for number in range(3 * feed.QUEUE):
        subscription.put({"event": "updated", "file_id": str(number)})
    held = [subscription._queue.get_nowait() for _ in range(subscription._queue.qsize())]
    assert len(held) <= feed.QUEUE
    assert held[0] == feed.RELOAD
    assert held[-1] == {"event": "updated", "file_id": str(3 * feed.QUEUE - 1)}


def test_an_owner_has_so_many_pages_and_the_oldest_makes_room(
    memory_gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_PAGES_OF_OWNER", 2)
    monkeypatch.setattr(events, "PING_SECONDS", 0.05)
    told = memory_gateway.state_of(events.FEED)
    with listening(memory_gateway, bearer("ann")) as first, listening(memory_gateway, bearer("bob")):
        with listening(memory_gateway, bearer("ann")) as second, listening(memory_gateway, bearer("ann")) as third:
            while first.hear() is not None:
                pass
            assert (told.listeners("ann"), told.listeners("bob")) == (2, 1)
            file_id = processed_file(memory_gateway.core, b"x")["file_id"]
            for listener in (second, third):
                listener.hear_until(file_id, "processed")
        # The gateway finds out that nobody is there when it has something to say.
        wait_until(lambda: told.listeners("ann") == 0)
        assert told.listeners("bob") == 1
    wait_until(lambda: told.listeners("ann") + told.listeners("bob") == 0)
    assert told._reading is None


@pytest.mark.parametrize("error", [ServiceUnavailable("away"), RuntimeError("not expected")])
@pytest.mark.parametrize("step", ["changes", "has_changes_behind"])
def test_a_store_that_fails_for_a_while_is_asked_again(
    memory_gateway: Served, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    monkeypatch.setattr(feed, "AFTER_FAILURE_SECONDS", 0.01)
    store = memory_gateway.core.metadata
    real, left = getattr(store, step), [3]

    def fail(*args: Any, **named: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise error
        return real(*args, **named)

    with listening(memory_gateway, bearer("ann")) as listener:
        assert listener.hear() == {"event": "reload"}
        monkeypatch.setattr(store, step, fail)
        # The place in the feed is known again before the page is told to load everything.
        assert [listener.hear() for _ in range(3)] == 3 * [{"event": "reload"}]
        file_id = processed_file(memory_gateway.core, b"x")["file_id"]
        listener.hear_until(file_id, "processed")


def test_a_gateway_that_stops_ends_the_connections_and_waits_for_nobody(memory_gateway: Served) -> None:
    with listening(memory_gateway, bearer("ann")) as listener:
        assert listener.hear() == {"event": "reload"}
        memory_gateway.stop()
        assert listener.hear() is None
