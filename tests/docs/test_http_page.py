"""docs/http.md lists every address of the gateway."""

from __future__ import annotations

import re

from files_service.gateway.app import DOORS
from files_service.gateway.limits import KIB, MIB, Limits
from tests.docs.pages import plain, read, rows


def test_every_address_is_documented_with_its_methods() -> None:
    documented = {
        plain(row["address"]): set(row["methods"].split(", "))
        for row in rows(read("docs/http.md"), "address", "methods")
    }
    routed = {re.sub(r":[^}]+", "", path): set(handlers) for door in DOORS for path, handlers in door.table().items()}
    assert documented == routed


def test_the_limits_are_those_of_the_gateway() -> None:
    page = " ".join(read("docs/http.md").split())
    limits = Limits()
    assert (
        f"The body arrived too slowly: more than {limits.call_body_seconds} s for a call, or less than"
        f" {limits.upload_least_bytes // KIB} KiB in {limits.upload_idle_seconds} s of an upload."
    ) in page
    assert f"completes messages of less than 16 KiB in {limits.websocket_idle_seconds} s" in page
    assert (
        f"within {limits.websocket_first_seconds} s and {limits.stranger_bytes // KIB} KiB,"
        f" and a gateway lets {limits.strangers} connections"
    ) in page
    assert f"may have {limits.websocket_bytes // MIB} MiB that are not stored yet" in page
    assert f"arrive within {limits.websocket_message_seconds} s of getting its memory" in page
    assert (
        f"Too many concurrent calls ({limits.calls}), uploads ({limits.uploads}), downloads ({limits.downloads})"
        in page
    )
    assert f"or notifications ({limits.notifications}), or calls" in page
    assert f"at most {limits.call_bytes // MIB} MiB" in page
    assert f"within {limits.ping_seconds} s" in page
    assert f"After a body of {limits.socket_thread_bytes // MIB} MiB or more the connection is closed" in page
