"""Who is paid and who loses: five seats, penalty 25 dollars, 1 000 units attacked, 200 claimed, so 80 apart agree."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.escrow import MALLORY
from tests.support.evm import Account, account, reverts
from tests.support.jury import MIN_DEPOSIT, PENALTY, SECOND, Bench, open_bench
from tests.support.system import DOLLAR

START = 1_000 * DOLLAR  # each juror's deposit


def play(bench: Bench, votes: Sequence[int | None]) -> list[Account]:
    """Draws dispute 1 and votes; None is silent after its commitment. Returns who sat."""
    bench.dispute()
    seated = bench.draw()
    named = [(who, 200 if units is None else units) for who, units in zip(seated, votes, strict=False)]
    silent = [who for who, units in zip(seated, votes, strict=False) if units is None]
    bench.vote(named, silent=silent)
    bench.to(step="reveal")
    return seated


@pytest.mark.parametrize(
    ("votes", "lost", "count", "each", "carried"),
    [
        # All agree: nobody loses.
        ([200] * 5, [0, 0, 0, 0, 0], 5, 0, 0),
        # Two in the minority lose 50 to three: 16.666666 each, 2 µ are carried.
        ([200, 200, 200, 1_000, 1_000], [0, 0, 0, 1, 1], 3, 16_666_666, 2),
        # One silent, one in the minority.
        ([1_000, None, 1_000, 200, 1_000], [0, 1, 0, 1, 0], 3, 16_666_666, 2),
        # Within 80 of the median of 500 agrees, 81 beyond it does not.
        ([420, 580, 500, 419, 581], [0, 0, 0, 1, 1], 3, 16_666_666, 2),
        # Scattered: only two of five agree with the median of 500, so nobody is in a minority.
        ([500, 500, 700, 300, 900], [0, 0, 0, 0, 0], 5, 0, 0),
        # A tie of two and two goes to the attacked figure, without a majority: only the silent pays, 6.25 to each.
        ([200, 200, 1_000, 1_000, None], [0, 0, 0, 0, 1], 4, 6_250_000, 0),
        # Three votes are a ruling; two silent pay the two that agree and not the third.
        ([200, 200, 1_000, None, None], [0, 0, 1, 1, 1], 2, 37_500_000, 0),
        # No quorum: the silent pay those who revealed, whatever they said.
        ([200, 1_000, None, None, None], [0, 0, 1, 1, 1], 2, 37_500_000, 0),
        ([600, None, None, None, None], [0, 1, 1, 1, 1], 1, 100_000_000, 0),
        # All silent: it waits for the next panel.
        ([None] * 5, [1, 1, 1, 1, 1], 0, 0, 125_000_000),
    ],
)
def test_settle__votes__pay_the_majority_out_of_minority_and_silent(
    votes: list[int | None], lost: list[int], count: int, each: int, carried: int
) -> None:
    bench = open_bench(5)
    seated = play(bench, votes)
    settled = bench.settle()
    assert [START - bench.juror(who)["deposit"] for who in seated] == [PENALTY * one for one in lost]
    assert [bench.credit(who) for who in seated] == [0 if one else each for one in lost]
    assert (settled["paid"], settled["each"], settled["carried"]) == (count, each, carried)
    assert count * each + carried == PENALTY * sum(lost)
    assert [bench.juror(who)["seats"] for who in seated] == [0] * 5
    assert bench.books() == (5 * START, 5 * START)


def test_settle__never_committed__is_silent_too() -> None:
    bench = open_bench(5)
    bench.dispute()
    seated = bench.draw()
    bench.vote([(who, 200) for who in seated[:4]])
    receipt = bench.jury.transact("settle", 1, 1, sender=MALLORY)
    assert receipt.event("Penalised").args == {
        "dispute": 1, "round": 1, "juror": seated[4].address, "amount": 25_000_000,
    }  # fmt: skip
    assert bench.credit(seated[0]) == 6_250_000


def test_settle__what_was_carried__goes_to_the_next_panel_that_pays() -> None:
    bench = open_bench(5)
    play(bench, [None] * 5)
    bench.settle()
    bench.dispute(2)
    seated = bench.draw(2)
    bench.vote([(who, 1_000) for who in seated], 2)
    assert bench.settle(2)["each"] == 25 * DOLLAR
    assert bench.jury.call("carried") == 0


def test_settle__twice__is_refused() -> None:
    bench = open_bench(5)
    play(bench, [200] * 5)
    bench.settle()
    with reverts("Jury_AlreadySettled", dispute=1, round=1):
        bench.settle()


def test_settle__nobody_draws__ends_with_the_time_for_it() -> None:
    bench = open_bench(5)
    start = bench.dispute()["rulingStart"]
    bench.catch()
    bench.evm.warp_to(start + 43_199)
    with reverts("Jury_Undecided"):
        bench.settle()
    bench.evm.warp(1)
    assert bench.settle()["ruled"] is False
    with reverts("Jury_NotNow"):
        bench.jury.transact("draw", 1, 1, sender=MALLORY)


def test_settle__deposit_below_the_minimum__is_drawn_no_more_until_it_is_filled_up() -> None:
    bench = open_bench(4)
    small = account("small")
    operator = bench.enlist(small, MIN_DEPOSIT)
    bench.evm.warp(86_400)
    bench.dispute()
    seated = bench.draw()
    bench.vote([(who, 200) for who in seated if who is not small])
    bench.settle()
    assert bench.juror(small)["deposit"] == 475 * DOLLAR
    bench.evm.warp(86_400)
    assert bench.jury.call("weights", small.address) == (4_000 * DOLLAR, 0)
    bench.desk.system.mint(small, 25 * DOLLAR)
    bench.jury.transact("deposit", operator, 25 * DOLLAR, sender=small)
    bench.evm.warp(86_400)
    assert bench.jury.call("weights", small.address) == (4_500 * DOLLAR, 500 * DOLLAR)


def test_settle__a_penalty__lowers_the_weight_from_tomorrow_on() -> None:
    bench = open_bench(5)
    bench.dispute()
    seated = bench.draw()
    bench.vote([(who, 200) for who in seated[:4]])
    bench.settle()
    loser = seated[4].address
    assert bench.jury.call("weights", loser) == (5 * START, START)
    bench.evm.warp(86_400)
    assert bench.jury.call("weights", loser) == (5 * START - PENALTY, START - PENALTY)


def test_settle__an_inactive_jurors_seat__still_ends() -> None:
    """It stopped being a verifier between draw and vote, and is silent: its deposit pays all the same."""
    bench = open_bench(5)
    bench.dispute()
    seated = bench.draw()
    gone = seated[0]
    bench.desk.system.staking.transact("unstake", bench.juror(gone)["operator"], 2_000 * DOLLAR, sender=gone)
    bench.jury.transact("resign", sender=gone)
    bench.vote([(who, 200) for who in seated[1:]])
    bench.settle()
    assert bench.juror(gone)["deposit"] == START - PENALTY
    assert bench.credit(seated[1]) == 6_250_000


# Fees


def test_share_fee__after_the_ruling_was_carried_out__pays_the_majority_equally() -> None:
    """25 dollars by three: 8.333333 each, 1 µ is carried."""
    bench = open_bench(5)
    seated = play(bench, [200, 200, 200, 1_000, 1_000])
    bench.settle()
    before = [bench.credit(who) for who in seated]
    with reverts("Jury_NothingToShare", dispute=1, round=1):
        bench.jury.transact("shareFee", 1, 1, sender=MALLORY)
    bench.pay_fee(25 * DOLLAR)
    receipt = bench.jury.transact("shareFee", 1, 1, sender=MALLORY)
    assert receipt.result == 8_333_333
    gained = [bench.credit(who) - b for who, b in zip(seated, before, strict=True)]
    assert gained == [8_333_333] * 3 + [0] * 2
    assert receipt.event("FeesTaken").args["amount"] == 25 * DOLLAR
    assert receipt.event("FeeShared").args["amount"] == 25 * DOLLAR
    assert bench.jury.call("carried") == 2 + 1
    assert bench.books() == (5 * START + 25 * DOLLAR, 5 * START + 25 * DOLLAR)
    with reverts("Jury_NothingToShare"):
        bench.jury.transact("shareFee", 1, 1, sender=MALLORY)


def test_share_fee__no_majority__pays_all_who_revealed() -> None:
    bench = open_bench(5)
    seated = play(bench, [200, 200, 1_000, 1_000, None])
    bench.settle()
    bench.pay_fee(20 * DOLLAR)
    bench.jury.transact("shareFee", 1, 1, sender=MALLORY)
    assert [bench.credit(who) for who in seated] == [11_250_000] * 4 + [0]


def test_share_fee__before_it_is_settled_or_for_a_round_without_a_panel__is_refused() -> None:
    bench = open_bench(5)
    play(bench, [200] * 5)
    bench.pay_fee(25 * DOLLAR)
    with reverts("Jury_NotSettled", dispute=1, round=1):
        bench.jury.transact("shareFee", 1, 1, sender=MALLORY)
    with reverts("Jury_NotSettled", dispute=7, round=1):
        bench.jury.transact("shareFee", 7, 1, sender=MALLORY)


def test_share_fee__two_disputes_and_a_fee_in_two_parts__each_gets_its_own() -> None:
    bench = open_bench(5)
    for number in (1, 2):
        bench.dispute(number)
        seated = bench.draw(number)
        bench.vote([(who, 200) for who in seated], number)
        bench.settle(number)
    bench.pay_fee(10 * DOLLAR, 1)
    bench.pay_fee(40 * DOLLAR, 2)
    assert bench.jury.transact("shareFee", 1, 1, sender=MALLORY).result == 2 * DOLLAR
    assert bench.jury.call("feesHeld") == 40 * DOLLAR
    bench.pay_fee(15 * DOLLAR, 1)
    assert bench.jury.transact("shareFee", 1, 1, sender=MALLORY).result == 3 * DOLLAR
    with reverts("Jury_NothingToShare", dispute=1):
        bench.jury.transact("shareFee", 1, 1, sender=MALLORY)
    assert bench.jury.call("feesHeld") == 25 * DOLLAR
    assert bench.jury.transact("shareFee", 2, 1, sender=MALLORY).result == 8 * DOLLAR
    assert bench.jury.call("feesHeld") == 0
    assert bench.books() == (5 * START + 65 * DOLLAR, 5 * START + 65 * DOLLAR)


def test_share_fee__second_round__pays_eleven_by_their_votes() -> None:
    """55 dollars, and 5 x 25 of the minority, by six: 9.166666 and 20.833333."""
    bench = open_bench(20)
    bench.dispute(state=SECOND)
    seated = bench.draw(1, 2)
    bench.vote([(who, 200 if i < 6 else 1_000) for i, who in enumerate(seated)], 1, 2)
    settled = bench.settle(1, 2)
    assert (settled["units"], settled["paid"], settled["each"]) == (200, 6, 20_833_333)
    bench.pay_fee(55 * DOLLAR, 1, 2)
    assert bench.jury.transact("shareFee", 1, 2, sender=MALLORY).result == 9_166_666
    assert bench.credit(seated[0]) == 29_999_999
    assert [bench.juror(who)["deposit"] for who in seated[6:]] == [975 * DOLLAR] * 5
