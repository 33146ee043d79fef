"""What a store with ``SupportsLeases`` must do: one holder at a time."""

from __future__ import annotations

from storage_adapters import SupportsLeases
from tests.contract.blob_scenes import in_threads
from tests.contract.metadata_scenes import NOW


class LeasesContract:
    """The capability ``SupportsLeases``."""

    def test_a_free_lease_is_taken_and_others_wait_until_its_time_is_over(self, store: SupportsLeases) -> None:
        assert store.acquire_lease("sweeper", holder="a", now=NOW, until=NOW + 10)
        assert not store.acquire_lease("sweeper", holder="b", now=NOW, until=NOW + 99)
        assert not store.acquire_lease("sweeper", holder="b", now=NOW + 9, until=NOW + 99)
        assert store.acquire_lease("sweeper", holder="b", now=NOW + 10, until=NOW + 20)
        assert not store.acquire_lease("sweeper", holder="a", now=NOW + 10, until=NOW + 20)

    def test_the_holder_prolongs_its_lease(self, store: SupportsLeases) -> None:
        assert store.acquire_lease("sweeper", holder="a", now=NOW, until=NOW + 10)
        assert store.acquire_lease("sweeper", holder="a", now=NOW + 5, until=NOW + 20)
        assert not store.acquire_lease("sweeper", holder="b", now=NOW + 15, until=NOW + 30)

    def test_a_released_lease_is_free(self, store: SupportsLeases) -> None:
        assert store.acquire_lease("sweeper", holder="a", now=NOW, until=NOW + 10)
        store.release_lease("sweeper", holder="a")
        assert store.acquire_lease("sweeper", holder="b", now=NOW, until=NOW + 10)

    def test_nobody_releases_a_lease_of_another(self, store: SupportsLeases) -> None:
        assert store.acquire_lease("sweeper", holder="a", now=NOW, until=NOW + 10)
        store.release_lease("sweeper", holder="b")
        store.release_lease("unknown", holder="b")
        assert not store.acquire_lease("sweeper", holder="b", now=NOW, until=NOW + 10)

    def test_leases_of_different_names_are_apart(self, store: SupportsLeases) -> None:
        assert store.acquire_lease("sweeper", holder="a", now=NOW, until=NOW + 10)
        assert store.acquire_lease("relay", holder="b", now=NOW, until=NOW + 10)

    def test_the_holders_of_leases_are_told_until_these_expire(self, store: SupportsLeases) -> None:
        assert store.acquire_lease("sweeper", holder="a b", now=NOW, until=NOW + 10)
        assert store.acquire_lease("relay", holder="c", now=NOW, until=NOW + 20)
        assert store.acquire_lease("gone", holder="d", now=NOW, until=NOW + 20)
        store.release_lease("gone", holder="d")
        names = ["relay", "none", "sweeper", "gone"]
        assert store.lease_holders(names, now=NOW + 9) == ["c", "", "a b", ""]
        assert store.lease_holders(names, now=NOW + 10) == ["c", "", "", ""]

    def test_of_several_leases_those_are_taken_that_nobody_else_has(self, store: SupportsLeases) -> None:
        assert store.acquire_lease("second", holder="a", now=NOW, until=NOW + 10)
        names = ["first", "second", "third"]
        assert store.acquire_leases(names, holder="b", now=NOW, until=NOW + 20) == [True, False, True]
        assert store.lease_holders(names, now=NOW) == ["b", "a", "b"]
        assert store.acquire_leases(names, holder="b", now=NOW + 10, until=NOW + 30) == [True, True, True]

    def test_of_concurrent_takers_exactly_one_wins(self, store: SupportsLeases) -> None:
        for start in (NOW, NOW + 10, NOW + 20):
            taken = in_threads(
                8,
                lambda number, start=start: store.acquire_lease(  # type: ignore[misc]
                    "sweeper", holder=f"{start}-{number}", now=start, until=start + 10
                ),
            )
            assert sorted(taken, key=bool) == [False] * 7 + [True]

    def test_a_lease_that_was_written_by_a_clock_ahead_ends_one_length_after_the_first_refusal(
        self, store: SupportsLeases
    ) -> None:
        assert store.acquire_lease("sweeper", holder="dead", now=NOW + 10**9, until=NOW + 10**9 + 10)
        assert not store.acquire_lease("sweeper", holder="b", now=NOW, until=NOW + 10)
        assert not store.acquire_lease("sweeper", holder="b", now=NOW + 9, until=NOW + 19)
        assert store.acquire_lease("sweeper", holder="b", now=NOW + 10, until=NOW + 20)

    def test_a_living_holder_whose_clock_is_ahead_keeps_its_lease_by_renewing_it(self, store: SupportsLeases) -> None:
        for passed in range(0, 50, 5):
            ahead = NOW + 10**9 + passed
            assert store.acquire_lease("sweeper", holder="ahead", now=ahead, until=ahead + 10)
            assert not store.acquire_lease("sweeper", holder="b", now=NOW + passed, until=NOW + passed + 10)
