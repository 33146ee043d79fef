"""The census: replicator, trimmer and garbage collector in one loop.

1. Take the next epoch; every node that gives its inventory refuses earlier ones from then on. 2. Read all inventories,
afterwards the wanted names. 3. Join them. 4. Repair. 5. Only when all nodes were complete and nothing failed: confirm
losses, trim surplus copies, move garbage to the trash. An error voids 5, not 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from storage_adapters.blobs.nodes.protocol import ledger, repair, snapshot, trimming
from storage_adapters.blobs.nodes.protocol.effects import Step, Wanted
from storage_adapters.blobs.nodes.protocol.errors import ProtocolError
from storage_adapters.blobs.nodes.protocol.join import Joined, join, under_replicated
from storage_adapters.blobs.nodes.protocol.liveness import View
from storage_adapters.blobs.nodes.protocol.trimming import Limits


@dataclass(frozen=True, slots=True)
class Report:
    """Outcome of a census.

    ``complete``: every registered node gave a complete inventory. ``cleared`` nodes are no longer returning.
    ``repairs`` counts the chunks that lacked a copy, ``under_replicated`` those with too few copies after the repairs.
    ``held_back``: copies of each node that wait for a confirmation. ``error`` ended the census early.
    """

    epoch: int
    complete: bool = False
    wanted: int = 0
    repairs: int = 0
    failed_repairs: int = 0
    under_replicated: int = 0
    lost: tuple[Wanted, ...] = ()
    unavailable: tuple[Wanted, ...] = ()
    trimmed: int = 0
    trashed: int = 0
    candidates: int = 0
    held_back: dict[str, int] = field(default_factory=dict)
    cleared: frozenset[str] = frozenset()
    error: ProtocolError | None = None


def run(view: View, limits: Limits | None = None, *, confirmed: bool = False) -> Step[Report]:
    """Run one census. Raises Overtaken or Unreachable when it has not even begun; later errors are in the report."""
    begun: ledger.Begun = yield from ledger.begin()
    report = Report(begun.epoch)
    try:
        found = yield from snapshot.take(view, begun.epoch)
        joined = join(view, found)
        report = replace(report, complete=found.complete, wanted=len(found.wanted), repairs=len(joined.repairs))
        report = yield from _repair(view, joined, report)
        report = replace(report, unavailable=tuple(joined.unavailable), candidates=len(joined.unwanted))
        if found.complete:
            report = yield from _destroy(view, begun, found, joined, report, limits or Limits(), confirmed=confirmed)
    except ProtocolError as error:
        return replace(report, error=error)
    return report


def _repair(view: View, joined: Joined, report: Report) -> Step[Report]:
    """Make the missing copies, and count what is left to do."""
    made = yield from repair.repair(view, joined.repairs)
    failed = sum(len(case.missing) for case in joined.repairs) - sum(made)
    return replace(report, failed_repairs=failed, under_replicated=under_replicated(view, joined, made))


def _destroy(
    view: View,
    begun: ledger.Begun,
    found: snapshot.Snapshot,
    joined: Joined,
    report: Report,
    limits: Limits,
    *,
    confirmed: bool,
) -> Step[Report]:
    """Do what needs the word of all nodes. The next census may trash what this one keeps as candidates."""
    lost, uncertain = yield from repair.confirm_lost(view, joined.lost, begun.epoch)
    report = replace(report, lost=tuple(lost), unavailable=report.unavailable + tuple(uncertain))
    report = replace(report, trimmed=(yield from trimming.trim(view, joined.surplus, begun.epoch, limits)))
    verdict = trimming.judge(joined.unwanted, begun.previous, found, limits, confirmed=confirmed)
    report = replace(report, held_back=verdict.held_back)
    report = replace(report, trashed=(yield from trimming.discard(verdict.copies, begun.epoch)))
    yield from ledger.finish(begun.epoch, joined.unwanted)
    return replace(report, cleared=view.returning)
