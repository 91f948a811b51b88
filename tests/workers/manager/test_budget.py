"""What one person may ask for."""

import pytest

from funcnodes.workers.manager.budget import PEOPLE_KEPT, Budgets, OverBudget


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_has_spent_all_of_it_is_told_when_to_try_again() -> None:
    clock = Clock()
    budgets = Budgets(per_s=10, most=20, clock=clock)
    budgets.spend("a", 15)
    with pytest.raises(OverBudget, match=r"try again in 0\.5 s") as caught:
        budgets.spend("a", 10)
    assert caught.value.retry_after_s == 0.5
    assert caught.value.context["retry_after_s"] == 0.5
    budgets.spend("b", 20)
    clock.now += 0.5
    budgets.spend("a", 10)


def test_what_costs_nothing_always_passes() -> None:
    budgets = Budgets(per_s=1, most=1, clock=Clock())
    budgets.spend("a", 1)
    budgets.spend("a", 0)


def test_people_are_forgotten_rather_than_kept_for_ever() -> None:
    budgets = Budgets(clock=Clock())
    for number in range(PEOPLE_KEPT + 10):
        budgets.spend(str(number), 1)
    assert len(budgets._purses) == PEOPLE_KEPT
