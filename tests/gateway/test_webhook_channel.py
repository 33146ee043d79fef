"""Object change notifications, the older way."""

from __future__ import annotations

import json

import pytest

from storage_adapters import JSON
from tests.cores import announced, pending_file
from tests.gateway.notified import CHANNEL, CHANNEL_TOKEN, TOKEN, outcomes, status, stored
from tests.gateway.serving import Reply, Served


def tell(served: Served, state: str, body: JSON | None = None, token: str = CHANNEL_TOKEN) -> Reply:
    headers = {
        "X-Goog-Channel-Id": "channel-1",
        "X-Goog-Channel-Token": token,
        "X-Goog-Resource-Id": "resource-1",
        "X-Goog-Resource-State": state,
        "X-Goog-Resource-Uri": "https://storage.googleapis.com/storage/v1/b/files/o?alt=json",
        "X-Goog-Message-Number": "12",
    }
    return served.request("POST", CHANNEL, json.dumps(body).encode() if body else b"", headers)


def test_an_object_that_exists_completes_its_part_once(hooked: Served) -> None:
    record = pending_file(hooked.core)
    blob = stored(hooked, record)
    assert tell(hooked, "sync").status == 204
    reply = tell(hooked, "exists", blob)
    assert (reply.status, reply.headers["X-Request-Id"]) == (204, "channel-1-12")
    # It is sent again when the description of the object changes.
    assert tell(hooked, "exists", {**blob, "metageneration": "2"}).status == 204
    assert tell(hooked, "not_exists", blob).status == 204
    assert status(hooked, record) == "uploaded"
    assert announced(hooked.core) == ["created", "uploaded"]
    assert outcomes(hooked, "channel") == {"other_event": 2, "completed": 1, "duplicate": 1}


@pytest.mark.parametrize("token", ["", "x", CHANNEL_TOKEN[:-1], CHANNEL_TOKEN + "x", TOKEN, "é"])
def test_another_token_is_refused(hooked: Served, token: str) -> None:
    record = pending_file(hooked.core)
    reply = tell(hooked, "exists", stored(hooked, record), token)
    assert (reply.status, reply.code) == (403, "forbidden")
    assert status(hooked, record) == "pending"


def test_without_a_token_for_it_there_is_no_such_address(gateway: Served) -> None:
    assert tell(gateway, "sync", token="").status == 404


def test_nonsense_is_settled(hooked: Served) -> None:
    assert tell(hooked, "exists").status == 204
    assert tell(hooked, "").status == 204
    assert outcomes(hooked, "channel") == {"malformed": 1, "other_event": 1}
