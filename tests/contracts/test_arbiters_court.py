"""Council and Jury before the real Court: whole disputes, to the last fee. For the sums see tests/support/hall.py."""

from __future__ import annotations

import pytest

from tests.support.escrow import MALLORY, OTTO
from tests.support.evm import reverts
from tests.support.hall import (
    APPEALABLE,
    BOTH_JURY,
    CAROL,
    COUNCIL_THEN_JURY,
    JURORS,
    RULED,
    RULING,
    SECOND,
    SILENT,
    UPHELD,
    open_hall,
)
from tests.support.jury import T
from tests.support.system import DOLLAR


def test_dispute__council_rejects_and_the_jury_upholds_on_appeal__pays_both_their_fees() -> None:
    hall = open_hall()
    hall.begin(COUNCIL_THEN_JURY)
    hall.rule_by_council(1_000_000)
    assert (hall.rule(), hall.state()) == (1_000_000, APPEALABLE)
    hall.court.transact("appeal", hall.dispute, 100 * DOLLAR, sender=CAROL)
    assert hall.state() == SECOND
    hall.draw(2)
    assert len(hall.seated) == 11
    hall.vote(2, [400_000] * 8 + [1_000_000] * 3)
    assert (hall.rule(), hall.state()) == (400_000, RULED)
    assert hall.execute() == UPHELD
    assert hall.court.call("feeOf", hall.dispute, 1) == 25 * DOLLAR
    assert hall.court.call("feeOf", hall.dispute, 2) == 55 * DOLLAR

    # 25 by five members; 3 x 10 of the minority and 55 of the fee by eight jurors.
    assert hall.council.transact("collectFees", sender=MALLORY).result == 5 * DOLLAR
    hall.jury.transact("settle", hall.dispute, 2, sender=MALLORY)
    assert hall.jury.transact("shareFee", hall.dispute, 2, sender=MALLORY).result == 6_875_000
    earned = [hall.jury.call("credits", who.address) for who in hall.seated]
    assert earned == [3_750_000 + 6_875_000] * 8 + [0] * 3
    assert hall.deposits() == 14_000 * DOLLAR - 30 * DOLLAR
    hall.check()


def test_dispute__one_jury_in_both_rounds__each_panel_is_asked_in_its_own() -> None:
    hall = open_hall()
    hall.begin(BOTH_JURY)
    hall.draw(1)
    assert len(hall.seated) == 5
    with reverts("Court_NotRuledYet", dispute=hall.dispute):
        hall.rule()
    hall.vote(1, [400_000] * 5)
    assert (hall.rule(), hall.state()) == (400_000, APPEALABLE)
    hall.jury.transact("settle", hall.dispute, 1, sender=MALLORY)
    hall.court.transact("appeal", hall.dispute, 100 * DOLLAR, sender=OTTO)
    with reverts("Court_NotRuledYet", dispute=hall.dispute):
        hall.rule()
    hall.draw(2)
    hall.vote(2, [400_000] * 11)
    assert hall.rule() == 400_000
    assert hall.execute() == UPHELD
    hall.jury.transact("settle", hall.dispute, 2, sender=MALLORY)
    shared = [hall.jury.transact("shareFee", hall.dispute, n, sender=MALLORY).result for n in (1, 2)]
    assert shared == [5 * DOLLAR, 5 * DOLLAR]
    hall.check()


@pytest.mark.parametrize("fails", ["nobody draws", "nobody votes"])
def test_dispute__the_jury_is_silent_twice__ends_by_itself_and_so_does_every_seat(fails: str) -> None:
    hall = open_hall()
    hall.begin(BOTH_JURY)
    seats = 0
    for round_ in (1, 2):
        assert hall.state() == (RULING if round_ == 1 else SECOND)
        if fails == "nobody votes":
            hall.draw(round_)
            seats += len(hall.seated)
        hall.expire()
    assert hall.state() == RULED
    assert hall.execute() == SILENT
    for round_ in (1, 2):
        if seats:
            hall.jury.transact("settle", hall.dispute, round_, sender=MALLORY)
            with reverts("Jury_NothingToShare"):
                hall.jury.transact("shareFee", hall.dispute, round_, sender=MALLORY)
    assert seats == (16 if fails == "nobody votes" else 0)
    assert hall.jury.call("carried") == 10 * DOLLAR * seats
    assert hall.deposits() == 14_000 * DOLLAR - 10 * DOLLAR * seats
    assert [hall.jury.call("jurorOf", who.address)["seats"] for who in JURORS] == [0] * 14
    hall.check()


def test_dispute__secrets_of_carol_and_otto__are_sealed_in_the_evidence_time_and_shown_in_the_ruling() -> (
    None
):
    hall = open_hall()
    hall.open(BOTH_JURY)
    for who, secret in ((CAROL, b"\1" * 32), (OTTO, b"\2" * 32)):
        hall.system.fund(who, 20 * DOLLAR, hall.jury)
        sealed = hall.jury.call("sealHash", hall.dispute, 1, who.address, secret)
        hall.jury.transact("seal", hall.dispute, 1, sealed, sender=who)
    hall.expire()
    with reverts("Jury_NotNow"):
        hall.jury.transact("fixBlock", hall.dispute, 1, sender=MALLORY)
    hall.system.evm.warp(T // 32)
    hall.jury.transact("fixBlock", hall.dispute, 1, sender=MALLORY)
    for _ in range(4):
        hall.system.evm.warp(12)
    for who, secret in ((CAROL, b"\1" * 32), (OTTO, b"\2" * 32)):
        hall.jury.transact("showSecret", hall.dispute, 1, secret, sender=who)
        assert hall.jury.call("credits", who.address) == 20 * DOLLAR
    assert len(hall.jury.transact("draw", hall.dispute, 1, sender=MALLORY).result) == 5
    hall.check()
