"""Leases against oracles that know only times: any order, any rhythm, any life comes to what a calendar says.

A lease of these tests costs 100 µ a second unless it says otherwise. LAG = 86 400 (report) + 86 400 (challenge)
+ 86 400 (settle) = 259 200; refundable = end + 86 400 (post) + 259 200 (longest window) + 86 400 (settle).
"""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from tests.support.escrow import ANN, LEDGER, MALLORY, OTTO, SAM, Desk, open_solo
from tests.support.evm import Account, Receipt
from tests.support.system import DOLLAR

LAG = 259_200
AFTER = 432_000
NOTICE = 3_600
MONEY = 100_000 * DOLLAR
FOREVER = 2**64 - 1


def poke(desk: Desk, *agreements: int) -> Receipt:
    return desk.escrow.transact("poke", list(agreements), sender=MALLORY)


def refund(desk: Desk, agreement: int) -> Receipt:
    return desk.escrow.transact("refund", agreement, sender=MALLORY)


def sign(desk: Desk, *figures: tuple[int, int, int], cap: int = FOREVER, sender: Account = LEDGER) -> Receipt:
    """Countersigned figures (agreement, units, until) as the ledger would settle them."""
    return desk.escrow.transact("settleSigned", [(*figure, cap) for figure in figures], sender=sender)


def paid(desk: Desk, agreement: int) -> int:
    return int(desk.agreement(agreement)["paid"])


def downtime(desk: Desk, agreement: int) -> int:
    return int(desk.agreement(agreement)["downtime"])


def set_downtime(desk: Desk, agreement: int, units: int, sender: Account = LEDGER) -> Receipt:
    return desk.escrow.transact("setDowntime", agreement, units, sender=sender)


@pytest.mark.parametrize(
    ("challenge", "self_post", "report"),
    [(86_400, 259_200, 86_400), (86_400, 259_200, 259_200), (270_000, 1, 86_400), (1, 1, 86_400)],
)
def test_refund__every_second_is_past_the_horizon_by_then(
    challenge: int, self_post: int, report: int
) -> None:
    """Up to reportTime + challengeWindow = POST_GRACE + longest window, which PolicyBook allows and no more."""
    desk, _ = open_solo(fee_provider=0)
    policy = desk.system.add_policy(
        relayer=2, challengeWindow=challenge, selfPostWindow=self_post, reportTime=report
    )
    lease = desk.lease(policy=policy)
    twin = desk.lease(policy=policy)
    due = desk.escrow.call("refundableAt", lease)
    assert due == desk.now + 10_000 + 86_400 + max(challenge, self_post) + 86_400
    desk.evm.warp_to(due)
    assert poke(desk, lease).result == 1_000_000
    assert refund(desk, lease).events("Settled") == []
    receipt = refund(desk, twin)
    assert receipt.event("Settled").args == {"agreement": twin, "paid": 1_000_000}
    assert receipt.event("Closed").args["refunded"] == 0
    desk.check_solvent()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_countersigned__in_any_order__comes_to_the_same(order: tuple[int, ...]) -> None:
    desk, _ = open_solo(fee_provider=333)
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(1_000)
    figures = [(lease, 10, start + 300), (lease, 200, start + 600), (lease, 150, start + 700)]
    for place in order:
        sign(desk, figures[place])
    assert (paid(desk, lease), downtime(desk, lease)) == (55_000, 200)
    assert desk.received(2) == 55_000 - 1_831  # floor(55 000 x 333 / 1e4) = 1 831
    desk.check_solvent()


def test_runway__free_and_unused_money_at_the_present_rates() -> None:
    """Two leases at 100 and 50 µ/s with 10 % customer fee burn 165 µ/s."""
    desk, _ = open_solo(fee_provider=0, fee_customer=1_000)
    desk.escrow.transact("withdraw", 1, MONEY - 330_000, ANN.address, sender=ANN)
    one = desk.lease(budget=100_000)
    two = desk.lease(budget=50_000, unit_price=50_000_000)
    metered = desk.opened(budget=10)
    sams = desk.terms(mode=1, unit_price=100_000_000, customer=3, budget=100_000)
    others = desk.open_with([(sams, desk.signed(sams, SAM))]).result[0]
    ahead = desk.lease(budget=10_000, start=desk.now + 500)
    start, listed = desk.now, [one, two, metered, others, ahead, 77]
    free = desk.free(1)
    assert free == 330_000 - 110_000 - 55_000 - 11 - 11_000 == 153_989
    assert desk.escrow.call("runwayOf", 1, listed) == start + (153_989 + 165_000) // 165
    # What the clock owes is used, whether it was paid or not.
    desk.evm.warp(100)
    assert desk.escrow.call("runwayOf", 1, listed[:4]) == start + 100 + (153_989 + 165_000 - 16_500) // 165
    assert desk.escrow.call("runwayOf", 1, [metered]) == 2**256 - 1
    assert desk.escrow.call("runwayOf", 2, listed) == 2**256 - 1
    desk.evm.warp(900)  # both have run out
    assert desk.escrow.call("runwayOf", 1, [one, two]) == 2**256 - 1


def test_runway__what_was_paid__is_used_even_if_downtime_came_after() -> None:
    """100 s were paid at once; of them 60 turn out not to have been served. What is paid is gone: 90 s are left."""
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease(budget=19_000)
    desk.escrow.transact("withdraw", 1, desk.free(1), ANN.address, sender=ANN)
    start = desk.now
    desk.evm.warp(100)
    sign(desk, (lease, 0, start + 100))
    assert set_downtime(desk, lease, 60).result
    assert desk.escrow.call("runwayOf", 1, [lease]) == desk.now + 90


def test_slots__of_several__are_the_words_of_the_layout() -> None:
    """H: paid 56 | budget 56 | unitPrice 56 | payee 32 ... L: customer | funder | operator | start | end, 32 each."""
    desk, _ = open_solo()
    desk.escrow.transact("allow", 3, 1, 1, 10**9, bytes(32), sender=SAM)
    lease = desk.lease(funder=3, budget=999_995, start=desk.now + 5)
    metered = desk.opened(payee=3)
    desk.settle_directly([(metered, 123)])
    hot, cold = desk.escrow.call("slotsOf", [lease, 77, metered])
    assert (hot[1], cold[1]) == (0, 0)
    assert [word >> 200 for word in hot] == [0, 0, 123]
    assert [word >> 144 & (2**56 - 1) for word in hot] == [999_995, 0, 1_000_000]
    assert [word >> 56 & (2**32 - 1) for word in hot] == [2, 0, 3]
    assert [word >> 10 & 1 for word in hot] == [1, 0, 0]  # sponsored
    assert [word >> 12 & 1 for word in hot] == [1, 0, 0]  # a lease
    assert cold[0] >> 96 == 1 << 128 | 3 << 96 | 1 << 64 | (desk.now + 5) << 32 | (desk.now + 100_000)
    assert cold[0] & (2**96 - 1) == 0


@pytest.mark.parametrize("seed", range(5))
def test_leases__any_life__comes_to_what_a_calendar_says(seed: int) -> None:
    """gross = floor((end - start - downtime) x price / 1e6), however often clocks were poked on the way."""
    dice = random.Random(seed)
    provider = dice.randrange(1_001)
    customer = dice.randrange(1_001)
    desk, _ = open_solo(fee_provider=provider, fee_customer=customer)
    born = desk.now
    rows = []
    for _ in range(6):
        price, budget = dice.randrange(1, 10**9), dice.randrange(1, 10**8)
        start = born + dice.randrange(0, 5_000)
        expiry = start + dice.randrange(1, 200_000)
        number = desk.lease(unit_price=price, budget=budget, start=start, expiry=expiry)
        rows.append({"number": number, "price": price, "budget": budget, "start": start,
                     "end": min(expiry, start + budget * 10**6 // price), "down": 0})  # fmt: skip
    for _ in range(60):
        desk.evm.warp(dice.randrange(1, 20_000))
        row = dice.choice(rows)
        kind = dice.choice(["poke", "poke", "down", "stop", "notice"])
        if kind == "poke":
            poke(desk, *[one["number"] for one in dice.sample(rows, 3)])
        elif kind == "down":
            # Reported promptly, so before its seconds are paid: what is reported late lowers only what is left.
            most = max(0, min(desk.now, row["end"]) - row["start"])
            if most and desk.now - LAG < row["start"]:
                units = dice.randrange(0, most + 5)
                if set_downtime(desk, row["number"], units).result:
                    assert row["down"] < units <= most
                    row["down"] = units
                else:
                    assert units <= row["down"] or units > most
        else:
            who, stop = (OTTO, desk.now) if kind == "stop" else (ANN, desk.now + NOTICE)
            stop = max(stop, row["start"])
            if stop < row["end"]:
                desk.escrow.transact("close", row["number"], sender=who)
                row["end"] = stop
    desk.evm.warp_to(max(row["end"] for row in rows) + AFTER)
    desk.escrow.transact("refundMany", [row["number"] for row in rows], sender=MALLORY)
    gross = [max(0, row["end"] - row["start"] - row["down"]) * row["price"] // 10**6 for row in rows]
    assert [paid(desk, row["number"]) for row in rows] == gross
    fees = [(g * provider // 10**4, g * customer // 10**4) for g in gross]
    assert desk.received(2) == sum(gross) - sum(fee for fee, _ in fees)
    assert desk.escrow.call("balanceOf", 1) == (MONEY - sum(gross) - sum(fee for _, fee in fees), 0)
    desk.check_solvent()
