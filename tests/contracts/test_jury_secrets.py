"""Secrets of the two sides: sealed before the block is fixed, shown after its hash is known, or the bond is lost."""

from __future__ import annotations

import pytest

from tests.support.escrow import ANN, MALLORY, OTTO
from tests.support.evm import account, reverts
from tests.support.jury import (
    APPEALABLE,
    CHALLENGER,
    CONTEST,
    COUNCIL_POLICY,
    DRAW_BOND,
    EVIDENCE,
    MIXED_POLICY,
    PENALTY,
    RULED,
    RULING,
    SECOND,
    Bench,
    expected_draw,
    open_bench,
)
from tests.support.system import DOLLAR

ONE, TWO, THREE = b"\1" * 32, b"\2" * 32, b"\3" * 32


def sealed(bench: Bench, *, number: int = 1) -> bytes:
    """Both sides sealed ONE and TWO, the round began, the hash is caught."""
    bench.dispute(number, state=EVIDENCE, rulingStart=bench.now + 600)
    bench.seal(CHALLENGER, ONE, number)
    bench.seal(OTTO, TWO, number)
    bench.evm.warp(600)
    bench.dispute(number)
    return bench.catch(number)


def row_of(bench: Bench) -> list[tuple[str, int]]:
    return [(who.address, bench.jury.call("weights", who.address)[1]) for who in bench.jurors]


def test_seal__both_sides__pay_a_bond_and_are_told_apart() -> None:
    bench = open_bench(5)
    bench.dispute(state=EVIDENCE)
    receipt = bench.seal(CHALLENGER, ONE)
    assert receipt.event("Sealed").args == {
        "dispute": 1, "round": 1, "by": CHALLENGER.address, "forChallenger": True,
        "seal": bench.jury.call("sealHash", 1, 1, CHALLENGER.address, ONE), "bond": 50_000_000,
    }  # fmt: skip
    assert bench.seal(OTTO, TWO).event("Sealed").args["forChallenger"] is False
    assert bench.jury.call("totalBonds") == 5_000 * DOLLAR + 2 * DRAW_BOND
    by = [one["by"] for one in bench.jury.call("sealsOf", 1, 1)]
    assert by == [CHALLENGER.address, OTTO.address]


@pytest.mark.parametrize(
    ("state", "round_", "policy", "fits"),
    [
        (CONTEST, 1, 2, True),
        (EVIDENCE, 1, 2, True),
        (RULING, 1, 2, True),
        (APPEALABLE, 1, 2, False),
        (SECOND, 1, 2, False),
        (CONTEST, 2, 2, True),
        (EVIDENCE, 2, 2, True),
        (RULING, 2, 2, True),
        (APPEALABLE, 2, 2, True),
        (SECOND, 2, 2, True),
        (RULED, 2, 2, False),
        (EVIDENCE, 0, 2, False),
        (EVIDENCE, 3, 2, False),
        (EVIDENCE, 1, COUNCIL_POLICY, False),
        (EVIDENCE, 1, MIXED_POLICY, False),
        (EVIDENCE, 2, MIXED_POLICY, True),
        (0, 1, 0, False),
    ],
)
def test_seal__in_each_state__only_for_own_rounds_that_are_ahead_or_just_began(
    state: int, round_: int, policy: int, fits: bool
) -> None:
    bench = open_bench(5)
    bench.dispute(state=state, policy=policy)
    if fits:
        bench.seal(OTTO, ONE, 1, round_)
        return
    with reverts("Jury_NotArbiter", dispute=1, round=round_):
        bench.seal(OTTO, ONE, 1, round_)


def test_seal__after_a_32nd_of_the_time__is_refused() -> None:
    """The block is fixed from then on, so no secret is chosen by its hash."""
    bench = open_bench(5)
    start = bench.dispute()["rulingStart"]
    bench.evm.warp_to(start + 5_399)
    bench.seal(OTTO, ONE)
    bench.evm.warp(1)
    with reverts("Jury_NotNow", until=start + 5_400):
        bench.seal(CHALLENGER, TWO)
    bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)


def test_seal__strangers_zero_and_second_ones__are_refused() -> None:
    bench = open_bench(5)
    bench.dispute(state=EVIDENCE)
    with reverts("Jury_NotSide", dispute=1, caller=MALLORY.address):
        bench.seal(MALLORY, ONE)
    with reverts("Jury_ZeroHash"):
        bench.jury.transact("seal", 1, 1, bytes(32), sender=OTTO)
    bench.seal(OTTO, ONE)
    with reverts("Jury_AlreadySealed", by=OTTO.address):
        bench.seal(OTTO, TWO)


def test_seal__the_customer_took_over__replaces_the_puppets_seal_whose_bond_returns() -> None:
    """A friend of the provider opens the dispute to hold both secrets."""
    bench = open_bench(5)
    puppet = account("puppet")
    bench.dispute(state=EVIDENCE, challenger=puppet.address)
    bench.seal(puppet, ONE)
    bench.seal(OTTO, TWO)
    bench.dispute(state=EVIDENCE, challenger=ANN.address)
    receipt = bench.seal(ANN, THREE)
    assert receipt.event("DrawBondReturned").args["by"] == puppet.address
    assert bench.credit(puppet) == DRAW_BOND
    assert bench.jury.call("totalBonds") == 5_000 * DOLLAR + 2 * DRAW_BOND
    bench.dispute(challenger=ANN.address)
    entropy = bench.catch()
    with reverts("Jury_WrongSecret", caller=puppet.address):
        bench.show(puppet, ONE)
    bench.show(ANN, THREE)
    bench.show(OTTO, TWO)
    wanted = expected_draw(row_of(bench), frozenset(), 5, entropy=entropy, secrets=(THREE, TWO))
    assert list(bench.jury.call("draw", 1, 1)) == wanted


def test_show__both_secrets__return_the_bonds_and_decide_the_draw() -> None:
    bench = open_bench(12)
    entropy = sealed(bench)
    with reverts("Jury_NotNow"):
        bench.jury.transact("draw", 1, 1, sender=MALLORY)
    bench.show(CHALLENGER, ONE)
    with reverts("Jury_NotNow"):
        bench.jury.transact("draw", 1, 1, sender=MALLORY)
    bench.show(OTTO, TWO)
    assert (bench.credit(CHALLENGER), bench.credit(OTTO)) == (DRAW_BOND, DRAW_BOND)
    found = [who.address for who in bench.seated(bench.jury.transact("draw", 1, 1, sender=MALLORY))]
    row = row_of(bench)
    assert found == expected_draw(row, frozenset(), 5, entropy=entropy, secrets=(ONE, TWO))
    assert found != expected_draw(row, frozenset(), 5, entropy=entropy, secrets=(TWO, ONE))
    assert found != expected_draw(row, frozenset(), 5, entropy=entropy)


def test_show__before_the_hash_is_known__is_refused() -> None:
    """Whoever makes the block must not know the other side's secret."""
    bench = open_bench(5)
    bench.dispute(state=EVIDENCE)
    bench.seal(OTTO, TWO)
    with reverts("Jury_NoBlock", target=0):
        bench.show(OTTO, TWO)
    bench.dispute()
    with reverts("Jury_NoBlock", target=0):
        bench.show(OTTO, TWO)
    target = bench.fix()
    with reverts("Jury_NoBlock", target=target):
        bench.show(OTTO, TWO)
    bench.blocks(4)
    assert bench.show(OTTO, TWO).event("BlockCaught").args["target"] == target


def test_show__another_secret_anothers_or_twice__is_refused() -> None:
    bench = open_bench(5)
    sealed(bench)
    for who, secret in ((OTTO, ONE), (CHALLENGER, TWO), (MALLORY, ONE)):
        with reverts("Jury_WrongSecret", caller=who.address):
            bench.show(who, secret)
    bench.show(OTTO, TWO)
    with reverts("Jury_WrongSecret", caller=OTTO.address):
        bench.show(OTTO, TWO)
    assert bench.credit(OTTO) == DRAW_BOND


def test_show__a_copied_seal__cannot_be_opened_by_the_copier() -> None:
    bench = open_bench(5)
    bench.dispute(state=EVIDENCE)
    bench.seal(CHALLENGER, ONE)
    copied = bench.jury.call("sealsOf", 1, 1)[0]["value"]
    bench.desk.system.fund(OTTO, DRAW_BOND, bench.jury)
    bench.jury.transact("seal", 1, 1, copied, sender=OTTO)
    bench.dispute()
    bench.catch()
    bench.show(CHALLENGER, ONE)
    with reverts("Jury_WrongSecret", caller=OTTO.address):
        bench.show(OTTO, ONE)


def test_show__after_a_sixteenth_of_the_time__is_refused_and_the_bond_pays_the_jurors() -> None:
    bench = open_bench(12)
    entropy = sealed(bench)
    bench.show(CHALLENGER, ONE)
    until = bench.jury.call("deadlinesOf", 1, 1)["secrets"]
    assert until == bench.jury.call("panelOf", 1, 1)["caughtAt"] + 10_800  # T / 16
    bench.evm.warp_to(until - 1)
    with reverts("Jury_NotNow", **{"from": until}):
        bench.jury.transact("draw", 1, 1, sender=MALLORY)
    bench.evm.warp(1)
    with reverts("Jury_NotNow", until=until):
        bench.show(OTTO, TWO)
    seated = bench.seated(bench.jury.transact("draw", 1, 1, sender=MALLORY))
    wanted = expected_draw(row_of(bench), frozenset(), 5, entropy=entropy, secrets=(ONE, bytes(32)))
    assert [who.address for who in seated] == wanted
    bench.vote([(who, 200) for who in seated])
    receipt = bench.jury.transact("settle", 1, 1, sender=MALLORY)
    assert receipt.event("DrawBondLost").args["by"] == OTTO.address
    assert receipt.event("Settled").args["each"] == 10 * DOLLAR  # 50 by five
    assert [bench.credit(who) for who in seated] == [10 * DOLLAR] * 5
    assert bench.credit(OTTO) == 0
    assert bench.jury.call("totalBonds") == 12_000 * DOLLAR


def test_show__one_side_withholds__chooses_between_two_draws_at_the_price_of_its_bond() -> None:
    """What is left of the bias: two panels at most, neither of which anybody chose."""
    bench = open_bench(12)
    entropy = sealed(bench)
    bench.show(CHALLENGER, ONE)
    start = bench.evm.snapshot()
    bench.show(OTTO, TWO)
    first = list(bench.jury.call("draw", 1, 1))
    bench.evm.revert(start)
    bench.to(step="secrets")
    second = list(bench.jury.call("draw", 1, 1))
    row = row_of(bench)
    assert first == expected_draw(row, frozenset(), 5, entropy=entropy, secrets=(ONE, TWO))
    assert second == expected_draw(row, frozenset(), 5, entropy=entropy, secrets=(ONE, bytes(32)))
    assert first != second


def test_settle__no_hash_was_caught__returns_the_bonds() -> None:
    """Nobody could show anything."""
    bench = open_bench(5)
    bench.dispute(state=EVIDENCE)
    bench.seal(OTTO, TWO)
    bench.seal(CHALLENGER, ONE)
    bench.dispute()
    bench.fix()
    until = bench.jury.call("deadlinesOf", 1, 1)["draw"]
    bench.evm.warp_to(until - 1)
    with reverts("Jury_Undecided"):
        bench.settle()
    bench.evm.warp(1)
    assert bench.settle()["paid"] == 0
    assert (bench.credit(CHALLENGER), bench.credit(OTTO)) == (DRAW_BOND, DRAW_BOND)
    assert bench.jury.call("carried") == 0


def test_settle__nobody_was_drawn__a_secret_that_was_not_shown_is_carried_to_the_next_panel() -> None:
    bench = open_bench(12)
    sealed(bench)
    bench.show(CHALLENGER, ONE)
    bench.to(step="draw")
    assert bench.settle()["carried"] == DRAW_BOND
    assert (bench.credit(CHALLENGER), bench.credit(OTTO)) == (DRAW_BOND, 0)
    bench.dispute(2)
    seated = bench.draw(2)
    bench.vote([(who, 1_000) for who in seated], 2)
    assert bench.settle(2)["each"] == 10 * DOLLAR
    assert bench.jury.call("carried") == 0


@pytest.mark.parametrize(("round_", "last"), [(1, RULING), (2, SECOND)])
def test_settle__the_round_never_came__returns_the_bond_when_the_court_is_past_it(
    round_: int, last: int
) -> None:
    bench = open_bench(5)
    bench.dispute(state=EVIDENCE)
    bench.seal(OTTO, TWO, 1, round_)
    for state in range(EVIDENCE, last + 1):
        bench.dispute(state=state)
        with reverts("Jury_Undecided", dispute=1, round=round_):
            bench.settle(1, round_)
    bench.dispute(state=last + 1)
    bench.settle(1, round_)
    assert bench.credit(OTTO) == DRAW_BOND
    with reverts("Jury_AlreadySettled", dispute=1, round=round_):
        bench.settle(1, round_)


def test_settle__nothing_was_sealed_nor_drawn__is_refused() -> None:
    bench = open_bench(5)
    bench.dispute(state=RULED)
    for round_ in (0, 1, 2, 3):
        with reverts("Jury_Undecided", dispute=1, round=round_):
            bench.settle(1, round_)


def test_seal__an_appeal_that_began_without_notice__can_still_be_sealed_by_both_sides() -> None:
    """The loser completes the bond in the block of the first ruling; the other side has a 32nd of the time."""
    bench = open_bench(20)
    bench.dispute(state=SECOND)
    bench.seal(CHALLENGER, ONE, 1, 2)
    bench.evm.warp(5_000)
    bench.seal(OTTO, TWO, 1, 2)
    bench.evm.warp(400)
    bench.jury.transact("fixBlock", 1, 2, sender=MALLORY)
    bench.blocks(4)
    bench.show(OTTO, TWO, 1, 2)
    bench.show(CHALLENGER, ONE, 1, 2)
    assert len(bench.seated(bench.jury.transact("draw", 1, 2, sender=MALLORY))) == 11


def test_seal__a_silent_panel_and_a_lost_bond__pay_nobody_but_the_next() -> None:
    """Five silent seats and one bond: 5 x 25 + 50 = 175 dollars wait."""
    bench = open_bench(12)
    sealed(bench)
    bench.show(CHALLENGER, ONE)
    bench.to(step="secrets")
    bench.jury.transact("draw", 1, 1, sender=MALLORY)
    bench.to(step="commit")
    assert bench.settle()["carried"] == 5 * PENALTY + DRAW_BOND == 175 * DOLLAR
    assert bench.jury.call("totalBonds") == 12_000 * DOLLAR + DRAW_BOND
