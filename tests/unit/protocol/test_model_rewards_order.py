"""What no order of calls changes of the rewards: what is emitted, and that late checkpoints do not gain; the limits."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.protocol.rewards_bench import Bench, small

from tallystick.protocol.constants import DAY, TALLY_CAP

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a earns", "b earns", "a", "b", "both", "midnight", "overturn a", "lower"]),
        st.integers(1, 60),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from([(1_024, 50, 20), (7, 13, 13), (10**13, 40, 7)]))
def test_checkpoints__any_order__emit_what_f_says_below_the_cap(
    steps: list[tuple[str, int]], figures: tuple[int, int, int]
) -> None:
    """Only F and the rates that held count: fee after fee, by hand; and each day at most D."""
    rate, halving, daily = figures
    bench = small(rate, halving, daily)
    by_hand = 0
    for step, number in steps:
        counted = bench.rewards.counted
        match step.split():
            case [who, "earns"]:
                bench.earn(bench.a if who == "a" else bench.b, number)
            case ["overturn", _]:
                bench.overturn(bench.a, number)
            case ["midnight"]:
                bench.midnight(1 + number // 30)
            case ["lower"]:
                bench.rewards.lower_rate(bench.rewards.rate - 1, caller="admin")
                rate -= 1
            case ["both"]:
                bench.count(bench.b, bench.a)
            case _:
                bench.count(bench.a if step == "a" else bench.b)
        by_hand += sum(rate >> number // halving for number in range(counted, bench.rewards.counted))
        bench.check()
    assert bench.rewards.credited == by_hand < 2 * figures[0] * halving <= TALLY_CAP
    assert all(fees <= daily for fees in bench.rewards.counted_on.values())


LIVES = st.lists(
    st.tuples(
        st.sampled_from(["a earns", "b earns", "b counts", "midnight", "lower"]),
        st.integers(1, 60),
        st.booleans(),  # a is check-pointed behind it
    ),
    min_size=1,
    max_size=25,
)


def live(events: list[tuple[str, int, bool]], late: set[int]) -> Bench:
    """Both accounts' lives; a's checkpoints behind the events `late` are left out. All is counted at the end."""
    bench = small(rate=64, halving=50, daily=50)
    bench.rewards.daily_fees = 10**6  # no day fills up
    for place, (what, number, counts) in enumerate(events):
        match what:
            case "a earns":
                bench.earn(bench.a, number)
            case "b earns":
                bench.earn(bench.b, number)
            case "b counts":
                bench.count(bench.b)
            case "midnight":
                bench.midnight()
            case "lower":
                bench.rewards.lower_rate(bench.rewards.rate - 1, caller="admin")
        if counts and place not in late:
            bench.count(bench.a)
    bench.midnight()
    bench.count(bench.a)
    return bench


@settings(max_examples=200, deadline=None)
@given(LIVES, st.sets(st.integers(0, 24)))
def test_late_checkpoints__days_that_do_not_fill__never_gain(
    events: list[tuple[str, int, bool]], late: set[int]
) -> None:
    """Whatever b does and governance lowers, a's reward and what has vested of it at any time are at most the same."""
    in_time, delayed = live(events, set()), live(events, late)
    assert delayed.rewards.counted == in_time.rewards.counted
    assert delayed.lifetime(delayed.a)[0] == in_time.lifetime(in_time.a)[0]
    assert delayed.lifetime(delayed.a)[2] <= in_time.lifetime(in_time.a)[2]
    for days in range(12):
        now = in_time.now + days * DAY + 4_321
        assert delayed.rewards.claimable(delayed.a, now=now) <= in_time.rewards.claimable(in_time.a, now=now)


@settings(max_examples=100, deadline=None)
@given(LIVES, st.integers(1, 60), st.integers(1, 50))
def test_late_checkpoints__on_full_days__fees_that_wait_never_bring_more_later(
    events: list[tuple[str, int, bool]], waiting: int, daily: int
) -> None:
    """What waiting fees would bring now, in one, bounds what they ever bring, whatever happens meanwhile."""
    bench = small(rate=64, halving=50, daily=daily)
    bench.earn(bench.a, waiting)
    now_or_never = bench.rewards.emission(64, 0, waiting)
    for what, number, counts in events:
        match what:
            case "b earns":
                bench.earn(bench.b, number)
            case "midnight":
                bench.midnight()
            case "lower":
                bench.rewards.lower_rate(bench.rewards.rate - 1, caller="admin")
            case _:
                bench.count(bench.b)
        if counts:
            bench.count(bench.a)
    for _ in range(waiting):  # at least 1 µ a day
        bench.midnight()
        bench.count(bench.a)
    assert bench.lifetime(bench.a)[0] == waiting
    assert bench.lifetime(bench.a)[2] <= now_or_never


def test_late_checkpoint__that_fills_another_day__gains_a_day_which_anybody_prevents() -> None:
    """The limit of "late never gains": whoever counts late on a day that fills up pushes others behind itself.

    L = 20, D = 10. In time, a's 10 of the first day and 10 of the third are numbers 0 to 9 and 20 to 29, at 8
    and at 4. If nobody counts a's until the second day, b finds that day full, and a's next are numbers 10 to
    19, at 8. Nothing more is emitted for that, and a checkpoint by anybody on the first day prevents it.
    """

    def run(*, on_first_day: bool) -> tuple[int, int]:
        bench = small(rate=8, halving=20, daily=10)
        bench.earn(bench.a, 10)
        if on_first_day:
            bench.count(bench.a)
        bench.midnight()
        bench.count(bench.a)
        bench.credit(bench.b, 10)
        bench.midnight()
        bench.credit(bench.a, 10)
        bench.midnight()
        bench.count(bench.b)
        return bench.lifetime(bench.a)[2], bench.lifetime(bench.b)[2]

    assert run(on_first_day=True) == (80 + 40, 80)
    assert run(on_first_day=False) == (80 + 80, 40)


def test_late_checkpoint__of_work_ruled_bad_before_it_counts__spares_f_not_the_grants() -> None:
    """The other limit: counted bad fees stay in F. L = 10; 10 bad µ that count push the next 10 from 8 to 4.

    For what was counted it makes no difference when: as many of the newest leave before anything new counts.
    """

    def run(*, in_time: bool) -> tuple[int, int]:
        bench = small(rate=8, halving=10, daily=10)
        bench.earn(bench.a, 10)
        if in_time:
            bench.count(bench.a)
        bench.overturn(bench.a, 10)
        bench.midnight()
        bench.count(bench.a)
        bench.credit(bench.a, 10)
        return bench.lifetime(bench.a)[2], bench.rewards.forfeited

    assert run(in_time=True) == (40, 80)
    assert run(in_time=False) == (80, 0)
