"""The worked numbers of PROTOCOL section 9, through every contract that they pass."""

from __future__ import annotations

from tests.support.escrow import ANN, MALLORY, PAULA, open_desk
from tests.support.evm import account
from tests.support.system import DOLLAR, TALLY, WEEK

STAKER_300, STAKER_100 = account("staker of 300"), account("staker of 100")


def test_task__100_dollars_at_500_bps__down_to_the_stakers() -> None:
    """Net 95 000 000, fee 5 000 000 -> dividends 3 500 000, insurance 1 000 000, treasury 500 000; stakers with
    300e18 and 100e18 get 2 625 000 and 875 000 after the week."""
    desk = open_desk()
    system = desk.system
    system.stake_tally(STAKER_300, 300 * TALLY)
    system.stake_tally(STAKER_100, 100 * TALLY)

    # A task is a metered agreement whose whole is 1 000 000 units.
    agreement = desk.opened(unit_price=100_000_000, budget=100_000_000, max_budget=100_000_000)
    assert desk.pledged() == 10_000_000
    receipt = desk.pay([(agreement, 1_000_000)], value=100_000_000)
    assert receipt.result == 100_000_000
    assert desk.escrow.call("earningsOf", 2) == (95_000_000, 0, 5_000_000)
    assert desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA).result == 95_000_000

    assert system.splitter.transact("sweep", sender=MALLORY).result == 5_000_000
    assert desk.escrow.call("feeTotals") == (5_000_000, 5_000_000)
    credits_of = [
        system.splitter.call("creditOf", who.address)
        for who in (system.vault, system.insurance, system.treasury)
    ]
    assert credits_of == [3_500_000, 1_000_000, 500_000]
    assert system.splitter.transact("pullTreasury", sender=MALLORY).result == 500_000
    assert system.balance(system.treasury) == 500_000
    assert system.vault.transact("pullFees", sender=MALLORY).result == 3_500_000

    # What arrives in one week streams over the next, and nothing before.
    next_week = desk.now - desk.now % WEEK + WEEK
    desk.evm.warp_to(next_week)
    assert [system.vault.call("claimable", who.address) for who in (STAKER_300, STAKER_100)] == [0, 0]
    desk.evm.warp_to(next_week + WEEK // 2)
    assert system.vault.call("claimable", STAKER_300.address) == 2_625_000 // 2
    desk.evm.warp_to(next_week + WEEK)
    assert [
        system.vault.transact("claim", who.address, sender=who).result for who in (STAKER_300, STAKER_100)
    ] == [2_625_000, 875_000]

    # All of it was paid out: what the Escrow holds is the two others' deposits again.
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    assert desk.escrow.transact("refund", agreement, sender=MALLORY).event("Closed").args["refunded"] == 0
    assert desk.free(1) == 100_000 * DOLLAR - 100_000_000
    assert desk.pledged() == 0
    assert system.balance(desk.escrow) == 200_000 * DOLLAR - 100_000_000
    desk.check_solvent()


def test_task__partial_acceptance__is_a_smaller_number_and_the_rest_goes_back() -> None:
    """730 000 of 1 000 000 units: 73 000 000 gross, 3 650 000 fee."""
    desk = open_desk()
    agreement = desk.opened(unit_price=100_000_000, budget=100_000_000)
    desk.pay([(agreement, 730_000)])
    assert desk.escrow.call("earningsOf", 2) == (69_350_000, 0, 3_650_000)
    desk.escrow.transact("close", agreement, sender=ANN)
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    closed = desk.escrow.transact("refund", agreement, sender=MALLORY).event("Closed").args
    assert (closed["paid"], closed["refunded"]) == (73_000_000, 27_000_000)


def test_fees__500_bps_over_20_increments_of_19__paid_380_fee_19() -> None:
    """One at a time each increment's fee is 0 or 1: floor(0.95 k) - floor(0.95 (k - 1)); never 20 times floor(0.95)."""
    desk = open_desk()
    agreement = desk.opened()
    nets = []
    for k in range(1, 21):
        before = desk.received(2)
        desk.pay([(agreement, 19 * k)], value=19)
        nets.append(desk.received(2) - before)
    assert nets == [19] + [18] * 19  # the first fee is floor(0.95) = 0
    assert desk.agreement(agreement)["paid"] == 380
    assert desk.escrow.call("earningsOf", 2) == (361, 0, 19)
    assert desk.escrow.call("feeTotals") == (19, 0)
    desk.check_solvent()


def test_fees__the_same_in_one_step() -> None:
    desk = open_desk()
    agreement = desk.opened()
    desk.pay([(agreement, 380)])
    assert desk.escrow.call("earningsOf", 2) == (361, 0, 19)


def test_lease_price__2000_bps_of_100_000__is_20_000() -> None:
    """The lease's figures by a metered agreement of the same price: 1 000 units at 100 µ each."""
    desk = open_desk()
    desk.escrow.transact("setFees", 2_000, 0, sender=desk.system.admin)
    agreement = desk.opened(unit_price=100_000_000)
    desk.pay([(agreement, 1_000)])
    assert desk.agreement(agreement)["paid"] == 100_000
    assert desk.escrow.call("earningsOf", 2) == (80_000, 0, 20_000)
