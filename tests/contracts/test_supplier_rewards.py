"""SupplierRewards on the real Escrow: what final work earns, when it is there, and what a ruling takes back.

The provider's fee is 500 basis points, R0 = 10e12 TALLY-wei a µ: a task of 100 dollars brings 5 000 000 µ of fees and
50 TALLY, which vest over the 90 days from the next midnight on. Ann (account 1) orders, Paula (account 2) is paid.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.contracts.test_escrow_splits import lists, split
from tests.support.escrow import DAY, MALLORY, OTTO, PAULA, Desk, open_desk
from tests.support.evm import Account, Bound, Receipt, account, reverts
from tests.support.system import DOLLAR, TALLY, Parameters

COURT, NORA, IDA, JON = (account(name) for name in ("court", "nora", "ida", "jon"))
ZERO: Final = "0x" + "00" * 20
VESTING: Final = 90 * DAY
PAYEE: Final = 2
RATE: Final = 10 * 10**12


@pytest.fixture
def desk() -> Desk:
    return at_noon(open_desk())


def small(**changes: Any) -> Desk:
    """A desk whose schedule has other figures."""
    return at_noon(open_desk(Parameters(**changes)))


def at_noon(desk: Desk) -> Desk:
    desk.evm.warp_to((desk.now // DAY + 1) * DAY + DAY // 2)
    return desk


def rewards(desk: Desk) -> Bound:
    return desk.system.rewards


def midnight(desk: Desk) -> int:
    """When today ends, in seconds."""
    return (desk.now // DAY + 1) * DAY


def work(desk: Desk, gross: int, payee: int = PAYEE) -> int:
    """Opens an agreement of `gross` µ and settles all of it; returns its number."""
    agreement = desk.opened(payee=payee, budget=gross, expiry=desk.now + 30 * DAY)
    desk.pay([(agreement, gross)])
    return agreement


def checkpoint(desk: Desk, *accounts: int, sender: Account = MALLORY) -> Receipt:
    return rewards(desk).transact("checkpoint", list(accounts or [PAYEE]), sender=sender)


def claim(desk: Desk, *accounts: int, sender: Account = PAULA, to: Account | None = None) -> Receipt:
    receiver = (to or sender).address
    return rewards(desk).transact("claim", list(accounts or [PAYEE]), receiver, sender=sender)


def tally(desk: Desk, who: Account) -> int:
    return int(desk.system.token.call("balanceOf", who.address))


def overturn(desk: Desk, agreement: int, stands: int) -> None:
    """A closing ruling that lets `stands` µ of what was paid stand."""
    desk.escrow.transact("freeze", agreement, sender=COURT)
    order = (agreement, stands, True, False, 0, 0, 0, 0, 0, 0, ZERO, ZERO, 0, 7)
    desk.escrow.transact("executeRuling", order, sender=COURT)


def totals(desk: Desk) -> tuple[int, int, int]:
    credited, forfeited, minted = rewards(desk).call("totals")
    return credited, forfeited, minted


# Counting


def test_checkpoint__of_a_task_of_100_dollars__credits_50_tally_by_anyone_and_mints_nothing(
    desk: Desk,
) -> None:
    work(desk, 100 * DOLLAR)
    assert rewards(desk).call("lifetimeOf", PAYEE) == (0, 5_000_000, 0, 0, 0)
    receipt = checkpoint(desk)
    assert receipt.result == (5_000_000, 50 * TALLY)
    assert receipt.event("Checkpointed").args == {
        "account": PAYEE, "day": desk.now // DAY, "fees": 5_000_000, "amount": 50 * TALLY,
    }  # fmt: skip
    assert rewards(desk).call("lifetimeOf", PAYEE) == (5_000_000, 0, 50 * TALLY, 0, 0)
    assert rewards(desk).call("schedule") == (RATE, RATE, 5_000_000, 100_000 * DOLLAR - 5_000_000)
    assert totals(desk) == (50 * TALLY, 0, 0)
    assert desk.system.token.call("totalSupply") == 0


def test_checkpoint__again__changes_nothing(desk: Desk) -> None:
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    again = checkpoint(desk, PAYEE, PAYEE, 1, 77)
    assert (again.result, again.logs) == ((0, 0), ())
    assert totals(desk) == (50 * TALLY, 0, 0)


def test_checkpoint__of_work_that_is_not_final__counts_nothing(desk: Desk) -> None:
    agreement = desk.opened(budget=100 * DOLLAR, expiry=desk.now + 30 * DAY)
    batch = desk.post([(agreement, 100 * DOLLAR)])
    assert checkpoint(desk).result == (0, 0)
    desk.evm.warp(DAY)
    assert checkpoint(desk).result == (0, 0)
    desk.settle(batch)
    assert checkpoint(desk).result == (5_000_000, 50 * TALLY)


def test_emission__of_protocol_section_9__is_70_and_20_tally(desk: Desk) -> None:
    assert rewards(desk).call("emission", RATE, 0, 7_000_000) == 70 * TALLY
    # The last 1 000 000 µ before L at 10, the next 2 000 000 at 5.
    assert rewards(desk).call("emission", RATE, 5 * 10**12 - 1_000_000, 3_000_000) == 20 * TALLY
    # All there can be: 44 halvings until 10e12 is none; below the cap of 1e26.
    whole = sum(5 * 10**12 * (RATE // 2**k) for k in range(45))
    assert rewards(desk).call("emission", RATE, 0, 2**90) == whole < 10**26


def test_checkpoint__over_a_halving__integrates_the_rate() -> None:
    """L = 8 000 000 µ: 7 000 000 bring 70 TALLY, the next 3 000 000 bring 10 + 10."""
    desk = small(reward_halving=8_000_000, reward_daily_fees=8_000_000)
    work(desk, 140 * DOLLAR)
    assert checkpoint(desk).result == (7_000_000, 70 * TALLY)
    desk.evm.warp(DAY)
    work(desk, 60 * DOLLAR)
    assert checkpoint(desk).result == (3_000_000, 20 * TALLY)
    assert rewards(desk).call("schedule") == (RATE // 2, RATE, 10_000_000, 5_000_000)


def test_daily_cap__what_does_not_fit_waits_for_the_next_day() -> None:
    """D = 2 000 000 µ a day: 5 000 000 take three days; a second account waits behind the first."""
    desk = small(reward_daily_fees=2_000_000)
    other = int(desk.escrow.transact("createAccount", NORA.address, sender=NORA).result)
    work(desk, 100 * DOLLAR)
    work(desk, 10 * DOLLAR, payee=other)
    first = checkpoint(desk, PAYEE, other)
    assert first.result == (2_000_000, 20 * TALLY)
    day = desk.now // DAY
    assert [log.args for log in first.events("CheckpointCapped")] == [
        {"account": PAYEE, "day": day, "waiting": 3_000_000},
        {"account": other, "day": day, "waiting": 500_000},
    ]
    assert rewards(desk).call("schedule")[3] == 0
    assert checkpoint(desk, PAYEE).result == (0, 0)
    desk.evm.warp_to(midnight(desk))
    assert checkpoint(desk, PAYEE).result == (2_000_000, 20 * TALLY)
    desk.evm.warp_to(midnight(desk))
    assert checkpoint(desk, other, PAYEE).result == (1_500_000, 15 * TALLY)
    assert rewards(desk).call("lifetimeOf", PAYEE)[:3] == (5_000_000, 0, 50 * TALLY)
    assert rewards(desk).call("schedule")[3] == 500_000  # nothing of a day is kept for another


# Vesting


def test_vesting__from_the_next_midnight_second_by_second_over_90_days(desk: Desk) -> None:
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    start = midnight(desk)
    desk.evm.warp_to(start)
    assert rewards(desk).call("claimable", PAYEE) == 0
    with reverts("SupplierRewards_NothingToClaim"):
        claim(desk)
    desk.evm.warp_to(start + 1)
    assert rewards(desk).call("claimable", PAYEE) == 50 * TALLY // VESTING == 6_430_041_152_263
    desk.evm.warp_to(start + VESTING // 2)
    assert rewards(desk).call("claimable", PAYEE) == 25 * TALLY
    receipt = claim(desk)
    assert receipt.result == tally(desk, PAULA) == 25 * TALLY
    assert receipt.event("RewardsClaimed").args == {
        "account": PAYEE,
        "to": PAULA.address,
        "amount": 25 * TALLY,
    }
    desk.evm.warp_to(start + VESTING - 1)
    assert rewards(desk).call("claimable", PAYEE) == 25 * TALLY - 6_430_041_152_264  # floored
    desk.evm.warp_to(start + VESTING)
    assert claim(desk).result == 25 * TALLY
    assert rewards(desk).call("lifetimeOf", PAYEE) == (5_000_000, 0, 50 * TALLY, 50 * TALLY, 50 * TALLY)
    assert totals(desk) == (50 * TALLY, 0, 50 * TALLY)
    assert desk.system.token.call("totalSupply") == 50 * TALLY


def test_vesting__of_three_days__each_runs_by_its_own_clock(desk: Desk) -> None:
    """50 TALLY on day 0, 90 on day 10: 55 days after the first midnight 55/90 of the first and 45/90 of the second have
    vested, later all. 9 whose midnight is the 120th: 20 days later 2 of them."""
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    start = midnight(desk)
    desk.evm.warp(9 * DAY)
    work(desk, 180 * DOLLAR)  # takes a day
    checkpoint(desk)
    assert midnight(desk) == start + 10 * DAY
    desk.evm.warp_to(start + 55 * DAY)
    assert rewards(desk).call("claimable", PAYEE) == (50 * TALLY * 55 + 90 * TALLY * 45) // 90
    assert claim(desk).result == (50 * TALLY * 55 + 90 * TALLY * 45) // 90
    desk.evm.warp_to(start + 118 * DAY + 5)
    work(desk, 18 * DOLLAR)
    checkpoint(desk)
    assert rewards(desk).call("lifetimeOf", PAYEE)[3] == 140 * TALLY
    desk.evm.warp_to(start + 140 * DAY)
    assert rewards(desk).call("lifetimeOf", PAYEE)[3] == 142 * TALLY
    claim(desk)
    assert tally(desk, PAULA) == 142 * TALLY


def test_vesting__of_100_days_of_work__is_what_a_sum_over_the_days_says(desk: Desk) -> None:
    """A day's reward of day k is k TALLY (2k dollars of work); every tenth day and long after, against a plain sum."""
    grants: list[tuple[int, int]] = []
    for k in range(1, 101):
        work(desk, 2 * k * DOLLAR)
        checkpoint(desk)
        grants.append((midnight(desk), k * TALLY))
        if k % 10 == 0:
            assert rewards(desk).call("lifetimeOf", PAYEE)[3] == vested_by_hand(grants, desk.now)
        desk.evm.warp(DAY)
    for later in (0, 1, 43_199, 43_200, 30 * DAY, 88 * DAY, 90 * DAY, 91 * DAY, 400 * DAY):
        desk.evm.warp_to(grants[-1][0] + later)
        assert rewards(desk).call("lifetimeOf", PAYEE)[3] == vested_by_hand(grants, desk.now)
    assert claim(desk).result == 5_050 * TALLY


def vested_by_hand(grants: list[tuple[int, int]], now: int) -> int:
    """TALLY-wei of (start, amount) that have vested; one floor over what still grows."""
    over = sum(amount for start, amount in grants if start + VESTING <= now)
    growing = sum(amount * (now - start) for start, amount in grants if start < now < start + VESTING)
    return over + growing // VESTING


# Forfeiture


def test_forfeiture__of_the_newest_fees__whole_and_never_minted(desk: Desk) -> None:
    """50 TALLY of honest work, then 20 of work of which half is overturned 30 days later: 10 TALLY go."""
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    first = midnight(desk)
    desk.evm.warp(DAY)
    bad = work(desk, 40 * DOLLAR)
    checkpoint(desk)
    desk.evm.warp(10 * DAY)
    overturn(desk, bad, 20 * DOLLAR)
    # The views know before anybody checkpoints.
    assert rewards(desk).call("lifetimeOf", PAYEE)[:3] == (6_000_000, 0, 60 * TALLY)
    receipt = checkpoint(desk)
    assert receipt.event("Forfeited").args == {"account": PAYEE, "fees": 1_000_000, "amount": 10 * TALLY}
    assert totals(desk) == (70 * TALLY, 10 * TALLY, 0)
    assert rewards(desk).call("schedule")[2] == 7_000_000  # F keeps them
    assert midnight(desk) == first + 12 * DAY
    desk.evm.warp_to(first + VESTING + 2 * DAY)
    assert claim(desk).result == 60 * TALLY


def test_forfeiture__noticed_by_the_claim_itself(desk: Desk) -> None:
    bad = work(desk, 100 * DOLLAR)
    checkpoint(desk)
    overturn(desk, bad, 40 * DOLLAR)
    desk.evm.warp(91 * DAY)
    assert rewards(desk).call("claimable", PAYEE) == 20 * TALLY
    receipt = claim(desk)
    assert receipt.event("Forfeited").args["fees"] == 3_000_000
    assert tally(desk, PAULA) == 20 * TALLY


def test_forfeiture__after_it_was_paid__is_set_off_against_what_is_earned_later(desk: Desk) -> None:
    """50 TALLY claimed whole, all of it overturned (the agreement is kept open as long): the next 70 pay 20."""
    bad = desk.opened(budget=100 * DOLLAR, expiry=desk.now + 200 * DAY)
    desk.pay([(bad, 100 * DOLLAR)])
    checkpoint(desk)
    desk.evm.warp(91 * DAY)
    assert claim(desk).result == 50 * TALLY
    overturn(desk, bad, 0)
    work(desk, 140 * DOLLAR)
    receipt = checkpoint(desk)
    # The 5 000 000 overturned leave first; the 7 000 000 new ones count as what they are.
    assert receipt.event("Forfeited").args["amount"] == 50 * TALLY
    assert receipt.result == (7_000_000, 70 * TALLY)
    assert rewards(desk).call("lifetimeOf", PAYEE) == (7_000_000, 0, 70 * TALLY, 0, 50 * TALLY)
    desk.evm.warp(91 * DAY)
    assert claim(desk).result == 20 * TALLY


def test_forfeiture__of_everything_that_was_paid__leaves_nothing_to_claim_until_it_is_earned_again(
    desk: Desk,
) -> None:
    bad = desk.opened(budget=100 * DOLLAR, expiry=desk.now + 200 * DAY)
    desk.pay([(bad, 100 * DOLLAR)])
    checkpoint(desk)
    desk.evm.warp(91 * DAY)
    claim(desk)
    overturn(desk, bad, 0)
    assert checkpoint(desk).event("Forfeited").args == {
        "account": PAYEE, "fees": 5_000_000, "amount": 50 * TALLY,
    }  # fmt: skip
    assert rewards(desk).call("lifetimeOf", PAYEE) == (0, 0, 0, 0, 50 * TALLY)
    work(desk, 140 * DOLLAR)
    assert checkpoint(desk).result == (7_000_000, 70 * TALLY)
    desk.evm.warp(91 * DAY)
    assert rewards(desk).call("claimable", PAYEE) == 20 * TALLY
    assert claim(desk).result == 20 * TALLY


def test_work_that_was_overturned_before_it_was_counted__brings_nothing(desk: Desk) -> None:
    bad = work(desk, 100 * DOLLAR)
    overturn(desk, bad, 0)
    assert checkpoint(desk).result == (0, 0)
    desk.evm.warp(100 * DAY)
    assert totals(desk) == (0, 0, 0)


# Claiming


def test_claim__by_the_owner_of_several_accounts__pays_all_of_them_to_an_address_it_names(desk: Desk) -> None:
    second = int(desk.escrow.transact("createAccount", PAULA.address, sender=MALLORY).result)
    work(desk, 100 * DOLLAR)
    work(desk, 10 * DOLLAR, payee=second)
    checkpoint(desk, PAYEE, second)
    desk.evm.warp(91 * DAY)
    receipt = claim(desk, PAYEE, second, PAYEE, to=NORA)
    assert receipt.result == tally(desk, NORA) == 55 * TALLY
    assert [log.args["amount"] for log in receipt.events("RewardsClaimed")] == [50 * TALLY, 5 * TALLY]


def test_claim__by_others_or_nowhere_or_of_nothing__refused(desk: Desk) -> None:
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    desk.evm.warp(91 * DAY)
    for sender, accounts in ((OTTO, [PAYEE]), (PAULA, [PAYEE, 1]), (PAULA, [99]), (MALLORY, [0])):
        with reverts("SupplierRewards_NotOwner", account=accounts[-1], caller=sender.address):
            claim(desk, *accounts, sender=sender)
    with reverts("SupplierRewards_ZeroAddress"):
        rewards(desk).transact("claim", [PAYEE], ZERO, sender=PAULA)
    with reverts("SupplierRewards_TooManyItems", items=201):
        claim(desk, *[PAYEE] * 201)
    with reverts("SupplierRewards_TooManyItems", items=201):
        checkpoint(desk, *[PAYEE] * 201)
    with reverts("SupplierRewards_NothingToClaim"):
        rewards(desk).transact("claim", [], PAULA.address, sender=PAULA)
    assert tally(desk, PAULA) == 0


def test_claim_and_stake__earns_dividends_for_whom_it_names_from_then_on(desk: Desk) -> None:
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    desk.evm.warp(91 * DAY)
    receipt = rewards(desk).transact("claimAndStake", [PAYEE], NORA.address, sender=PAULA)
    assert receipt.result == desk.system.vault.call("stakedOf", NORA.address) == 50 * TALLY
    assert receipt.event("Staked").args == {"staker": NORA.address, "amount": 50 * TALLY}
    assert receipt.event("RewardsClaimed").args["to"] == desk.system.vault.address
    token = desk.system.token
    assert token.call("balanceOf", desk.system.vault.address) == 50 * TALLY == token.call("totalSupply")
    assert token.call("allowance", rewards(desk).address, desk.system.vault.address) == 0
    # The task's fees: 70 % of 5 000 000 µ over the next week, all hers.
    desk.system.vault.transact("pullFees", sender=MALLORY)
    desk.evm.warp(14 * DAY)
    assert desk.system.vault.call("claimable", NORA.address) == 3_500_000


def test_claim_and_stake__of_less_than_a_vault_takes_or_for_nobody__refused_and_nothing_lost(
    desk: Desk,
) -> None:
    work(desk, DOLLAR)
    checkpoint(desk)
    desk.evm.warp(91 * DAY)
    with reverts("DividendVault_BelowMinimum", staked=TALLY // 2):
        rewards(desk).transact("claimAndStake", [PAYEE], PAULA.address, sender=PAULA)
    with reverts("DividendVault_ZeroAddress"):
        rewards(desk).transact("claimAndStake", [PAYEE], ZERO, sender=PAULA)
    assert claim(desk).result == TALLY // 2


# Splits


def test_split__members_pull_by_weight_each_to_an_address_of_its_own(desk: Desk) -> None:
    parts = ((IDA, 700), (JON, 300))
    number = split(desk, *parts)
    work(desk, 100 * DOLLAR, payee=number)
    checkpoint(desk, number)
    desk.evm.warp(46 * DAY)
    vested = int(rewards(desk).call("claimable", number))
    weights = [700, 300]
    assert rewards(desk).call("claimableShare", number, 0, weights) == vested * 7 // 10
    receipt = share(desk, number, parts, 0, to=NORA)
    assert receipt.result == tally(desk, NORA) == vested * 7 // 10
    assert receipt.event("RewardShareClaimed").args == {
        "account": number, "index": 0, "to": NORA.address, "amount": vested * 7 // 10,
    }  # fmt: skip
    desk.evm.warp(60 * DAY)
    assert share(desk, number, parts, 0).result == 35 * TALLY - vested * 7 // 10
    assert share(desk, number, parts, 1).result == 15 * TALLY
    assert [rewards(desk).call("shareClaimed", number, i) for i in (0, 1, 2)] == [35 * TALLY, 15 * TALLY, 0]
    assert rewards(desk).call("claimable", number) == 0
    assert totals(desk) == (50 * TALLY, 0, 50 * TALLY)


def share(
    desk: Desk,
    number: int,
    parts: tuple[tuple[Account, int], ...],
    index: int,
    to: Account | None = None,
    sender: Account | None = None,
) -> Receipt:
    who = sender or parts[index][0]
    return rewards(desk).transact("claimShare", number, index, *lists(parts), (to or who).address, sender=who)


def test_split__by_others_or_with_another_list__refused(desk: Desk) -> None:
    parts = ((IDA, 700), (JON, 300))
    number = split(desk, *parts)
    work(desk, 100 * DOLLAR, payee=number)
    checkpoint(desk, number)
    desk.evm.warp(91 * DAY)
    with reverts("SupplierRewards_NotMember", account=number, index=0, caller=JON.address):
        share(desk, number, parts, 0, sender=JON)
    with reverts("SupplierRewards_NotMember", account=number, index=2, caller=JON.address):
        rewards(desk).transact("claimShare", number, 2, *lists(parts), JON.address, sender=JON)
    with reverts("SupplierRewards_WrongSplit", account=number):
        share(desk, number, ((IDA, 700), (JON, 301)), 1)
    with reverts("SupplierRewards_WrongSplit", account=PAYEE):
        share(desk, PAYEE, parts, 1)
    with reverts("SupplierRewards_ZeroAddress"):
        rewards(desk).transact("claimShare", number, 0, *lists(parts), ZERO, sender=IDA)
    with reverts("SupplierRewards_NotOwner", account=number, caller=IDA.address):
        claim(desk, number, sender=IDA)
    share(desk, number, parts, 0)
    with reverts("SupplierRewards_NothingToClaim"):
        share(desk, number, parts, 0)


def test_split__one_member_was_paid_before_a_ruling__the_other_has_its_share_of_what_stands(
    desk: Desk,
) -> None:
    """50 TALLY; Ida pulls 35; 80 % is overturned: of the 10 that stand Jon has 3, Ida nothing until 50 more stand."""
    parts = ((IDA, 700), (JON, 300))
    number = split(desk, *parts)
    bad = desk.opened(payee=number, budget=100 * DOLLAR, expiry=desk.now + 200 * DAY)
    desk.pay([(bad, 100 * DOLLAR)])
    checkpoint(desk, number)
    desk.evm.warp(91 * DAY)
    assert share(desk, number, parts, 0).result == 35 * TALLY
    overturn(desk, bad, 20 * DOLLAR)
    with reverts("SupplierRewards_NothingToClaim"):
        share(desk, number, parts, 0)
    assert share(desk, number, parts, 1).result == 3 * TALLY
    assert rewards(desk).call("claimableShare", number, 0, [700, 300]) == 0
    work(desk, 100 * DOLLAR, payee=number)
    checkpoint(desk, number)
    desk.evm.warp(91 * DAY)
    assert share(desk, number, parts, 0).result == 7 * TALLY  # 70 % of 60, less 35
    assert share(desk, number, parts, 1).result == 15 * TALLY  # 30 % of 60, less 3


# Governance, and how it is built


def test_lower_rate__down_for_later_fees_only_and_never_up(desk: Desk) -> None:
    admin = desk.system.admin
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    for wanted in (RATE, RATE + 1, 2**64 - 1):
        with reverts("SupplierRewards_RateNotLower", rate=RATE, wanted=wanted):
            rewards(desk).transact("lowerRate", wanted, sender=admin)
    receipt = rewards(desk).transact("lowerRate", 10**12, sender=admin)
    assert receipt.event("RateLowered").args == {"rate": 10**12}
    work(desk, 100 * DOLLAR)
    assert checkpoint(desk).result == (5_000_000, 5 * TALLY)
    with reverts("SupplierRewards_RateNotLower", rate=10**12, wanted=2 * 10**12):
        rewards(desk).transact("lowerRate", 2 * 10**12, sender=admin)
    rewards(desk).transact("lowerRate", 0, sender=admin)
    work(desk, 100 * DOLLAR)
    assert checkpoint(desk).result == (5_000_000, 0)
    desk.evm.warp(91 * DAY)
    assert claim(desk).result == 55 * TALLY  # what was credited stays owed
    with reverts("AccessManagedUnauthorized", caller=PAULA.address):
        rewards(desk).transact("lowerRate", 0, sender=PAULA)


@pytest.mark.parametrize(
    "changes",
    [
        {"reward_rate": 0},
        {"reward_halving": 0, "reward_daily_fees": 0},
        {"reward_daily_fees": 0},
        {"reward_vesting": 0},
        {"reward_vesting": 3_650 * DAY + 1},
        {"reward_halving": 10**11 - 1},  # below D
        {"reward_rate": 10 * 10**12 + 1},  # 2 x R0 x L = 1e26 + 1e13
        {"reward_halving": 5 * 10**12 + 1},
    ],
)
def test_construction__of_no_good_schedule__refused(changes: dict[str, int]) -> None:
    with reverts("Directory_CreationFailed", inner="SupplierRewards_UnfitSchedule"):
        open_desk(Parameters(**changes))


def test_construction__with_another_minter_or_no_token_or_nobody__refused(desk: Desk) -> None:
    evm, system = desk.evm, desk.system
    good: dict[str, Any] = {
        "authority": system.authority.address,
        "escrow": system.escrow.address,
        "token": system.token.address,
        "dividendVault": system.vault.address,
        "rate": RATE,
        "halving": 5 * 10**12,
        "dailyFees": 10**11,
        "vesting": VESTING,
    }
    for token in (system.token.address, NORA.address, ZERO):
        with reverts("SupplierRewards_UnfitToken", token=token):
            evm.deploy("SupplierRewards", p=good | {"token": token})
    for name in ("authority", "escrow", "dividendVault"):
        with reverts("SupplierRewards_ZeroAddress"):
            evm.deploy("SupplierRewards", p=good | {name: ZERO})
