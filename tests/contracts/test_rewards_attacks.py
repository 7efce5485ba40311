"""Attacks on SupplierRewards, on the real Escrow: more than the schedule says, less forfeiture, harm to others.

Fees are 500 basis points of a gross, R0 = 10e12 TALLY-wei a µ: a task of 100 dollars brings 5 000 000 µ of fees and, at
the first rate, 50 TALLY.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.contracts.test_supplier_rewards import (
    PAYEE,
    checkpoint,
    claim,
    overturn,
    rewards,
    small,
    totals,
    work,
)
from tests.support.escrow import DAY, MALLORY, Desk, open_desk
from tests.support.evm import account
from tests.support.system import DOLLAR, TALLY

NORA: Final = account("nora")


# More than the schedule, or an escape from a forfeiture


def halving_market() -> tuple[Desk, int, int]:
    """L = D = 5 000 000 µ. Account 2 had the first tranche counted, 50 TALLY, for work that is still open; account 4 the
    next. The rate is 2.5e12. Returns the desk, the open agreement and the other account."""
    desk = small(reward_halving=5_000_000, reward_daily_fees=5_000_000)
    other = int(desk.escrow.transact("createAccount", NORA.address, sender=NORA).result)
    bad = desk.opened(budget=100 * DOLLAR, expiry=desk.now + 200 * DAY)
    desk.pay([(bad, 100 * DOLLAR)])
    assert checkpoint(desk).result == (5_000_000, 50 * TALLY)
    work(desk, 100 * DOLLAR, payee=other)
    assert checkpoint(desk, other).result == (5_000_000, 25 * TALLY)
    desk.evm.warp(91 * DAY)
    return desk, bad, other


@pytest.mark.parametrize("seen_between", [True, False])
def test_new_fees_beside_a_ruling__do_not_take_the_place_of_the_overturned_ones(seen_between: bool) -> None:
    """All of the 50 TALLY are forfeited, and the new 5 000 000 µ bring what the rate says now, 12.5 TALLY, vesting from
    tomorrow on: also when the ruling and the new payment come in one block, so that nobody can count in between."""
    desk, bad, _ = halving_market()
    new = desk.opened(budget=100 * DOLLAR, expiry=desk.now + 30 * DAY)
    batch = desk.post([(new, 100 * DOLLAR)])
    desk.evm.warp(DAY)
    overturn(desk, bad, 0)
    if seen_between:
        checkpoint(desk)
    desk.settle(batch)
    assert rewards(desk).call("lifetimeOf", PAYEE) == (0, 5_000_000, 0, 0, 0)
    assert checkpoint(desk).result == (5_000_000, 12 * TALLY + TALLY // 2)
    assert totals(desk) == (875 * TALLY // 10, 50 * TALLY, 0)
    assert rewards(desk).call("claimable", PAYEE) == 0
    desk.evm.warp(91 * DAY)
    assert claim(desk).result == 12 * TALLY + TALLY // 2
