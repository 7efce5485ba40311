"""Attacks on SupplierRewards: more than the schedule says, less forfeiture than a ruling means, harm to others.

On the real Escrow where it has a part; where only figures matter, on `RewardsEscrowMock`. The provider's fee is 500
basis points, R0 = 10e12 TALLY-wei a µ: a task of 100 dollars brings 5 000 000 µ of fees and, at the first rate, 50
TALLY. Tests named `known_limit` hold what is not prevented, by numbers; docs/security.md says the same.
"""

from __future__ import annotations

from itertools import pairwise, permutations
from random import Random
from typing import Any, Final

import pytest

from tallystick.chain.deployment import Plan
from tests.contracts.test_escrow_splits import split
from tests.contracts.test_governance import NETWORKS
from tests.contracts.test_rewards_fuzz import ADMIN, Chain, Figures, chain_of
from tests.contracts.test_supplier_rewards import (
    PAYEE,
    RATE,
    VESTING,
    ZERO,
    at_noon,
    checkpoint,
    claim,
    midnight,
    overturn,
    rewards,
    share,
    small,
    totals,
    work,
)
from tests.support.challenges import COURT, RESPONSE, WANDA, open_room
from tests.support.court import open_bar
from tests.support.escrow import DAY, MALLORY, OTTO, PAULA, Desk, open_desk
from tests.support.evm import Bound, account, reverts
from tests.support.receipts import release_request
from tests.support.system import DOLLAR, TALLY

NORA, GOV, IDA, JON = (account(name) for name in ("nora", "gov", "ida", "jon"))
LAST: Final = 2**32 - 1
"""The highest account number."""


@pytest.fixture
def desk() -> Desk:
    return at_noon(open_desk())


def market(rate: int, halving: int, daily: int, vesting: int = VESTING) -> Chain:
    """Rewards whose Escrow says what a test sets, at noon."""
    chain = chain_of(Figures(rate, halving, daily, vesting))
    chain.evm.revert(chain.pristine)
    chain.evm.warp_to((chain.evm.now // DAY + 1) * DAY + DAY // 2)
    return chain


def earn(chain: Chain, number: int, base: int, overturned: int = 0) -> None:
    """From now on an account has brought so many µ of fees, of which so many were ruled bad."""
    chain.escrow.transact("setFees", number, base, overturned, sender=MALLORY)


def count(contract: Bound, *numbers: int) -> tuple[int, int]:
    """µ and TALLY-wei of a checkpoint by a stranger."""
    fees, amount = contract.transact("checkpoint", list(numbers), sender=MALLORY).result
    return fees, amount


def of(contract: Bound, number: int) -> tuple[int, ...]:
    """(µ that count, µ that wait, TALLY-wei credited, vested, claimed) of an account."""
    return tuple(contract.call("lifetimeOf", number))


# More than the schedule says


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_order_around_a_halving__moves_rewards_between_accounts_and_adds_none(order: tuple[int, ...]) -> None:
    """L = 10: 4, 5 and 6 µ bring 10 x 100 + 5 x 50 TALLY-wei in any order, by one call or several."""
    chain = market(100, 10, 10)
    for number, base in ((1, 4), (2, 5), (3, 6)):
        earn(chain, number, base)
    for _ in range(2):  # D is 10: the last 5 count on the second day
        for number in order:
            count(chain.rewards, number)
        chain.evm.warp(DAY)
    assert chain.rewards.call("totals") == (1_250, 0, 0)
    assert chain.rewards.call("schedule")[2] == 15
    assert sum(of(chain.rewards, number)[2] for number in (1, 2, 3)) == 1_250


def test_splitting_oneself__over_five_accounts__brings_the_same_and_vests_no_more() -> None:
    """15 µ over a halving: one account, or five with 3 each; five floors instead of one."""
    amounts, vested = [], []
    for accounts in ((1,), (1, 2, 3, 4, 5)):
        chain = market(101, 10, 10)
        for number in accounts:
            earn(chain, number, 15 // len(accounts))
        for _ in range(2):
            count(chain.rewards, *accounts)
            chain.evm.warp(DAY)
        chain.evm.warp(12_345 * 7)
        lives = [of(chain.rewards, number) for number in accounts]
        amounts.append(sum(life[2] for life in lives))
        vested.append(sum(life[3] for life in lives))
    assert amounts == [1_260, 1_260]
    assert vested[0] - 4 <= vested[1] <= vested[0]


def test_midnight__two_days_of_fees_in_two_seconds__and_nothing_vests_early() -> None:
    """D = 10 counts in the last second of a day, D again in the first of the next, and no more; the latter
    begin to vest at the next midnight, whatever the hour was."""
    chain = market(VESTING, 1_000, 10)
    earn(chain, 1, 1_000)
    chain.evm.warp_to((chain.evm.now // DAY + 1) * DAY - 1)
    assert [count(chain.rewards, 1)[0] for _ in range(3)] == [10, 0, 0]
    chain.evm.warp(1)
    assert [count(chain.rewards, 1)[0] for _ in range(3)] == [10, 0, 0]
    chain.evm.warp(100)
    assert of(chain.rewards, 1)[3] == 10 * 100
    chain.evm.warp(DAY)
    assert of(chain.rewards, 1)[3] == 10 * (DAY + 100) + 10 * 100


@pytest.mark.parametrize("seed", range(6))
def test_being_counted_by_strangers_at_any_time__is_never_worse_than_later(seed: int) -> None:
    """Fees of 40 days, counted by anybody whenever, by itself once a week, or at the end; between them others bring the
    rate down. The more often, the more, in TALLY-wei and in what has vested, at every later hour."""
    random = Random(seed)
    brought = [random.choice((0, 1, 7, 30)) for _ in range(40)]
    hours = [random.randrange(1, DAY) for _ in range(40)]
    after = [random.randrange(100 * DAY) for _ in range(5)]
    lives = []
    for every in (1, 7, 40):
        chain = market(1_000, 300, 100)
        base = others = 0
        for day, (fees, hour) in enumerate(zip(brought, hours, strict=True), 1):
            base, others = base + fees, others + 20
            earn(chain, 1, base)
            earn(chain, 2, others)
            chain.evm.warp_to((chain.evm.now // DAY) * DAY + hour)
            count(chain.rewards, *([1, 2] if day % every == 0 else [2]))
            chain.evm.warp_to((chain.evm.now // DAY + 1) * DAY)
        while of(chain.rewards, 1)[1]:  # what D had no room for
            count(chain.rewards, 1)
            chain.evm.warp(DAY)
        end = chain_end(chain, 60)
        life = [of(chain.rewards, 1)[2]]
        for moment in sorted(after):
            chain.evm.warp_to(end + moment)
            life.append(of(chain.rewards, 1)[3])
        lives.append(life)
    for sooner, later in pairwise(lives):
        assert all(a >= b for a, b in zip(sooner, later, strict=True))
    assert lives[0] != lives[2] or not any(brought)


def chain_end(chain: Chain, days: int) -> int:
    """The same second in every run of a test: so many days after noon of the first day."""
    return (chain.evm.now // (days * DAY) + 1) * days * DAY


def test_counting_late__with_rulings_and_lower_rates_between__never_brings_more() -> None:
    """Sixty random lives of a week or so: fees, rulings, R0 halved on some days. Counted after every event, or
    once in a while. (Halvings by F and full days are left out: bad work that never counted takes no room there.)"""
    reached = {"less": 0, "same": 0}
    for seed in range(60):
        random = Random(seed)
        days = [
            (
                random.random() < 0.4,
                [random.choice((3, 8, -6)) for _ in range(random.randrange(4))],
                random.random() < 0.3,
            )
            for _ in range(random.randrange(2, 9))
        ]
        sooner, later = lives_of(days, eager=True), lives_of(days, eager=False)
        assert all(a >= b for a, b in zip(sooner, later, strict=True)), f"seed {seed}"
        reached["same" if sooner == later else "less"] += 1
    assert min(reached.values()) > 10


def lives_of(days: list[tuple[bool, list[int], bool]], *, eager: bool) -> list[int]:
    """TALLY-wei credited in the end, and vested at some times after it."""
    chain = market(2**20, 10**12, 10**9)
    base = bad = 0
    rate = 2**20
    for lower, events, looked in days:
        chain.evm.warp(DAY)
        if lower:
            rate //= 2
            chain.rewards.transact("lowerRate", rate, sender=ADMIN)
        for event in events:
            base += max(event, 0)
            bad = min(base, bad + max(-event, 0))
            earn(chain, 1, base, bad)
            if eager:
                count(chain.rewards, 1)
        if looked:
            count(chain.rewards, 1)
    chain.evm.warp(DAY)
    count(chain.rewards, 1)
    life = [of(chain.rewards, 1)[2]]
    for wait in (1, 20, 65, 4, 1):
        chain.evm.warp(wait * DAY + 7)
        life.append(of(chain.rewards, 1)[3])
    return life


def test_forfeited_and_earned_again__takes_new_numbers_of_the_schedule() -> None:
    """L = 10: 10 µ at 100; overturned; 10 new ones are numbers 10 to 19, at 50. Each µ of fees counts once."""
    chain = market(100, 10, 10)
    earn(chain, 1, 10)
    assert count(chain.rewards, 1) == (10, 1_000)
    earn(chain, 1, 10, 10)
    assert count(chain.rewards, 1) == (0, 0)
    earn(chain, 1, 20, 10)
    assert count(chain.rewards, 1) == (0, 0)  # D: the day has counted 10
    chain.evm.warp(DAY)
    assert count(chain.rewards, 1) == (10, 500)
    assert chain.rewards.call("totals") == (1_500, 1_000, 0)
    assert chain.rewards.call("schedule")[:3] == (25, 100, 20)


# Less forfeiture than a ruling means


def halving_market() -> tuple[Desk, int]:
    """L = D = 5 000 000 µ. Paula had the first tranche counted, 50 TALLY, for work that is still open, somebody
    else the next; 91 days later the rate is 2.5e12. Returns the desk and the open agreement."""
    desk = small(reward_halving=5_000_000, reward_daily_fees=5_000_000)
    other = int(desk.escrow.transact("createAccount", NORA.address, sender=NORA).result)
    bad = desk.opened(budget=100 * DOLLAR, expiry=desk.now + 200 * DAY)
    desk.pay([(bad, 100 * DOLLAR)])
    assert checkpoint(desk).result == (5_000_000, 50 * TALLY)
    work(desk, 100 * DOLLAR, payee=other)
    assert checkpoint(desk, other).result == (5_000_000, 25 * TALLY)
    desk.evm.warp(91 * DAY)
    return desk, bad


@pytest.mark.parametrize("seen_between", [True, False])
def test_new_fees_beside_a_ruling__do_not_take_the_place_of_the_overturned_ones(seen_between: bool) -> None:
    """All of the 50 TALLY are forfeited, and the new 5 000 000 µ bring what the rate says now, 12.5 TALLY, vesting from
    tomorrow on: also when the ruling and the new payment come in one block, so that nobody can count in between."""
    desk, bad = halving_market()
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


def test_full_day__puts_off_no_forfeiture() -> None:
    """Nothing counts any more today; what was overturned is gone all the same, before a claim."""
    chain = market(100, 10, 10, vesting=1)
    earn(chain, 1, 5)
    earn(chain, 2, 50)
    count(chain.rewards, 1, 2)
    chain.evm.warp(2 * DAY)
    count(chain.rewards, 2)
    assert chain.rewards.call("schedule")[3] == 0
    earn(chain, 1, 20, 4)
    owner = account("ann")
    claimed = chain.rewards.transact("claim", [1], owner.address, sender=owner)
    assert claimed.event("Forfeited").args == {"account": 1, "fees": 4, "amount": 400}
    assert claimed.result == 100


@pytest.mark.parametrize("seen_first", [True, False])
def test_release_ruled_bad_in_its_window__brings_nothing_and_the_moment_of_counting_changes_nothing(
    seen_first: bool,
) -> None:
    """B14, by the real Court. The fees of the release are in `overturned` from the ruling on, and in the reward
    base only when the release is finalised. Honest work of 50 TALLY stands: as many of its fees leave and count
    anew."""
    bar = open_bar()
    bar.pay(bar.task(), 1_000_000)
    assert checkpoint(bar.desk).result == (5_000_000, 50 * TALLY)
    bad = bar.task()
    leaf = bar.release(bad, 1_000_000)
    assert bar.desk.received(PAYEE) == 2 * 95 * DOLLAR
    assert checkpoint(bar.desk).result == (0, 0)
    dispute = bar.attack(bad, 0, leaf)
    bar.decide(dispute, 0)
    bar.execute(dispute)
    if seen_first:
        # One who waits for the ruling and counts in the same block does not make it worse.
        assert checkpoint(bar.desk).result == (0, 0)
    bar.ledger.transact("finalise", leaf[0], [0], sender=MALLORY)
    assert bar.desk.escrow.call("earningsOf", PAYEE)[2] == 10_000_000
    assert bar.desk.escrow.call("overturned", PAYEE) == 5_000_000
    assert checkpoint(bar.desk).result == (5_000_000, 50 * TALLY)
    assert of(bar.system.rewards, PAYEE) == (5_000_000, 0, 50 * TALLY, 0, 0)
    assert totals(bar.desk) == (100 * TALLY, 50 * TALLY, 0)
    bar.evm.warp(91 * DAY)
    assert claim(bar.desk).result == 50 * TALLY


def test_release_challenged_in_the_last_second_of_its_window__mints_nothing() -> None:
    """B14: the leaf was paid at once, nobody answers for it, its reservation makes it good: its fees never count,
    and a ruling that closes the agreement later takes them from no other work."""
    room = open_room()
    batch = room.posted(1)
    room.ledger.transact("release", [release_request(batch, 0)], sender=OTTO)
    room.evm.warp_to(int(room.ledger.call("batchOf", batch.number)["postedAt"]) + DAY - 1)
    room.challenge(batch, 0, sender=WANDA)
    room.evm.warp(RESPONSE)
    room.void(batch, 0)
    assert room.escrow.call("earningsOf", PAYEE)[1:] == (0, 0)
    assert checkpoint(room).result == (0, 0)
    agreement = room.agreement_at(batch, 0)
    room.escrow.transact("freeze", agreement, sender=COURT)
    done = room.ledger.call("recoveryOf", agreement)
    assert done == {"due": 0, "done": 100_000, "doneFees": 5_000}
    order = (
        agreement,
        0,
        True,
        False,
        0,
        100_000,
        5_000,
        0,
        0,
        0,
        ZERO,
        ZERO,
        0,
        7,
    )  # as the Court fills it in
    room.escrow.transact("executeRuling", order, sender=COURT)
    assert room.escrow.call("overturned", PAYEE) == 0
    room.evm.warp(100 * DAY)
    assert checkpoint(room).result == (0, 0)
    assert (totals(room), room.system.token.call("totalSupply")) == ((0, 0, 0), 0)


def test_lease_whose_paid_seconds_are_taken_back__forfeits_just_their_fees() -> None:
    """140 800 seconds paid, 14.08 dollars: 704 000 µ of fees; 100 000 stand: 204 000 µ are overturned, 2.04 TALLY."""
    bar = open_bar()
    lease = bar.lease()
    bar.evm.warp(400_000)
    bar.desk.escrow.transact("poke", [lease], sender=MALLORY)
    assert checkpoint(bar.desk).result == (704_000, 7_040 * TALLY // 1_000)
    dispute = bar.attack(lease, 100_000)
    bar.decide(dispute, 100_000)
    bar.execute(dispute)
    forfeited = checkpoint(bar.desk).event("Forfeited").args
    assert forfeited == {"account": PAYEE, "fees": 204_000, "amount": 2_040 * TALLY // 1_000}
    assert of(bar.system.rewards, PAYEE)[:3] == (500_000, 0, 5 * TALLY)


def test_known_limit__bad_work_counted_dearly__costs_the_cheap_newest_fees() -> None:
    """Two halvings between bad work and its ruling: its 10 µ brought 1 000, the 10 newest that leave 250. What stays is
    what as much honest work would have brought in its place."""
    chain = market(100, 10, 10)
    for base in (10, 20, 30):
        earn(chain, 1, base)
        count(chain.rewards, 1)
        chain.evm.warp(DAY)
    assert of(chain.rewards, 1)[2] == 1_000 + 500 + 250
    earn(chain, 1, 30, 10)
    assert of(chain.rewards, 1)[:3] == (20, 0, 1_500)


def test_known_limit__what_was_claimed_before_the_ruling__is_kept_by_whoever_earns_no_more() -> None:
    """A dispute takes eight days at most by default: 8/90 of the reward are out. They are a debt of that account
    alone: another one of the same owner begins without."""
    desk = small()
    second = int(desk.escrow.transact("createAccount", PAULA.address, sender=MALLORY).result)
    bad = work(desk, 100 * DOLLAR)
    checkpoint(desk)
    desk.evm.warp_to(midnight(desk) + 8 * DAY)
    assert claim(desk).result == 50 * TALLY * 8 // 90
    overturn(desk, bad, 0)
    checkpoint(desk)
    assert totals(desk) == (50 * TALLY, 50 * TALLY, 50 * TALLY * 8 // 90)
    work(desk, 100 * DOLLAR, payee=second)
    checkpoint(desk, second)
    desk.evm.warp(91 * DAY)
    assert claim(desk, PAYEE, second).result == 50 * TALLY
    # Its old account works on and pays the debt first.
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    desk.evm.warp(91 * DAY)
    assert claim(desk).result == 50 * TALLY - 50 * TALLY * 8 // 90


def test_known_limit__work_in_dispute__goes_on_vesting_until_it_is_ruled(desk: Desk) -> None:
    agreement = work(desk, 100 * DOLLAR)
    checkpoint(desk)
    desk.escrow.transact("freeze", agreement, sender=account("court"))
    desk.evm.warp_to(midnight(desk) + 9 * DAY)
    assert claim(desk).result == 5 * TALLY


# Harm to others


def test_filling_the_day__costs_a_washer_65_of_100_and_delays_others_without_loss() -> None:
    """D = 2 000 000 µ. A washer with half of all stake pays itself 40 dollars: 2 dollars of fees, of which 0.7 / 2 come
    back. Paula's fees wait for the next day, at the same rate; the washer cannot fill a day before it has begun."""
    desk = small(reward_daily_fees=2_000_000)
    washer = int(desk.escrow.transact("createAccount", MALLORY.address, sender=MALLORY).result)
    for staker in (MALLORY, NORA):
        desk.system.stake_tally(staker, 1_000 * TALLY)
    work(desk, 10 * DOLLAR)
    paid = desk.opened(payee=washer, budget=80 * DOLLAR, expiry=desk.now + 30 * DAY)
    desk.pay([(paid, 40 * DOLLAR)])
    assert checkpoint(desk, washer, PAYEE).result == (2_000_000, 20 * TALLY)
    assert of(desk.system.rewards, PAYEE)[:2] == (0, 500_000)
    # Fees of the next day's washing may be there already: the order of calls decides, and nothing is lost by it.
    desk.pay([(paid, 80 * DOLLAR)])
    assert checkpoint(desk, PAYEE, washer).result == (2_000_000, 20 * TALLY)
    assert of(desk.system.rewards, PAYEE)[:3] == (500_000, 0, 5 * TALLY)
    # What it cost: 4 dollars of fees, 1.40 come back; the 0.125 dollars of Paula's fees come on top.
    desk.system.vault.transact("pullFees", sender=NORA)
    desk.evm.warp(14 * DAY)
    back = int(desk.system.vault.call("claimable", MALLORY.address))
    assert back == (4 * DOLLAR + DOLLAR // 2) * 7 // 10 // 2
    assert 4 * DOLLAR - (back - DOLLAR // 2 * 7 // 10 // 2) == 65 * 4 * DOLLAR // 100


def test_any_number_in_a_batch__reverts_nothing_and_every_read_answers() -> None:
    """Nobody, never made, the last number, a split, one in debt, one with more overturned than counts, one that
    waits."""
    desk = small(reward_daily_fees=6_000_000)
    parts = ((IDA, 1), (JON, 2**32 - 1))
    shared = split(desk, *parts)
    others = [int(desk.escrow.transact("createAccount", NORA.address, sender=NORA).result) for _ in range(3)]
    indebted, uncounted, waiting = others
    bad = work(desk, 100 * DOLLAR, payee=indebted)
    checkpoint(desk, indebted)
    desk.evm.warp(20 * DAY)
    claim(desk, indebted, sender=NORA)
    overturn(desk, bad, 0)
    overturn(desk, work(desk, 20 * DOLLAR, payee=uncounted), 0)
    work(desk, 20 * DOLLAR, payee=shared)
    work(desk, 200 * DOLLAR, payee=waiting)
    work(desk, 100 * DOLLAR)
    batch = [0, 1, LAST, indebted, uncounted, shared, waiting, PAYEE, 77, waiting, indebted]
    for _ in range(4):
        checkpoint(desk, *batch)
        for number in batch:
            for view in ("lifetimeOf", "claimable"):
                rewards(desk).call(view, number)
            for index in (0, 1, 2**256 - 1):
                for weights in ([], [0], [2**32 - 1] * 64):
                    rewards(desk).call("claimableShare", number, index, weights)
        desk.evm.warp(DAY)
    counted = [
        of(desk.system.rewards, number)[:2] for number in (indebted, uncounted, shared, waiting, PAYEE)
    ]
    assert counted == [(0, 0), (0, 0), (1_000_000, 0), (10_000_000, 0), (5_000_000, 0)]
    desk.evm.warp(91 * DAY)
    assert claim(desk).result == 50 * TALLY
    assert share(desk, shared, parts, 1).result == 10 * TALLY * (2**32 - 1) // 2**32


def test_a_strangers_dust_on_every_day__makes_a_claim_hardly_dearer() -> None:
    """Whoever pays somebody 1 µ of fees a day for 500 days adds an entry a day; a claim searches them by halves."""
    gas = []
    for days in (1, 500):
        chain = market(TALLY, 10**7, 10**6)
        for day in range(1, days + 1):
            earn(chain, 1, day)
            count(chain.rewards, 1)
            chain.evm.warp(DAY)
        owner = account("ann")
        receipt = chain.rewards.transact("claim", [1], owner.address, sender=owner, measure=True)
        assert receipt.result > 0
        gas.append(receipt.gas)
    assert gas[1] - gas[0] < 30_000


def test_gift_of_bad_work_to_somebody_elses_account__takes_nothing_of_what_is_its_own() -> None:
    """A customer and an operator need no leave of the payee. They pay Paula 19 times the fees, lose the dispute against
    themselves on purpose, and her own rewards are what they were."""
    desk = small()
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    desk.evm.warp(10 * DAY)
    before = of(desk.system.rewards, PAYEE)
    gift = work(desk, 100 * DOLLAR)
    checkpoint(desk)
    overturn(desk, gift, 0)
    after = of(desk.system.rewards, PAYEE)
    assert after[:3] == before[:3] == (5_000_000, 0, 50 * TALLY)
    assert desk.received(PAYEE) == 2 * 95 * DOLLAR
    desk.evm.warp(91 * DAY)
    assert claim(desk).result == 50 * TALLY


# Whoever governs or builds it


def test_rate_lowered_to_nothing__comes_announced_and_whoever_counts_before_keeps_the_old_one(
    desk: Desk,
) -> None:
    """With the plans' delay of two days nobody is surprised: no order of transactions in a block helps the governor."""
    manager, admin, contract = desk.system.authority, desk.system.admin, rewards(desk)
    selector = contract.encode("lowerRate", 0)[:4]
    manager.transact("setTargetFunctionRole", contract.address, [selector], 2, sender=admin)
    manager.transact("grantRole", 2, GOV.address, 2 * DAY, sender=admin)
    work(desk, 100 * DOLLAR)
    with reverts("AccessManagerNotScheduled"):
        contract.transact("lowerRate", 0, sender=GOV)
    order = (contract.address, contract.encode("lowerRate", 0))
    scheduled = manager.transact("schedule", *order, 0, sender=GOV).event("OperationScheduled").args
    assert scheduled["schedule"] == desk.now + 2 * DAY
    desk.evm.warp(2 * DAY - 1)
    with reverts("AccessManagerNotReady"):
        manager.transact("execute", *order, sender=GOV)
    assert checkpoint(desk).result == (5_000_000, 50 * TALLY)
    desk.evm.warp(1)
    manager.transact("execute", *order, sender=GOV)
    work(desk, 100 * DOLLAR)
    assert checkpoint(desk).result == (5_000_000, 0)
    desk.evm.warp(91 * DAY)
    assert claim(desk).result == 50 * TALLY


def test_construction__with_a_vault_of_another_token__refused(desk: Desk) -> None:
    """Such a vault would never take a reward: `claimAndStake` would fail for ever."""
    evm, system = desk.evm, desk.system
    here = evm.next_address(1)
    token = evm.deploy("TallyToken", here)
    good: dict[str, Any] = {
        "authority": system.authority.address,
        "escrow": system.escrow.address,
        "token": token.address,
        "dividendVault": system.vault.address,
        "rate": RATE,
        "halving": 5 * 10**12,
        "dailyFees": 10**11,
        "vesting": VESTING,
    }
    with reverts("SupplierRewards_UnfitToken", token=token.address):
        evm.deploy("SupplierRewards", p=good)


@pytest.mark.parametrize("name", NETWORKS)
def test_plans__mint_by_the_schedule_alone__and_have_the_test_token_on_local_chains_only(name: str) -> None:
    plan = Plan.from_yaml(name, {} if name == "local" else {"currency": "0x" + "11" * 20})
    assert ("TestTally" in plan.names) == (name == "local") == (set(plan.chains) <= {31_337, 1_337})
    assert ("TallyToken" in plan.names) != ("TestTally" in plan.names)
    assert plan.names.index("DividendVault") < plan.names.index("SupplierRewards")


def test_known_limit__test_tally_dripped_up_to_the_cap__leaves_nothing_to_claim_on_a_local_chain(
    desk: Desk,
) -> None:
    """Anyone may do that to a demo. No other network has a token that drips."""
    work(desk, 100 * DOLLAR)
    checkpoint(desk)
    desk.evm.warp(91 * DAY)
    token = desk.system.token
    token.transact("drip", MALLORY.address, int(token.call("CAP")), sender=MALLORY)
    with reverts("TallyToken_CapExceeded"):
        claim(desk)
    assert desk.escrow.transact("claim", PAYEE, PAULA.address, sender=PAULA).result == 95 * DOLLAR


# Figures at their bounds


def test_greatest_figures__for_years__overflow_nothing() -> None:
    """As many fees as four billion agreements can bring, D and L near 2^64: counted day by day, overturned, counted."""
    most = 2**88
    daily = 2**63
    chain = market(10**26 // (2 * daily), daily, daily)
    earn(chain, 1, most)
    earn(chain, 4, most)
    for _ in range(3):
        assert count(chain.rewards, 1, 4)[0] == daily
        chain.evm.warp(DAY)
    earn(chain, 1, most, 3 * daily - 5)
    chain.evm.warp(3_000 * DAY)
    assert of(chain.rewards, 1)[:2] == (5, most - 3 * daily)
    count(chain.rewards, 1)
    assert of(chain.rewards, 1)[:2] == (5 + daily, most - 4 * daily)
    credited, forfeited, _ = chain.rewards.call("totals")
    assert 0 < forfeited < credited < 10**26
    ann = account("ann")
    chain.rewards.transact("claim", [1], ann.address, sender=ann)
    assert chain.rewards.call("emission", 2**64 - 1, 0, 2**200) < 2**192
