"""The mark of the copy in the target, and refusal of a source or target that is not the one it was.

Nothing is copied, and so nothing removed, while source and target contradict each other: the source was emptied,
restored from an old backup or exchanged, or the target is the copy of another one. An operator accepts the source as it
is, once, with ``--accept-empty-source``; then the target is filled anew and loses what the source does not have.
"""

from __future__ import annotations

import logging

from storage_adapters import BEHIND, MARK, REFUSALS, UNMARKED, CheckpointConflict, CopyMark, copy_state
from syncer.backfill import Walk, hold_feed, set_mark
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.parity import is_equal

logger = logging.getLogger(__name__)

REFUSED_SECONDS = 2.0
_MOST_COMPARISONS = 20
ADVICE = "restore the right store, or fill the target anew: `python -m syncer backfill --accept-empty-source`"


class SourceRefused(Exception):
    """Source and target contradict each other; nothing is copied. The message has the remedy."""


class Guard:
    """Keeper of the mark. ``refusal`` is one of ``REFUSALS``, "" while copying is allowed."""

    def __init__(self, pair: Pair, metrics: Metrics, *, accepted: bool) -> None:
        self.refusal = ""
        self._pair, self._metrics, self._accepted = pair, metrics, accepted
        self._is_marked: bool | None = None
        self._comparisons = 0
        self._source = ""

    def allows(self) -> bool:
        """Compare source and target; return False while nothing may be copied. Begins a backfill that is needed.

        False also in the moment in which another process begins one: it is looked at again.
        """
        pair = self._pair
        state = copy_state(pair.source, pair.target, pair.consumer, pair.backfill_consumer)
        if state in REFUSALS and self._accepted:
            logger.warning("the source is accepted as it is", extra={"target": pair.name, "reason": REFUSALS[state]})
            if not self._fill_anew(prune=True):
                return False
            state = ""
        elif state == BEHIND or (state == UNMARKED and self._is_marked):
            logger.warning("the target lost changes; it is filled anew", extra={"target": pair.name})
            if not self._fill_anew(prune=False):
                return False
        self._accepted = False
        self._is_marked = state != UNMARKED
        self._source = pair.source.identity()
        self._show(state if state in REFUSALS else "")
        return not self.refusal

    def mark_equal(self) -> None:
        """Mark a target that was filled before there were marks, once it is equal; fill it anew if it never is."""
        if self._is_marked is not False:
            return
        if is_equal(self._pair):
            sequence = self._pair.source.checkpoint(self._pair.consumer)
            self._source = self._pair.source.identity(make=True)
            mark = CopyMark(source=self._source, checkpoint=sequence)
            self._is_marked = self._pair.target.write_note(MARK, expected="", text=mark.to_text())
            return
        self._comparisons += 1
        if self._comparisons == _MOST_COMPARISONS:
            self._comparisons = 0
            self._fill_anew(prune=False)

    def advance(self, sequence: str) -> None:
        """Move the mark to a sequence, before the checkpoint goes there; a target without a mark gets none here.

        Raises CheckpointConflict when the target is not the copy that it was, or another syncer moved the mark.
        """
        if not self._is_marked:
            return
        target, text = self._pair.target, self._pair.target.read_note(MARK)
        mark = CopyMark.from_text(text)
        moved = CopyMark(source=self._source, checkpoint=sequence)
        is_ours = mark is not None and mark.source == self._source
        if not is_ours or (mark != moved and not target.write_note(MARK, expected=text, text=moved.to_text())):
            raise CheckpointConflict("the target is not the copy that it was")

    def _show(self, refusal: str) -> None:
        if refusal and refusal != self.refusal:
            facts = {"source": self._pair.source_name, "target": self._pair.name, "reason": REFUSALS[refusal]}
            logger.error("the syncer stopped: nothing is copied or removed", extra=facts)
        self.refusal = refusal
        self._metrics.refused.set(bool(refusal))

    def _fill_anew(self, *, prune: bool) -> bool:
        """Begin a backfill in place of what there is; the feed is held before the checkpoint goes.

        Return False when another process does that in the same moment.
        """
        source, pair = self._pair.source, self._pair
        found = source.checkpoint(pair.backfill_consumer)
        try:
            walk = hold_feed(pair, found, prune=prune or (bool(found) and Walk.from_text(found).prune))
            if checkpoint := source.checkpoint(pair.consumer):
                source.move_checkpoint(pair.consumer, expected=checkpoint, sequence="")
            set_mark(pair, walk.started_at)
        except CheckpointConflict:
            logger.info("another process begins to fill the target", extra={"target": pair.name})
            return False
        return True
