"""What many take together is bounded, and who waits gets it in turn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from files_service.gateway.transfer.memory_budget import Holder, MemoryBudget, Share


class Noting(Holder):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.went_on: list[Share] = []
        self.hurried: list[Share] = []

    def go_on(self, share: Share) -> None:
        self.went_on.append(share)

    def hurry(self, share: Share) -> None:
        self.hurried.append(share)


def had(share: Share) -> bool:
    return share.since is not None


def test_who_came_first_is_served_first_whatever_the_others_need() -> None:
    budget, holder = MemoryBudget(10, lambda: 1.0), Noting()
    first, large, small = (budget.take(size, holder) for size in (6, 6, 1))
    assert [had(each) for each in (first, large, small)] == [True, False, False]
    budget.give_back(first)
    assert holder.went_on == [large, small]
    assert budget.taken == 7


def test_who_gives_up_waiting_makes_way() -> None:
    budget, holder = MemoryBudget(10, lambda: 1.0), Noting()
    budget.take(6, holder)
    large, small = budget.take(6, holder), budget.take(4, holder)
    budget.give_back(large)
    budget.give_back(large)
    assert holder.went_on == [large, small]
    assert (had(large), had(small), budget.taken) == (False, True, 10)


def test_nobody_needs_more_than_there_is() -> None:
    budget = MemoryBudget(10, lambda: 1.0)
    assert had(budget.take(11, Noting()))
    assert budget.taken == 10


def test_only_those_are_hurried_who_have_had_it_for_long_while_others_wait() -> None:
    now = [1.0]
    budget, holder = MemoryBudget(10, lambda: now[0]), Noting()
    old = budget.take(4, holder)
    now[0] = 5.0
    budget.take(4, holder)
    budget.hurry(3.0)
    assert holder.hurried == []
    budget.take(4, holder)
    budget.hurry(3.0)
    assert holder.hurried == [old]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), max_size=40))
def test_it_is_never_overdrawn_and_everybody_gets_a_turn(deeds: list[tuple[int, int]]) -> None:
    budget, holder = MemoryBudget(10, lambda: 1.0), Noting()
    shares: list[Share] = []
    for size, which in deeds:
        shares.append(budget.take(size, holder))
        if which < len(shares):
            budget.give_back(shares.pop(which))
        assert budget.taken == sum(share.size for share in shares if had(share)) <= 10
    for share in shares:
        budget.give_back(share)
    assert budget.taken == 0
    assert not budget._waiting


def test_the_user_with_the_least_is_next_and_the_last_of_it_is_for_those_without_any() -> None:
    budget, holder = MemoryBudget(10, lambda: 1.0, reserve=2), Noting()
    many = [budget.take(2, holder, "peer a", "owner a") for _ in range(6)]
    assert [had(each) for each in many] == [True] * 4 + [False] * 2
    same_peer = budget.take(2, holder, "peer a", "owner b")
    assert not had(same_peer)
    other = budget.take(2, holder, "peer b", "owner b")
    assert had(other)
    late = budget.take(2, holder, "peer b", "owner b")
    budget.give_back(many[0])
    assert not had(late), "what is left is for those without any"
    budget.give_back(many[1])
    assert (had(late), had(many[4]), had(same_peer)) == (True, False, False)
    for share in (*many[2:4], other):
        budget.give_back(share)
    assert all(map(had, (many[4], many[5], same_peer)))


def test_a_user_is_counted_once_for_each_share() -> None:
    budget = MemoryBudget(10, lambda: 1.0, reserve=2)
    for _ in range(3):
        budget.give_back(budget.take(8, Noting(), "peer a", "owner a"))
    assert had(budget.take(8, Noting(), "peer a", "owner a"))
    assert budget.taken == 8
