"""The register of nodes: pings, duplicates, silence, and the layout."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from files_service.nodes.checks import check_nodes
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.controller.liveness import Liveness
from files_service.nodes.controller.watch import Watch
from files_service.nodes.pinging import Pinger
from storage_adapters.blobs.nodes.authentication import NodeKeys
from storage_adapters.blobs.nodes.http import SignedClient
from tests.clocks import Clock
from tests.cores import settings_for
from tests.gateway.owners import bearer
from tests.gateway.serving import RPC_TOKEN, Served, serving
from tests.nodes.pings import core_of_nodes, get, ping, signed, told

SILENT = 15.001
OUT = 1_800.001


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def served(tmp_path: Path, clock: Clock) -> Iterator[Served]:
    with serving(core_of_nodes(tmp_path, clock)) as served:
        yield served


@pytest.fixture
def watch(served: Served) -> Watch:
    """The watch of another controller over the same documents."""
    return Watch(served.core, Layouts(served.core), Liveness(served.core.timer))


def states(served: Served) -> dict[str, str]:
    return {node["node_id"]: node["state"] for node in get(served, "/layout")["nodes"]}


def presence(served: Served) -> dict[str, str]:
    return {node["id"]: node["presence"] for node in get(served, "/active-nodes")["nodes"]}


def test_a_node_joins_and_is_active_once_its_inventory_is_complete(served: Served, watch: Watch) -> None:
    first = ping(served, zone="a", weight=2.0, complete=False)
    assert (first.status, first.json["state"], first.json["created"]) == (201, "joining", True)
    watch.step()
    assert states(served) == {"n1": "joining"}
    version = ping(served, zone="a", weight=2.0).json["layout_version"]
    watch.step()
    again = ping(served, zone="a", weight=2.0)
    assert (again.status, again.json["state"], again.json["layout_version"]) == (200, "active", version + 1)
    [node] = get(served, "/layout")["nodes"]
    assert (node["zone"], node["weight"], node["url"]) == ("a", 2.0, "http://n1:7000")


def test_repeated_pings_leave_the_layout_alone(served: Served) -> None:
    versions = {ping(served, free=number).json["layout_version"] for number in range(3)}
    assert len(versions) == 1
    assert [node["free"] for node in get(served, "/active-nodes")["nodes"]] == [2]


def test_a_second_process_with_the_identity_of_a_live_one_is_refused(served: Served) -> None:
    ping(served, boots=4)
    copy = ping(served, boot="copy", boots=5, url="http://elsewhere:7000")
    assert (copy.status, copy.code, copy.error["details"]["reason"]) == (409, "conflict", "live")
    assert get(served, "/layout")["nodes"][0]["url"] == "http://n1:7000"
    assert ping(served, boots=4).status == 200


def test_a_later_start_at_the_same_address_takes_over_and_the_earlier_one_is_refused(served: Served) -> None:
    ping(served, boots=4)
    assert ping(served, boot="later", boots=5).status == 200
    earlier = ping(served, boots=4)
    assert (earlier.status, earlier.error["details"]["reason"]) == (409, "boots")


def test_a_node_may_move_once_its_former_process_is_silent(served: Served, clock: Clock) -> None:
    ping(served, boots=4)
    clock.pass_seconds(SILENT)
    assert ping(served, boot="later", boots=5, url="http://moved:7000").status == 200
    assert get(served, "/layout")["nodes"][0]["url"] == "http://moved:7000"
    assert ping(served, boots=4).status == 409


def test_a_start_that_does_not_count_on_is_refused_also_when_the_other_is_silent(served: Served, clock: Clock) -> None:
    ping(served, boots=4)
    clock.pass_seconds(SILENT)
    assert ping(served, boot="copy", boots=4).error["details"]["reason"] == "boots"


def test_two_nodes_have_two_addresses(served: Served) -> None:
    ping(served)
    second = ping(served, "n2", url="http://n1:7000")
    assert (second.status, second.error["details"]["reason"]) == (409, "url")
    assert states(served) == {"n1": "joining"}


def test_nodes_of_another_cluster_and_removed_ones_are_refused(served: Served) -> None:
    ping(served, cluster="one")
    assert ping(served, "n2", cluster="two").error["details"]["reason"] == "cluster"
    Layouts(served.core).set_state("n1", "removed")
    assert ping(served, cluster="one").error["details"]["reason"] == "removed"


def test_another_secret_is_named_at_the_node_and_by_the_doctor(
    served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other, address = "another-secret-of-nodes-0123456789abcdef", f"127.0.0.1:{served.port}"
    with closing(SignedClient(NodeKeys.derive(other))) as client:
        pinger = Pinger(
            client,
            (f"http://{address}",),
            told,
            has_disk=lambda: True,
            stopping=threading.Event(),
            refused=lambda _: None,
        )
        assert not pinger.ping()
    assert "FILES_NODES_SECRET" in caplog.text
    url = f"nodes://{address}"
    text, advice = check_nodes(settings_for(tmp_path / "d", FILES_BLOBS_URL=url, FILES_NODES_SECRET=other))
    assert "refuses the signature: the signature does not match this request; FILES_NODES_SECRET" in text
    assert "Set FILES_NODES_SECRET to that of the controllers" in advice


def test_a_silent_node_leaves_the_active_ones_and_keeps_its_places(served: Served, clock: Clock, watch: Watch) -> None:
    ping(served)
    ping(served, "n2")
    watch.step()
    clock.pass_seconds(SILENT)
    ping(served, "n2")
    watch.step()
    assert presence(served) == {"n2": "present"}
    assert watch.view.silent == {"n1"}
    assert states(served) == {"n1": "active", "n2": "active"}
    ping(served)
    assert presence(served) == {"n1": "present", "n2": "present"}


def test_a_controller_that_has_just_begun_takes_no_node_for_silent(served: Served, watch: Watch, clock: Clock) -> None:
    ping(served)
    clock.pass_seconds(10 * SILENT)
    watch.step()
    assert watch.view.silent == set()


def test_a_node_is_out_after_a_long_silence_until_a_census_has_cleared_it(
    served: Served, watch: Watch, clock: Clock
) -> None:
    names = {"n1", "n2", "n3", "n4"}

    def look(*silent: str, seconds: float = OUT) -> list[str]:
        clock.pass_seconds(seconds)
        for node_id in names - set(silent):
            ping(served, node_id)
        watch.step()
        out: list[str] = get(served, "/layout")["out"]
        return out

    for node_id in names:
        ping(served, node_id)
    watch.step()
    assert look("n1", seconds=OUT - 1) == []
    assert look("n1") == ["n1"]
    # More than a third are silent: the network may be at fault.
    assert look("n1", "n2") == ["n1"]
    assert look("n2") == ["n1", "n2"]
    assert watch.view.returning == {"n1"}
    assert presence(served) == {"n1": "returning", "n3": "present", "n4": "present"}
    watch.clear(frozenset({"n1"}))
    assert look() == ["n2"]
    assert set(states(served).values()) == {"active"}


def test_two_controllers_put_one_node_out_at_a_time(served: Served, watch: Watch, clock: Clock) -> None:
    layouts = Layouts(served.core)
    assert layouts.set_out(["n1"], instead_of=[])
    assert not layouts.set_out(["n2"], instead_of=[])
    assert layouts.out() == ["n1"]


@pytest.mark.parametrize("path", ["/active-nodes", "/layout"])
def test_operators_and_nodes_see_the_nodes_and_nobody_else_does(served: Served, path: str) -> None:
    assert served.request("GET", path, headers={"Authorization": f"Bearer {RPC_TOKEN}"}).status == 200
    assert served.request("GET", path, headers=signed("GET", path)).status == 200
    assert served.request("GET", path, headers=signed("GET", "/other")).status == 401
    assert served.request("GET", path, headers=bearer("ann")).status == 403
    assert served.request("GET", path).status == 401


def test_a_ping_needs_the_signature_of_its_body(served: Served) -> None:
    body = json.dumps(told()).encode()
    json_type = {"Content-Type": "application/json"}
    other = NodeKeys.derive("another-secret-of-nodes-0123456789abcdef")
    for headers in (
        {},
        {"Authorization": f"Bearer {RPC_TOKEN}"},
        signed("POST", "/ping", body + b" "),
        signed("POST", "/ping", body, other),
    ):
        assert served.request("POST", "/ping", body, {**headers, **json_type}).status == 401
    assert served.request("POST", "/ping", body, {**signed("POST", "/ping", body), **json_type}).status == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "a/b"),
        ("boots", "1"),
        ("boots", -1),
        ("url", "ftp://n1"),
        ("url", "http://n1/path"),
        ("url", "http://[n1"),
        ("weight", 0),
        ("weight", 1e9),
        ("zone", "\n"),
        ("complete", 1),
    ],
)
def test_a_wrong_field_is_named(served: Served, field: str, value: object) -> None:
    more: dict[str, Any] = {"node_id" if field == "id" else field: value}
    refused = ping(served, **more)
    assert (refused.status, refused.fields) == (400, [field])


def test_what_a_later_node_adds_is_left_out(served: Served) -> None:
    assert ping(served, new_field=[1]).status == 201


def test_without_a_secret_nobody_is_a_node(tmp_path: Path) -> None:
    with serving(core_of_nodes(tmp_path, nodes_secret="")) as served:
        assert ping(served).status == 401
