"""What a watcher decides to do: each leaf once, in time, within its purse; its own ends first."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.protocol.backing import Leaf
from tallystick.watch.judging import Finding, Standing
from tallystick.watch.plan import Challenge, Deed, DisputeStep, Situation, Step, plan

LONG = 1_000  # seconds of a window
BOND = 20


def found(batch: int, place: int = 0, standing: Standing = Standing.WRONG, **changes: Any) -> Finding:
    agreement = changes.pop("agreement", 100 * batch + place)
    leaf = Leaf(batch, place, agreement, changes.pop("units", 500), bytes(32), 0)
    return Finding(leaf, 1, standing, **changes)


def at(now: int, *batches: int, **changes: Any) -> Situation:
    """Each batch's window ends at second 1 000 x its number."""
    base = Situation(
        now=now,
        windows={number: (LONG * number, LONG) for number in batches},
        cancelled=frozenset(),
        blocked=frozenset(),
        tried=frozenset(),
        running={},
        moot=frozenset(),
        disputed=frozenset(),
        disputes={},
        bonds={1: BOND},
        dispute_bonds={},
        purse=10**9,
    )
    return base._replace(**changes)


def deeds(steps: list[Step]) -> list[tuple[str, tuple[int, int]]]:
    return [(step.deed.value, step.place) for step in steps]


def test_plan__wrong_leaf_in_its_window__is_challenged_with_the_policys_bond() -> None:
    steps = plan([found(1), found(1, 1, Standing.OK)], at(500, 1))
    assert deeds(steps) == [("challenge", (1, 0))]
    assert steps[0].bond == BOND


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        (1_000, {}),  # the window has just ended
        (500, {"tried": frozenset({(1, 0)})}),  # challenged before, whatever came of it
        (500, {"blocked": frozenset({(1, 0)})}),
        (500, {"cancelled": frozenset({1})}),
        (500, {"purse": BOND - 1}),
    ],
)
def test_plan__nothing_to_gain__no_challenge(now: int, changes: dict[str, Any]) -> None:
    assert plan([found(1)], at(now, 1, **changes)) == []


@pytest.mark.parametrize("standing", [Standing.OK, Standing.CLOSED, Standing.SIGNED, Standing.UNREADABLE])
def test_plan__leaf_that_is_not_wrong__is_left_alone(standing: Standing) -> None:
    assert plan([found(1, standing=standing)], at(500, 1)) == []


def test_plan__purse_for_two__those_whose_window_ends_first() -> None:
    steps = plan([found(3), found(2), found(1)], at(500, 1, 2, 3, purse=2 * BOND + 5))
    assert deeds(steps) == [("challenge", (1, 0)), ("challenge", (2, 0))]


@pytest.mark.parametrize(("now", "challenged"), [(749, False), (750, True), (999, True), (1_000, False)])
def test_plan__source_does_not_answer__challenged_in_the_last_quarter(now: int, challenged: bool) -> None:
    assert bool(plan([found(1, standing=Standing.UNSEEN)], at(now, 1))) is challenged


def test_plan__own_challenge_unanswered__voided_once_its_time_is_over() -> None:
    mine = {(1, 0): Challenge(True, BOND, 2_000)}
    assert plan([found(1)], at(1_999, 1, tried=frozenset({(1, 0)}), running=mine)) == []
    assert deeds(plan([found(1)], at(2_000, 1, tried=frozenset({(1, 0)}), running=mine))) == [
        ("void", (1, 0))
    ]


def test_plan__challenge_that_waits_for_a_place_or_is_anothers__is_waited_for() -> None:
    waiting = {(1, 0): Challenge(True, BOND, 0), (1, 1): Challenge(False, BOND, 10)}
    assert plan([], at(2_000, 1, running=waiting)) == []


def test_plan__challenge_without_object__dismissed_even_before_its_time_is_over() -> None:
    mine = {(1, 0): Challenge(True, BOND, 2_000)}
    for now in (500, 2_000):
        steps = plan([], at(now, 1, running=mine, moot=frozenset({(1, 0)})))
        assert deeds(steps) == [("dismiss", (1, 0))]


def test_plan__figure_above_the_truth__is_disputed_once() -> None:
    above = found(1, standing=Standing.OVERSTATED, units=500, agreement=9, truth=300)
    ready = at(5_000, 1, dispute_bonds={9: 75})  # also after the window: until the agreement is closed
    steps = plan([above, above._replace(leaf=above.leaf._replace(idx=1, units=600))], ready)
    assert [(step.deed, step.bond, step.finding) for step in steps] == [(Deed.DISPUTE, 75, above)]
    opened = ready._replace(disputes={(9, 500): DisputeStep(1, 2)})
    assert plan([above], opened) == []
    assert plan([above], ready._replace(disputed=frozenset({9}))) == []
    assert plan([above], ready._replace(purse=74)) == []


def test_plan__own_dispute_is_ruled__executed() -> None:
    steps = plan([], at(5_000, disputes={(9, 500): DisputeStep(3, 6), (8, 1): DisputeStep(2, 3)}))
    assert [(step.deed, step.number) for step in steps] == [(Deed.EXECUTE, 3)]
