"""The watch over the nodes: silence, nodes that are out, and nodes that have joined. Every controller may run it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from files_service.core import Core
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.controller.liveness import Liveness
from files_service.nodes.controller.members import Member, Presence, members, set_presence
from files_service.nodes.controller.registration import ACTIVE_SECONDS
from storage_adapters.blobs.nodes.protocol.layout import Layout

logger = logging.getLogger(__name__)

OUT_AFTER_SECONDS = 1_800
LOOK_SECONDS = 5.0
# Beyond this share of silent nodes, the network is more likely at fault than so many nodes.
_MOST_SILENT = 3


class Watch:
    """The watch. ``out_after_seconds`` of silence make a node one in whose place others get copies."""

    def __init__(
        self, core: Core, layouts: Layouts, liveness: Liveness, *, out_after_seconds: float = OUT_AFTER_SECONDS
    ) -> None:
        self._core, self._layouts, self._liveness = core, layouts, liveness
        self._out_after = out_after_seconds

    def step(self) -> float:
        """Look at all nodes once; return the seconds to wait."""
        layout, found = self._layouts.load(), members(self._core)
        registered = {node.node_id for node in layout.registered}
        found = {node_id: member for node_id, member in found.items() if node_id in registered}
        silence = self._liveness.observe_all(found)
        for node_id, member in found.items():
            if silence[node_id] < ACTIVE_SECONDS or member.presence is Presence.SILENT:
                continue
            # Written down, so that whichever controller gets its next ping knows that it was away.
            if set_presence(self._core, node_id, Presence.SILENT, sequence=member.sequence):
                logger.warning("node is silent", extra={"node": node_id, "url": member.ping.url})
        self._let_in(layout, found, silence)
        self._decide_out(layout, found, silence)
        return LOOK_SECONDS

    def _let_in(self, layout: Layout, found: Mapping[str, Member], silence: Mapping[str, float]) -> None:
        """Make joining nodes active once their inventory is complete."""
        for node in layout.nodes:
            member = found.get(node.node_id)
            if node.state != "joining" or member is None or silence[node.node_id] >= ACTIVE_SECONDS:
                continue
            if member.ping.complete and not member.ping.read_only:
                self._layouts.set_state(node.node_id, "active")
                logger.info("node is active", extra={"node": node.node_id, "zone": node.zone})

    def _decide_out(self, layout: Layout, found: Mapping[str, Member], silence: Mapping[str, float]) -> None:
        out = self._layouts.out()
        chosen = choose_out(layout, found, silence, out=out, out_after_seconds=self._out_after)
        if chosen != out and self._layouts.set_out(chosen, instead_of=out):
            logger.warning("another node is out" if chosen else "no node is out", extra={"node": chosen or out})


def choose_out(
    layout: Layout,
    found: Mapping[str, Member],
    silence: Mapping[str, float],
    *,
    out: str,
    out_after_seconds: float,
) -> str:
    """Return the node that is out, "" for none: one at a time, and none while more than a third is silent.

    A node that is out stays so until it pings.
    """
    active = [node.node_id for node in layout.nodes if node.state == "active"]
    silent = [each for each in active if each not in found or found[each].presence is Presence.SILENT]
    if len(silent) * _MOST_SILENT > len(active):
        return ""
    if out in silent:
        return out
    due = [each for each in silent if silence.get(each, 0.0) >= out_after_seconds]
    return max(due, key=lambda each: (silence[each], each), default="")
