"""Attacks on disputes, each played on the real contracts; docs/disputes.md tells what came of it."""

from __future__ import annotations

import pytest

from tallystick.protocol.enums import SkipReason, Status
from tests.support.court import (
    ARBITER_FEE,
    BOND,
    CAROL,
    DAY,
    FRED,
    FREE,
    HUNDRED,
    PLEDGE,
    QUORUM,
    REJECTED,
    UPHELD,
    State,
    open_bar,
    seat,
)
from tests.support.escrow import ANN, MALLORY, OTTO, SAM, skips
from tests.support.evm import Evm, account, reverts
from tests.support.receipts import VERIFIERS
from tests.support.system import DOLLAR

MONEY = 100_000 * DOLLAR


# A friend of the provider disputes first


def test_friend_first__claims_one_unit_less__the_arbiter_rules_what_is_true() -> None:
    """He asks for 699 999; the arbiter says 0. The provider is slashed all the same."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 699_999, bar.leaf(task, 700_000), by=FRED)
    bar.decide(dispute, 0)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"], moved["refunded"]) == (UPHELD, 0, HUNDRED)
    assert (moved["slashed"], moved["toInsurance"]) == (PLEDGE, 8 * DOLLAR)


def test_friend_first__the_customer_takes_over_and_gets_half_of_the_reward() -> None:
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 699_999, bar.leaf(task, 700_000), by=FRED)
    bar.court.transact("takeOver", dispute, 0, sender=ANN)
    bar.decide(dispute, 0)
    bar.execute(dispute)
    assert (bar.credit(FRED) - BOND, bar.credit(ANN)) == (DOLLAR, DOLLAR)


def test_friend_first__on_a_small_figure__does_not_shield_the_large_one() -> None:
    """While the small one is disputed, and for a day of cooling, the large one is not paid, and can be
    disputed."""
    bar = open_bar()
    task = bar.task()
    small = bar.leaf(task, 10)
    large = bar.post(task, 1_000_000)
    dispute = bar.attack(task, 5, small, by=FRED)
    bar.decide(dispute, 10)
    assert skips(bar.desk.settle(large)) == [(task, 1_000_000, SkipReason.FROZEN)]
    bar.execute(dispute)
    assert skips(bar.desk.settle(large)) == [(task, 1_000_000, SkipReason.FROZEN)]
    bar.evm.warp(DAY - 1)
    with reverts("Court_StillCooling"):
        bar.court.transact("clear", dispute, sender=OTTO)
    second = bar.attack(task, 10, bar.claim_of(large), by=ANN)
    bar.decide(second, 10)
    moved = bar.execute(second)
    assert (moved["paid"], moved["slashed"]) == (0, PLEDGE)
    # The shield cost its friend the bond, of which the provider got back 15 of 50.
    assert (bar.credit(FRED), bar.credit(OTTO)) == (0, 15 * DOLLAR)


def test_friend_first__and_silent_arbiters__a_bare_receipt_earns_nothing() -> None:
    """Before this was so, a friend's dispute about the provider's own receipt of the whole budget, with no
    verdict behind it, was paid when nobody ruled."""
    bar = open_bar()
    task = bar.task(QUORUM)
    dispute = bar.attack(task, 999_999, bar.shown(task, 1_000_000), by=FRED)
    bar.evm.warp(5 * DAY)
    assert bar.execute(dispute)["paid"] == 0
    assert bar.desk.received(2) == 0


def test_loser_of_an_old_figure__does_not_take_back_what_was_paid_since() -> None:
    """A puppet would attack the first 10 units of an agreement that has paid 900 000, lose, and close it
    at 10."""
    bar = open_bar()
    task = bar.task()
    first = bar.leaf(task, 10)
    bar.pay(task, 900_000)
    with reverts("Court_BelowPaid", agreement=task, units=10, paid=90 * DOLLAR):
        bar.attack(task, 0, first, by=ANN)


# A puppet customer, before the real victims come


def test_puppet__wins_at_most_its_own_pledge_twice() -> None:
    """Sam's agreement with the provider of whom he is a puppet pledges 1 000 dollars, as Ann's does. The
    provider has 2 000
    free besides, its minimum of 1 000 among it. Sam gets back 1 000 of his pledge and the slash of 1 000
    of free stake; Ann's pledge is whole, and her case takes it."""
    bar = open_bar()
    budget = 10_000 * DOLLAR
    real = bar.task(budget=budget, unit_price=budget)
    offer = bar.desk.terms(
        customer=3, unit_price=budget, budget=budget, expiry=bar.now + 60 * DAY, deadline=bar.now + 60
    )
    (own,) = bar.desk.open_with([(offer, bar.desk.signed(offer, customer=SAM))]).result
    bar.evm.warp(60)
    claims = [bar.pay(task, 1_000_000) for task in (own, real)]
    bar.set_spare(2_000 * DOLLAR)
    assert bar.stake() == {
        "free": 2_000 * DOLLAR,
        "pledged": 2_000 * DOLLAR,
        "reserved": 0,
        "thawing": 0,
    }
    puppet = bar.attack(own, 0, claims[0])
    bar.decide(puppet, 0)
    moved = bar.execute(puppet)
    assert (moved["recovered"], moved["slashed"], moved["toVictim"]) == (1_000 * DOLLAR,) * 3
    assert bar.stake()["pledged"] == 1_000 * DOLLAR
    victims = bar.attack(real, 0, claims[1])
    bar.decide(victims, 0)
    moved = bar.execute(victims)
    assert moved["recovered"] == 1_000 * DOLLAR
    assert moved["slashed"] == 1_000 * DOLLAR - ARBITER_FEE  # what is free after the first fee
    assert bar.owed(SAM) == 2_000 * DOLLAR
    assert bar.owed(ANN) == 2_000 * DOLLAR - ARBITER_FEE
    assert bar.stake() == {"free": 0, "pledged": 0, "reserved": 0, "thawing": 0}
    bar.settled()


def test_puppet__with_paid_work_ruled_bad__is_insured_only_up_to_its_fees() -> None:
    """9 980 of 10 000 dollars are claimed; the operator's agreements have paid fees of 500, of which the
    insurance's share is 100."""
    bar = open_bar()
    budget = 10_000 * DOLLAR
    task = bar.task(budget=budget, unit_price=budget)
    dispute = bar.attack(task, 0, bar.pay(task, 1_000_000))
    bar.decide(dispute, 0)
    bar.execute(dispute)
    bar.system.insurance.transact("count", [task], sender=MALLORY)
    bar.court.transact("fileClaim", dispute, sender=ANN)
    claim = bar.system.insurance.call("claimOf", task)
    assert (claim["loss"], claim["granted"]) == (8_000 * DOLLAR, 100 * DOLLAR)


# Floods


def test_flood__each_dispute_costs_a_bond_and_no_figure_is_attacked_twice() -> None:
    """Three times Fred freezes the agreement for three days and loses; 150 dollars, of which the provider
    gets 45."""
    bar = open_bar()
    task = bar.task()
    for i in range(3):
        figure = bar.leaf(task, 100 + i)
        dispute = bar.attack(task, 0, figure, by=FRED)
        bar.decide(dispute, 100 + i)
        bar.execute(dispute)
        with reverts("Court_StoodBefore", agreement=task, units=100 + i):
            bar.attack(task, 0, figure, by=FRED)
    assert bar.system.balance(FRED) == 10_000 * DOLLAR - 3 * BOND
    assert (bar.credit(FRED), bar.credit(OTTO)) == (0, 45 * DOLLAR)
    bar.clear(dispute)
    assert not bar.agreement(task)["frozen"]


def test_flood__the_bond_grows_with_what_is_frozen() -> None:
    bar = open_bar()
    task = bar.task(budget=50_000 * DOLLAR, unit_price=50_000 * DOLLAR)
    bar.attack(task, 0, bar.leaf(task, 10), by=FRED)
    assert bar.system.balance(FRED) == 10_000 * DOLLAR - 2_500 * DOLLAR


def test_dust__sixteen_parts_cannot_crowd_out_an_appeal() -> None:
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 0, bar.leaf(task, 10))
    bar.expire(dispute)
    bar.rule(dispute, 0)
    for _ in range(16):
        with reverts("Court_TooSmallPart"):
            bar.appeal(dispute, 1, FRED)
    bar.appeal(dispute, 100 * DOLLAR, OTTO)


# Stake that leaves


def test_stake__thawing_from_the_block_of_the_dispute_on__is_still_there_at_the_longest_end() -> None:
    """Everything free thaws in the block before the opening; the slowest dispute ends 8 days later, the
    thaw 21."""
    bar = open_bar()
    task = bar.task(QUORUM)
    bar.pay(task, 600_000)
    claim = bar.leaf(task, 700_000)
    bar.staking.transact("unstake", 1, FREE - PLEDGE, sender=OTTO)
    dispute = bar.propose(task, 0, claim)
    bar.evm.warp(DAY - 1)
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.expire(dispute)
    bar.evm.warp(2 * DAY - 1)
    bar.rule(dispute, 0)
    bar.evm.warp(DAY - 1)
    bar.appeal(dispute, 100 * DOLLAR, OTTO)
    bar.evm.warp(2 * DAY - 1)
    with reverts("Staking_StillThawing"):
        bar.staking.transact("withdraw", 1, OTTO.address, sender=OTTO)
    bar.rule(dispute, 0, 2)
    moved = bar.execute(dispute)
    assert (moved["slashed"], moved["fee"]) == (PLEDGE, ARBITER_FEE)
    assert bar.stake()["thawing"] == FREE - PLEDGE - ARBITER_FEE


def test_self_post__whose_bond_the_pledge_lent__answers_for_the_ruling() -> None:
    """10 000 dollars pledge 1 000, of which the self-post's bond borrows 100. All was paid by it, nothing
    stands: 900 come of the
    pledge, the 1 000 that are free are slashed for the victim; the bond comes when the batch is retired."""
    bar = open_bar()
    budget = 10_000 * DOLLAR
    task = bar.task(budget=budget, unit_price=budget)
    bar.set_spare(1_000 * DOLLAR)
    item = bar.item(task, 1_000_000)
    (batch,) = bar.ledger.transact("selfPost", [item], sender=OTTO).result
    assert bar.ledger.call("bondOf", batch) == (task, 100 * DOLLAR, 2)
    dispute = bar.attack(task, 0, (0, 0, bytes(18), bytes(32), [], item))
    with reverts("ReceiptLedger_WindowOpen"):
        bar.ledger.transact("retire", batch, sender=OTTO)
    bar.evm.warp(3 * DAY)
    with reverts("ReceiptLedger_BondHeld", batch=batch, agreement=task):
        bar.ledger.transact("retire", batch, sender=OTTO)
    bar.rule(dispute, 0, 2)
    moved = bar.execute(dispute)
    assert (moved["paid"], moved["refunded"], moved["slashed"]) == (0, budget, 1_000 * DOLLAR)
    bar.ledger.transact("retire", batch, sender=MALLORY)
    stake = bar.stake()
    assert stake["pledged"] == stake["reserved"] == 0
    bar.settled()


# Verifiers


def test_rogue_verifiers__reject_good_work__contested_they_pay_for_it() -> None:
    bar = open_bar()
    task = bar.task(QUORUM)
    dispute = bar.propose(task, 0, bar.leaf(task, 700_000))
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.decide(dispute, 700_000)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"]) == (REJECTED, 70 * DOLLAR)
    assert [bar.stake(n)["free"] for n in (3, 4)] == [2_975 * DOLLAR] * 2


def test_rogue_verifiers__against_a_sleeping_provider__earn_nothing() -> None:
    """Nobody contests: the slash goes to the insurance, final payments stay, and none of it is theirs."""
    bar = open_bar()
    task = bar.task(QUORUM)
    bar.pay(task, 500_000)
    dispute = bar.propose(task, 0, bar.leaf(task, 700_000))
    bar.expire(dispute)
    moved = bar.execute(dispute)
    assert (moved["toChallenger"], moved["toVictim"], moved["toInsurance"]) == (0, 0, PLEDGE)
    assert [bar.credit(VERIFIERS[n]) for n in (3, 4)] == [0, 0]
    assert bar.agreement(task)["paid"] == 50 * DOLLAR


def test_proposal__carried_by_the_providers_friend__is_led_by_its_verifiers() -> None:
    bar = open_bar()
    task = bar.task(QUORUM)
    dispute = bar.propose(task, 0, bar.leaf(task, 700_000), sender=FRED)
    assert bar.view(dispute)["challenger"] == VERIFIERS[3].address
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.court.transact("takeOver", dispute, 0, sender=ANN)
    assert bar.view(dispute)["challenger"] == ANN.address


# Receivers, currencies, arbiters


def test_receivers__that_the_currency_bars__hold_up_nobody_else() -> None:
    bar = seat(Evm())
    task = bar.task()
    dispute = bar.attack(task, 0, bar.leaf(task, 700_000))
    bar.decide(dispute, 0)
    for who in (CAROL, ANN, OTTO, bar.first):
        bar.system.currency.transact("blacklist", who.address, True, sender=bar.system.admin)
    assert bar.execute(dispute)["refunded"] == HUNDRED
    with reverts("TestDollar_Blacklisted"):
        bar.court.transact("claimCredit", CAROL.address, sender=CAROL)
    assert bar.court.transact("claimCredit", FRED.address, sender=CAROL).result == BOND + 2 * DOLLAR


@pytest.mark.parametrize(
    ("function", "values"),
    [
        ("rule", (1,)),
        ("execute", (1,)),
        ("claimCredit", (MALLORY.address,)),
        ("contest", (1,)),
        ("takeOver", (1, 0)),
        ("clear", (1,)),
        ("fileClaim", (1,)),
        ("appeal", (1, 1)),
    ],
)
def test_currency__that_calls_back__finds_the_door_locked(function: str, values: tuple[object, ...]) -> None:
    bar = seat(Evm(), currency="ReentrantDollar")
    task = bar.task()
    claim = bar.leaf(task, 700_000)
    currency = bar.system.currency
    data = bar.court.encode(function, *values)
    currency.transact("arm", bar.court.address, data, False, sender=MALLORY)
    bar.attack(task, 0, claim)
    assert (currency.call("calls"), currency.call("succeeded")) == (1, False)
    assert currency.call("returned") == bytes.fromhex("3ee5aeb5")  # ReentrancyGuardReentrantCall
    assert bar.view(1)["state"] == State.EVIDENCE


def test_arbiter__with_little_gas__is_not_asked_at_all() -> None:
    """Who calls cannot choose where an arbiter runs out of gas: below what is promised to it there is no
    ruling."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 0, bar.leaf(task, 10))
    bar.expire(dispute)
    bar.say(dispute, 0)
    data = bar.court.encode("rule", dispute)
    revm = bar.evm._revm
    for gas, ruled in ((500_000, False), (900_000, True)):
        checkpoint = revm.snapshot()
        try:
            revm.message_call(CAROL.address, bar.court.address, data, gas=gas)
            assert ruled
        except RuntimeError:
            assert not ruled
        finally:
            revm.reset_transient_storage()
            revm.revert(checkpoint)


# Others at the same time


def test_same_block__refund_first__there_is_nothing_to_dispute() -> None:
    bar = open_bar()
    task = bar.task()
    claim = bar.leaf(task, 10)
    bar.evm.warp(66 * DAY)
    bar.desk.escrow.transact("refund", task, sender=OTTO)
    with reverts("Court_AgreementNotOpen", agreement=task):
        bar.attack(task, 0, claim)


def test_same_block__dispute_first__there_is_no_refund() -> None:
    bar = open_bar()
    task = bar.task()
    claim = bar.leaf(task, 10)
    bar.evm.warp(66 * DAY)
    bar.attack(task, 0, claim)
    with reverts("Escrow_Held", agreement=task):
        bar.desk.escrow.transact("refund", task, sender=OTTO)


def test_holds__a_leaf_under_challenge__can_be_disputed_and_closed() -> None:
    bar = open_bar()
    task = bar.task()
    claim = bar.leaf(task, 700_000)
    challenges = bar.system.at["Challenges"]
    bar.ledger.transact("hold", claim[:5], sender=challenges)
    dispute = bar.attack(task, 0, claim)
    bar.decide(dispute, 0)
    bar.execute(dispute)
    record = bar.agreement(task)
    assert (record["status"], record["holds"]) == (Status.CLOSED, 1)
    bar.ledger.transact("unhold", claim[0], 0, task, 2, sender=challenges)
    assert bar.agreement(task)["holds"] == 0


def test_upward_ruling__is_not_undone_by_settling_the_old_batch_again() -> None:
    """50 000 seconds of downtime were posted, and a ruling says that there were none. The batch can be
    settled again at will, and later figures contain those seconds: neither counts them."""
    bar = open_bar()
    lease = bar.lease()
    bar.evm.warp(400_000)
    batch = bar.post(lease, 50_000)
    bar.evm.warp(DAY)
    bar.desk.settle(batch)
    assert bar.agreement(lease)["downtime"] == 50_000
    dispute = bar.attack(lease, 400_000 + DAY, by=OTTO)
    bar.decide(dispute, 400_000 + DAY)
    bar.execute(dispute)
    bar.clear(dispute)
    assert bar.agreement(lease)["downtime"] == 0
    assert skips(bar.desk.settle(batch)) == [(lease, 50_000, SkipReason.STALE)]
    assert bar.agreement(lease)["downtime"] == 0
    bar.pay(lease, 50_700)
    assert bar.agreement(lease)["downtime"] == 700


def test_strangers__have_no_way_in() -> None:
    """Nobody but the Court freezes, rules or clears."""
    bar = open_bar()
    task = bar.task()
    order = (task, 0, True, False, 0, 0, 0, 0, 0, 0, MALLORY.address, MALLORY.address, 0, 0)
    for who in (MALLORY, OTTO, ANN, bar.system.admin, account("court")):
        for function, values in (("freeze", (task,)), ("clear", (task, 0)), ("executeRuling", (order,))):
            with reverts("Escrow_NotCourt", caller=who.address):
                bar.desk.escrow.transact(function, *values, sender=who)
        for function, values in (("addRecovery", (task, 1)), ("endRecovery", (task,))):
            with reverts("ReceiptLedger_NotCourt", caller=who.address):
                bar.ledger.transact(function, *values, sender=who)
