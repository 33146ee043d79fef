"""The watch over the nodes: silence, nodes that are out, and nodes that have joined. Every controller may run it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from files_service.core import Core
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.controller.liveness import Liveness
from files_service.nodes.controller.members import Member, members
from storage_adapters.blobs.nodes.protocol.layout import Layout
from storage_adapters.blobs.nodes.protocol.liveness import ACTIVE_SECONDS, OUT_AFTER_SECONDS, View, cleared, look

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


class Watch:
    """The watch of one controller. ``view`` is what it saw last; ``out_after`` are seconds of silence."""

    def __init__(
        self, core: Core, layouts: Layouts, liveness: Liveness, *, out_after: float = OUT_AFTER_SECONDS
    ) -> None:
        self._core, self._layouts, self._liveness, self._out_after = core, layouts, liveness, out_after
        # Nothing is asked before the first look.
        self.view = View(layouts.empty)
        self.members: dict[str, Member] = {}

    def step(self) -> float:
        """Look at all nodes once; return the seconds to wait."""
        layout, self.members = self._layouts.load(), members(self._core)
        silence = self._liveness.observe_all(self.members)
        layout = self._let_in(layout, silence)
        before = frozenset(self._layouts.out())
        view = look(View(layout, out=before), layout, silence, out_after=self._out_after)
        if view.out != before and not self._layouts.set_out(view.out, instead_of=before):
            # Another controller has decided; the next look begins with its word.
            return 0.0
        self._tell(view)
        self.view = view
        return LOOK_SECONDS

    def clear(self, node_ids: frozenset[str]) -> None:
        """Take nodes back that a complete census has looked at."""
        before = frozenset(self._layouts.out())
        after = cleared(View(self.view.layout, out=before, returning=before), node_ids).out
        if after != before:
            self._layouts.set_out(after, instead_of=before)

    def _let_in(self, layout: Layout, silence: Mapping[str, float]) -> Layout:
        """Make joining nodes active once their inventory is complete; return the layout after that."""
        for node in layout.nodes:
            member = self.members.get(node.node_id)
            if node.state != "joining" or member is None or silence[node.node_id] > ACTIVE_SECONDS:
                continue
            if member.ping.complete and not member.ping.read_only:
                layout = self._layouts.set_state(node.node_id, "active")
                logger.info("node is active", extra={"node": node.node_id, "zone": node.zone})
        return layout

    def _tell(self, view: View) -> None:
        for word, now, before in (
            ("silent", view.silent, self.view.silent),
            ("out", view.out, self.view.out),
            ("returning", view.returning, self.view.returning),
        ):
            for node_id in now - before:
                logger.warning("node is %s", word, extra={"node": node_id})
