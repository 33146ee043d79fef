"""Placement: shares, zones, few moves; the order of writers and readers; liveness."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from storage_adapters.blobs.nodes.protocol.layout import PARTITIONS, Layout, Node, _order, assigned, ranked, readers
from storage_adapters.blobs.nodes.protocol.liveness import Start, View, admits, cleared, look

KEYS = [f"key{number}" for number in range(2_000)]


def nodes(count: int, **fields: object) -> tuple[Node, ...]:
    return tuple(Node(f"node{number}", f"http://node{number}", **fields) for number in range(count))  # type: ignore[arg-type]


def shares(members: tuple[Node, ...], copies: int) -> Counter[str]:
    return Counter(node.node_id for number in range(PARTITIONS) for node in _order(members, copies, number)[:copies])


@pytest.mark.parametrize(("count", "most"), [(3, 0.03), (5, 0.04), (10, 0.08)])
def test_nodes_of_one_weight_have_shares_that_differ_little(count: int, most: float) -> None:
    found = shares(nodes(count), 2)
    mean = 2 * PARTITIONS / count
    assert max(abs(share - mean) / mean for share in found.values()) < most


def test_a_node_has_its_share_by_weight() -> None:
    members = (*nodes(4), Node("large", "http://large", weight=2.0))
    found = shares(members, 1)
    assert 1.8 < found["large"] / (sum(found[node.node_id] for node in nodes(4)) / 4) < 2.2


def test_one_more_node_moves_little_more_than_its_share() -> None:
    before, after = nodes(10), nodes(11)
    moved = sum(
        len(
            {node.node_id for node in _order(after, 2, number)[:2]}
            - {node.node_id for node in _order(before, 2, number)[:2]}
        )
        for number in range(PARTITIONS)
    )
    assert 0.08 < moved / (2 * PARTITIONS) < 0.105


def test_copies_lie_in_different_zones_while_there_are_enough() -> None:
    members = tuple(replace(node, zone=f"z{number % 2}") for number, node in enumerate(nodes(6)))
    for key in KEYS:
        first, second = assigned(Layout(1, 2, 2, members), key)
        assert first.zone != second.zone
    assert all(len(assigned(Layout(1, 3, 2, members), key)) == 3 for key in KEYS)


def test_only_active_nodes_get_chunks_and_all_but_removed_ones_are_read() -> None:
    states = ("active", "draining", "joining", "removed", "active")
    layout = Layout(1, 2, 2, tuple(replace(node, state=state) for node, state in zip(nodes(5), states, strict=True)))  # type: ignore[arg-type]
    for key in KEYS[:100]:
        assert {node.node_id for node in ranked(layout, key)} == {"node0", "node4"}
        assert [node.node_id for node in readers(layout, key)][2:] == ["node1", "node2"]


def test_a_node_that_is_out_gets_nothing_and_the_others_keep_what_they_have() -> None:
    layout = Layout(1, 2, 2, nodes(4))
    for key in KEYS[:200]:
        before = {node.node_id for node in assigned(layout, key)}
        after = {node.node_id for node in assigned(layout, key, {"node2"})}
        assert "node2" not in after
        assert before - {"node2"} <= after


def test_one_node_goes_out_at_a_time_and_none_while_a_third_is_silent() -> None:
    layout = Layout(1, 2, 2, nodes(6))
    view = look(View(layout), layout, dict.fromkeys((f"node{number}" for number in range(5)), 0.0) | {"node5": 1_801.0})
    only = frozenset({"node5"})
    assert (view.silent, view.out, view.returning) == (only, only, frozenset())
    quiet = dict.fromkeys((f"node{number}" for number in range(4)), 0.0) | {"node4": 1_801.0, "node5": 3_000.0}
    assert look(view, layout, quiet).out == {"node5"}
    assert look(View(layout), layout, quiet).out == {"node5"}
    assert look(View(layout), layout, quiet | {"node3": 60.0}).out == frozenset()


def test_a_node_that_was_out_returns_and_is_no_source_until_a_census_cleared_it() -> None:
    layout = Layout(1, 2, 2, nodes(4))
    away = View(layout, frozenset({"node1"}), frozenset({"node1"}))
    back = look(away, layout, dict.fromkeys((f"node{number}" for number in range(4)), 1.0))
    only = frozenset({"node1"})
    assert (back.out, back.returning) == (only, only)
    assert not back.may_give("node1")
    assert cleared(back, frozenset({"node1"})) == View(layout)
    assert cleared(away, frozenset({"node1"})) == away


def test_a_copied_folder_is_refused() -> None:
    known = Start(4, "boot-a")
    assert admits(None, known, known_is_active=False)
    assert admits(known, known, known_is_active=True)
    assert admits(known, Start(5, "boot-b"), known_is_active=False)
    assert not admits(known, Start(5, "boot-b"), known_is_active=True)
    assert not admits(known, Start(4, "boot-b"), known_is_active=False)
