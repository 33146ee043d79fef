"""The partitions of the change feed that a worker has: files are divided among workers by their ids.

1. A partition is worked on by the holder of its lease alone. A lease that is not renewed in time is free.
2. A worker shows that it is there by one lease out of as many as there are partitions; more workers wait.
3. Each worker takes free partitions up to its fair share, and gives back those beyond it between two batches.
4. A lease of a worker whose clock was ahead ends too late. Others ask for it, so that the store bounds its end.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable

from files_service.core import Core
from files_service.runtime.lease import Lease
from storage_adapters import SupportsLeases

PARTITIONS = 8
LEASE_SECONDS = 5
LOOK_MS = 1_000


def partition_of(file_id: str) -> int:
    """Return the partition of a file."""
    return zlib.crc32(file_id.encode()) % PARTITIONS


class Partitions:
    """The partitions of one consumer at one worker.

    ``first_lease`` is the name of the lease of partition 0: that of a consumer of an earlier release, which is so kept
    from running beside this one.
    """

    def __init__(self, core: Core, consumer: str, *, holder: str, first_lease: str) -> None:
        self._store, self._clock, self._timer, self._holder = core.metadata, core.clock, core.timer, holder
        places = [first_lease, *(f"{consumer}-{number}" for number in range(1, PARTITIONS))]
        members = [f"{consumer}-worker-{number}" for number in range(PARTITIONS)]
        self._leases, self._members = self._leases_of(places), self._leases_of(members)
        self._mine: set[int] = set()
        self._member: int | None = None
        self._looked_at: int | None = None

    def held(self) -> frozenset[int]:
        """Return the partitions that this worker has now, after it took, renewed and gave back what it should."""
        if not isinstance(self._store, SupportsLeases):
            return frozenset(range(PARTITIONS))
        self.still_held(self._mine)
        self._mine = {number for number in self._mine if self._leases[number].is_fresh()}
        now = self._timer()
        if not self._mine or self._looked_at is None or not 0 <= now - self._looked_at < LOOK_MS:
            self._looked_at = now
            self._balance(self._store)
        return frozenset(self._mine)

    def still_held(self, numbers: Collection[int]) -> bool:
        """Return True when these partitions are held for at least half of a lease; renew where needed."""
        due = [self._leases[number] for number in numbers if not self._leases[number].is_fresh()]
        return not due or all(due[0].renew_all(due))

    def give_up(self) -> None:
        """Release all leases, so that other workers continue at once."""
        self._give_back(list(self._mine))
        if self._member is not None:
            self._members[self._member].release()
        self._member = self._looked_at = None

    def _balance(self, store: SupportsLeases) -> None:
        self._bound(store)
        members = self._holders(store, self._members)
        if self._member is None or not self._members[self._member].held():
            free = (number for number, holder in enumerate(members) if holder in ("", self._holder))
            self._member = next((number for number in free if self._members[number].held()), None)
        if self._member is None:
            self._give_back(list(self._mine))
            return
        others = len({*members} - {"", self._holder})
        share = -(-PARTITIONS // (others + 1))
        self._give_back(sorted(self._mine)[share:])
        for number, holder in enumerate(self._holders(store, self._leases)):
            if len(self._mine) < share and holder in ("", self._holder) and self._leases[number].held():
                self._mine.add(number)

    def _bound(self, store: SupportsLeases) -> None:
        """Ask for leases of others that last longer than a lease does. Those of live workers stay theirs."""
        leases = [*self._members.values(), *self._leases.values()]
        later = self._clock() + LEASE_SECONDS * 1000
        for lease, holder in zip(leases, store.lease_holders([each.name for each in leases], now=later), strict=True):
            if holder not in ("", self._holder) and lease.renew():
                # Released since it was looked at; it is taken below, if there is room.
                lease.release()

    def _give_back(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._mine.discard(number)
            self._leases[number].release()

    def _holders(self, store: SupportsLeases, leases: dict[int, Lease]) -> list[str]:
        return store.lease_holders([lease.name for lease in leases.values()], now=self._clock())

    def _leases_of(self, names: Iterable[str]) -> dict[int, Lease]:
        return {
            number: Lease(
                self._store, name, holder=self._holder, seconds=LEASE_SECONDS, clock=self._clock, timer=self._timer
            )
            for number, name in enumerate(names)
        }
