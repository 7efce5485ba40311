"""Where a slash, a recovery and a fee come from, and that every µ of them is somewhere.

The test plays Escrow, ReceiptLedger and Court, so that pledges, bonds and orders are as it says. µ
throughout; the operator is a provider that keeps back at least 1 000.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.evm import Bound, Evm, Receipt, Snapshot, account, reverts
from tests.support.system import Role, slash_order

ESCROW, LEDGER, COURT, CHALLENGES = (account(name) for name in ("escrow", "ledger", "court", "challenges"))
INSURANCE, ADMIN, ALICE = (account(name) for name in ("insurance", "admin", "alice"))
VICTIM, HUNTER, COUNCIL = (account(name) for name in ("victim", "hunter", "council"))
FREE, PLEDGE = 1, 2  # sources of a bond
MINIMUM: Final = 1_000
THAW: Final = 1_814_400


@dataclass
class Bench:
    """One operator's stake."""

    evm: Evm
    currency: Bound
    staking: Bound

    def stake(self, amount: int) -> None:
        if amount == 0:
            return
        self.currency.transact("mint", ALICE.address, amount, sender=ADMIN)
        self.staking.transact("stake", 1, amount, sender=ALICE)

    def parts(self) -> tuple[int, int, int, int]:
        """(free, pledged, reserved, thawing)."""
        got = self.staking.call("get", 1)
        return got["free"], got["pledged"], got["reserved"], got["thawing"]

    def pledge(self, amount: int) -> None:
        assert self.staking.transact("tryPledge", 1, amount, sender=ESCROW).result

    def release(self, amount: int) -> None:
        self.staking.transact("release", 1, amount, sender=ESCROW)

    def borrow(self, amount: int, pledge: int) -> None:
        """A self-post's bond out of a pledge; nothing is free for it."""
        source = self.staking.transact("takeBond", 1, amount, pledge, ALICE.address, sender=LEDGER).result
        assert source == PLEDGE

    def give_back(self, amount: int) -> None:
        self.staking.transact("returnBond", 1, amount, PLEDGE, sender=LEDGER)

    def thaw(self, amount: int) -> None:
        if amount:
            self.staking.transact("unstake", 1, amount, sender=ALICE)

    def rule(
        self,
        pledge: int,
        lent: int = 0,
        *,
        recover: int = 0,
        slash: int = 0,
        fee: int = 0,
        loss: int | None = None,
        reward: int = 2_000,
    ) -> Receipt:
        """A closing ruling on an agreement of that pledge."""
        order = slash_order(
            1,
            slash,
            victim=VICTIM.address,
            loss=recover if loss is None else loss,
            challenger=HUNTER.address,
            reward=reward,
            recover=recover,
            fee=fee,
            fee_to=COUNCIL.address,
        )
        return self.staking.transact("slashPledge", order, pledge, lent, sender=ESCROW)

    def owed(self) -> tuple[int, int, int, int]:
        """Credits of victim, challenger, insurance, arbiters."""
        who = (VICTIM, HUNTER, INSURANCE, COUNCIL)
        victim, hunter, insurance, council = (self.staking.call("credits", each.address) for each in who)
        return victim, hunter, insurance, council

    def check(self) -> None:
        """Invariant 5 of PROTOCOL section 11."""
        staked, owed = self.staking.call("totalStake"), self.staking.call("totalCredits")
        assert staked == sum(self.parts())
        assert self.currency.call("balanceOf", self.staking.address) == staked + owed


@cache
def _pristine() -> tuple[Bench, Snapshot]:
    evm = Evm()
    currency = evm.deploy("TestDollar", ADMIN.address)
    staking = evm.deploy(
        "Staking",
        authority=evm.deploy("AccessManager", ADMIN.address).address,
        currency=currency.address,
        escrow=ESCROW.address,
        ledger=LEDGER.address,
        court=COURT.address,
        challenges=CHALLENGES.address,
        insurance=INSURANCE.address,
        thawPeriod=THAW,
        maxLiability=1_209_600,
        maxPause=259_200,
        keyRevocationDelay=86_400,
        minProvider=MINIMUM,
        minVerifier=MINIMUM,
        minRelayer=MINIMUM,
    )
    currency.transact("approve", staking.address, 2**255, sender=ALICE)
    staking.transact("register", Role.PROVIDER, 1, 276, 0, bytes(32), sender=ALICE)
    return Bench(evm, currency, staking), evm.snapshot()


@pytest.fixture
def bench() -> Bench:
    return fresh()


def fresh() -> Bench:
    bench, snapshot = _pristine()
    bench.evm.revert(snapshot)
    return bench


# The order of the sources


def test_recovery__from_the_pledge_alone__however_much_is_free_or_thaws(bench: Bench) -> None:
    bench.stake(10_000)
    bench.pledge(300)
    bench.thaw(5_000)
    receipt = bench.rule(300, recover=1_000)
    assert receipt.result["recovered"] == 300
    assert bench.parts() == (4_700, 0, 0, 5_000)
    assert bench.owed() == (300, 0, 0, 0)


def test_slash__pledge_then_free_then_thawing__then_the_fee_from_what_is_left(bench: Bench) -> None:
    """Pledge 300: 100 recovered, 200 of the slash of 2 000; 1 500 free; 300 of 5 000 that thaw; the fee of 40
    from these."""
    bench.stake(1_800)
    bench.pledge(300)
    bench.stake(5_000)
    bench.thaw(5_000)
    receipt = bench.rule(300, recover=100, slash=2_000, fee=40)
    assert receipt.event("PledgeSlashed").args["fromPledge"] == 200
    told, charged = receipt.event("Slashed").args, receipt.event("Charged").args
    assert (told["fromFree"], told["fromThawing"]) == (1_500, 300)
    assert [charged[name] for name in ("recovered", "fee", "fromPledge", "fromFree", "fromThawing")] == [
        100, 40, 100, 0, 40,
    ]  # fmt: skip
    assert bench.parts() == (0, 0, 0, 4_660)
    assert bench.owed() == (100, 400, 1_600, 40)


def test_fee__from_the_pledge_while_some_is_left__and_the_rest_is_free(bench: Bench) -> None:
    bench.stake(1_300)
    bench.pledge(300)
    receipt = bench.rule(300, recover=100, slash=100, fee=40)
    assert receipt.event("Charged").args["fromPledge"] == 140
    assert bench.parts() == (1_060, 0, 0, 0)
    assert bench.owed() == (100, 20, 80, 40)


def test_slash__reserved_stake_and_others_pledges__are_out_of_reach(bench: Bench) -> None:
    bench.stake(3_000)
    bench.pledge(300)
    bench.pledge(700)  # another agreement's
    assert bench.staking.transact("tryReserve", 1, 500, sender=LEDGER).result
    receipt = bench.rule(300, recover=2**64 - 1, slash=2**64 - 1, fee=2**64 - 1)
    assert receipt.result["recovered"] == 300
    assert receipt.result["slashed"] == 1_500
    assert receipt.result["fee"] == 0
    assert bench.parts() == (0, 700, 500, 0)
    bench.check()


def test_charged__only_when_something_was_recovered_or_charged(bench: Bench) -> None:
    bench.stake(1_300)
    bench.pledge(300)
    assert bench.rule(300, slash=100).events("Charged") == []
    assert bench.parts() == (1_200, 0, 0, 0)


def test_victim__loss_counts_what_was_recovered(bench: Bench) -> None:
    """Loss 500, 300 of it recovered of the pledge: of the slash of 400 the victim has 200; reward ceil(400 x
    20 %) = 80."""
    bench.stake(2_000)
    bench.pledge(300)
    outcome = bench.rule(300, recover=500, slash=400).result
    assert [outcome[name] for name in ("recovered", "toVictim", "toChallenger", "toInsurance")] == [
        300,
        200,
        80,
        120,
    ]


@pytest.mark.parametrize("who", ["court", "challenges"])
def test_slash__without_a_pledge__takes_the_fee_after_it(bench: Bench, who: str) -> None:
    bench.stake(2_000)
    bench.pledge(300)
    bench.thaw(700)
    order = slash_order(1, 1_100, fee=50, fee_to=COUNCIL.address)
    receipt = bench.staking.transact("slash", order, sender=account(who))
    assert bench.parts() == (0, 300, 0, 550)
    assert bench.owed() == (0, 0, 1_100, 50)
    assert receipt.events("PledgeSlashed") == []
    bench.check()


# The thaw


def thaw_ends(bench: Bench) -> int:
    return int(bench.staking.call("get", 1)["thawEnds"])


def test_thaw__ends_with_the_last_micro__by_the_slash_or_by_the_fee(bench: Bench) -> None:
    start = bench.evm.snapshot()
    for slash, fee, left in (
        (499, 0, 1),
        (500, 0, 0),
        (0, 500, 0),
        (400, 99, 1),
        (400, 100, 0),
        (2**64 - 1, 7, 0),
    ):
        bench.evm.revert(start)
        bench.stake(500)
        bench.thaw(500)
        assert thaw_ends(bench) == bench.evm.now + THAW
        bench.rule(0, slash=slash, fee=fee)
        assert bench.parts() == (0, 0, 0, left)
        assert thaw_ends(bench) == (bench.evm.now + THAW if left else 0)
        bench.check()
    with reverts("Staking_NothingThaws", operator=1):
        bench.staking.transact("withdraw", 1, ALICE.address, sender=ALICE)


def test_thaw__nothing_thawed_before__stays_nothing(bench: Bench) -> None:
    bench.stake(500)
    bench.rule(0, slash=100)
    assert thaw_ends(bench) == 0


# Pledges that bonds hold


def test_lent__what_a_bond_holds_is_out_of_reach__and_comes_back_free(bench: Bench) -> None:
    bench.stake(1_120)
    bench.pledge(120)
    bench.borrow(100, 120)
    outcome = bench.rule(120, 100, recover=70).result
    assert outcome["recovered"] == 20
    assert bench.parts() == (1_000, 0, 100, 0)
    assert bench.staking.call("pledgeBonds", 1) == 0
    bench.give_back(100)
    assert bench.parts() == (1_100, 0, 0, 0)


def test_lent__others_pledges_are_not_taken_in_its_place(bench: Bench) -> None:
    """Without `lent` the 120 could be taken out of what stands behind the other agreement."""
    bench.stake(1_370)
    bench.pledge(120)
    bench.pledge(250)  # another's
    bench.borrow(100, 120)
    assert bench.rule(120, 100, recover=120).result["recovered"] == 20
    assert bench.parts() == (1_000, 250, 100, 0)
    bench.give_back(100)
    assert bench.parts() == (1_100, 250, 0, 0)
    bench.release(250)
    assert bench.parts() == (1_350, 0, 0, 0)


def test_lent__when_bonds_brought_others_pledges_back__strands_nothing(bench: Bench) -> None:
    """A (120, of which 100 lent), B (250), C (50, all lent). C and B end first: their 300 come out of the 270
    that are pledged and 30 of what bonds hold. Then C's bond comes back, 50 to the pledges. What is pledged
    now, 50, is A's, as are 70 of its bond. When A ends nothing may stay pledged, for nobody would ever
    release it."""
    bench.stake(1_420)
    bench.pledge(120)
    bench.pledge(250)
    bench.pledge(50)
    bench.borrow(100, 120)
    bench.borrow(50, 50)
    assert (bench.parts(), bench.staking.call("pledgeBonds", 1)) == ((1_000, 270, 150, 0), 150)
    bench.release(50)
    bench.release(250)
    assert (bench.parts(), bench.staking.call("pledgeBonds", 1)) == ((1_270, 0, 150, 0), 120)
    bench.give_back(50)
    assert (bench.parts(), bench.staking.call("pledgeBonds", 1)) == ((1_270, 50, 100, 0), 70)
    bench.rule(120, 100)
    assert (bench.parts(), bench.staking.call("pledgeBonds", 1)) == ((1_320, 0, 100, 0), 0)
    bench.give_back(100)
    assert bench.parts() == (1_420, 0, 0, 0)
    bench.check()


def test_random_walk__pledges_bonds_and_rulings__agree_with_agreements_kept_apart(bench: Bench) -> None:
    """The oracle knows each agreement's pledge and bonds by themselves; the contract only their sums."""
    dice = random.Random(20_261_127)
    bench.stake(1_500)
    pledges: dict[int, int] = {}
    lent: dict[int, int] = {}  # of open agreements
    bonds: list[tuple[int, int]] = []  # (agreement, amount), its agreement open or not
    names = ruled_lent = 0
    for _ in range(1_500):
        step = dice.randrange(6)
        free = bench.parts()[0]
        mine = sorted(pledges)
        if step <= 1 and free > MINIMUM:
            names += 1
            pledges[names], lent[names] = dice.randrange(free - MINIMUM) + 1, 0
            bench.pledge(pledges[names])
        elif step == 2 and mine:
            name, spare = dice.choice(mine), free - MINIMUM
            room = min(pledges[name] - lent[name], bench.parts()[1])
            if room > spare:  # otherwise it would be free stake
                amount = dice.randrange(spare + 1, room + 1)
                bench.borrow(amount, pledges[name] - lent[name])
                lent[name] += amount
                bonds.append((name, amount))
        elif step == 3 and bonds:
            name, amount = bonds.pop(dice.randrange(len(bonds)))
            bench.give_back(amount)
            if name in lent:
                lent[name] -= amount
        elif step == 4 and mine:
            name = dice.choice(mine)
            bench.release(pledges.pop(name))
            lent.pop(name)
        elif step == 5 and mine:
            name = dice.choice(mine)
            pledge, held = pledges.pop(name), lent.pop(name)
            ruled_lent += held != 0
            outcome = bench.rule(pledge, held, recover=dice.randrange(60), slash=dice.randrange(60)).result
            taken = outcome["recovered"] + outcome["slashed"]
            assert sum(bench.parts()) == 1_500 - taken
            bench.stake(taken)
        assert bench.parts()[1] + bench.staking.call("pledgeBonds", 1) == sum(pledges.values())
        assert bench.parts()[2] == sum(amount for _, amount in bonds)
        assert sum(bench.parts()) == 1_500
        bench.check()
    assert ruled_lent > 15
    for _, amount in bonds:
        bench.give_back(amount)
    for pledge in pledges.values():
        bench.release(pledge)
    assert bench.parts()[1:] == (0, 0, 0)
    assert bench.staking.call("pledgeBonds", 1) == 0


# Conservation

_SOME = st.one_of(st.integers(0, 3_000), st.sampled_from([0, 1, 2**62, 2**64 - 1]))


@settings(max_examples=300, deadline=None)
@given(
    free=st.integers(0, 2_000),
    pledge=st.integers(0, 1_500),
    share=st.integers(0, 100),
    other=st.integers(0, 700),
    thawing=st.integers(0, 1_000),
    recover=_SOME,
    slash=_SOME,
    fee=_SOME,
    more=st.integers(0, 2_000),
    reward=st.integers(0, 3_000),
)
@example(
    free=0, pledge=0, share=0, other=0, thawing=0,
    recover=2**64 - 1, slash=2**64 - 1, fee=2**64 - 1, more=0, reward=3_000,
)  # fmt: skip
def test_every_slash__takes_in_order_and_gives_all_that_it_took(
    free: int,
    pledge: int,
    share: int,
    other: int,
    thawing: int,
    recover: int,
    slash: int,
    fee: int,
    more: int,
    reward: int,
) -> None:
    """Against buckets that are drained in the order that PROTOCOL section 7 gives: recovery from the own
    pledge; the slash, then the fee, from own pledge, free, thawing."""
    bench = fresh()
    lent = pledge * share // 100
    bench.stake(MINIMUM + pledge + other)
    bench.pledge(pledge)
    bench.pledge(other)
    if lent:
        bench.borrow(lent, pledge)
    bench.stake(thawing)
    bench.thaw(MINIMUM + thawing)
    bench.stake(free)
    loss = min(recover + more, 2**64 - 1)
    told = bench.rule(pledge, lent, recover=recover, slash=slash, fee=fee, loss=loss, reward=reward)

    buckets = [pledge - lent, free, MINIMUM + thawing]
    recovered = min(recover, buckets[0])
    buckets[0] -= recovered
    slashed, charged = drain(buckets, slash), drain(buckets, fee)
    to_victim = min(slashed, loss - recovered)
    to_hunter = min(slashed - to_victim, -(-slashed * reward // 10_000))
    assert told.result == {
        "recovered": recovered,
        "slashed": slashed,
        "toVictim": to_victim,
        "toChallenger": to_hunter,
        "toInsurance": slashed - to_victim - to_hunter,
        "fee": charged,
    }
    assert bench.parts() == (buckets[0] + buckets[1], other, lent, buckets[2])
    assert bench.owed() == (recovered + to_victim, to_hunter, slashed - to_victim - to_hunter, charged)
    assert (thaw_ends(bench) == 0) == (buckets[2] == 0)
    assert bench.staking.call("totalCredits") == recovered + slashed + charged
    bench.check()


def drain(buckets: list[int], amount: int) -> int:
    """Takes up to `amount`, first things first; returns how much."""
    taken = 0
    for place, held in enumerate(buckets):
        part = min(held, amount - taken)
        buckets[place] -= part
        taken += part
    return taken
