"""Staking: reservations for releases, bonds of self-posts, slashes of a pledge. The test plays Escrow and
ReceiptLedger."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.support.evm import Account, Bound, Evm, account, reverts
from tests.support.system import DOLLAR, Role
from tests.support.system import slash_order as a_slash

ESCROW, LEDGER, INSURANCE, ADMIN = (account(name) for name in ("escrow", "ledger", "insurance", "admin"))
COURT: Final = account("court")
ALICE, BOB, CAROL, EVE = (account(name) for name in ("alice", "bob", "carol", "eve"))
ZERO: Final = "0x" + "00" * 20
THAW: Final = 1_814_400
NONE, FREE, PLEDGE, CURRENCY = 0, 1, 2, 3
MINIMUM: Final = 1_000 * DOLLAR
BOND: Final = 100 * DOLLAR


@dataclass
class Desk:
    evm: Evm
    currency: Bound
    authority: Bound
    staking: Bound

    def register(self, owner: Account = ALICE, *, free: int = 0, roles: int = Role.PROVIDER) -> int:
        hardware = 1 if roles & Role.PROVIDER else 0
        operator = self.staking.transact("register", roles, hardware, 276, 0, bytes(32), sender=owner).result
        if free:
            self.fund(owner, free)
            self.staking.transact("stake", operator, free, sender=owner)
        return int(operator)

    def fund(self, holder: Account, amount: int) -> None:
        self.currency.transact("mint", holder.address, amount, sender=ADMIN)
        self.currency.transact("approve", self.staking.address, 2**255, sender=holder)

    def balance(self, holder: Account | Bound) -> int:
        return int(self.currency.call("balanceOf", holder.address))

    def parts(self, operator: int = 1) -> tuple[int, int, int, int]:
        """(free, pledged, reserved, thawing) in µ."""
        got = self.staking.call("get", operator)
        return got["free"], got["pledged"], got["reserved"], got["thawing"]

    def owed(self, *holders: Account) -> list[int]:
        return [self.staking.call("credits", who.address) for who in holders]

    def pledge(self, amount: int, operator: int = 1) -> bool:
        return bool(self.staking.transact("tryPledge", operator, amount, sender=ESCROW).result)

    def release(self, amount: int, operator: int = 1) -> None:
        self.staking.transact("release", operator, amount, sender=ESCROW)

    def reserve(self, amount: int, operator: int = 1) -> bool:
        return bool(self.staking.transact("tryReserve", operator, amount, sender=LEDGER).result)

    def bond(self, amount: int, pledge: int, operator: int = 1, payer: Account = ALICE) -> int:
        receipt = self.staking.transact("takeBond", operator, amount, pledge, payer.address, sender=LEDGER)
        return int(receipt.result)

    def give_back(self, amount: int, source: int, operator: int = 1) -> None:
        self.staking.transact("returnBond", operator, amount, source, sender=LEDGER)

    def slash_pledge(self, amount: int, pledge: int, lent: int = 0, **order: Any) -> Any:
        order_of = slash_order(amount, **order)
        return self.staking.transact("slashPledge", order_of, pledge, lent, sender=ESCROW)

    def check(self, operators: int = 1) -> None:
        """Section 11, row 5, on what this contract knows."""
        stakes = sum(sum(self.parts(operator)) for operator in range(1, operators + 1))
        assert self.staking.call("totalStake") == stakes
        assert self.balance(self.staking) == stakes + self.staking.call("totalCredits")


def slash_order(
    amount: int,
    *,
    operator: int = 1,
    victim: str = ZERO,
    loss: int = 0,
    challenger: str = ZERO,
    reward: int = 0,
    recover: int = 0,
    fee: int = 0,
) -> tuple[Any, ...]:
    return a_slash(
        operator,
        amount,
        victim=victim,
        loss=loss,
        challenger=challenger,
        reward=reward,
        recover=recover,
        fee=fee,
    )


def open_desk(currency: str = "TestDollar") -> Desk:
    evm = Evm()
    money = evm.deploy(currency, *([ADMIN.address] if currency == "TestDollar" else []))
    authority = evm.deploy("AccessManager", ADMIN.address)
    staking = evm.deploy(
        "Staking",
        authority=authority.address,
        currency=money.address,
        escrow=ESCROW.address,
        ledger=LEDGER.address,
        court=COURT.address,
        challenges=COURT.address,
        insurance=INSURANCE.address,
        thawPeriod=THAW,
        maxLiability=1_209_600,
        maxPause=259_200,
        keyRevocationDelay=86_400,
        minProvider=MINIMUM,
        minVerifier=2 * MINIMUM,
        minRelayer=10 * MINIMUM,
    )
    return Desk(evm, money, authority, staking)


@pytest.fixture
def desk() -> Desk:
    return open_desk()


# Instant releases


def test_try_reserve__then_unreserve__moves_free_stake_there_and_back(desk: Desk) -> None:
    desk.register(free=1_500 * DOLLAR)
    receipt = desk.staking.transact("tryReserve", 1, 400 * DOLLAR, sender=LEDGER)
    assert receipt.result is True
    assert receipt.event("Reserved").args == {"operator": 1, "amount": 400 * DOLLAR}
    assert desk.parts() == (1_100 * DOLLAR, 0, 400 * DOLLAR, 0)
    receipt = desk.staking.transact("unreserve", 1, 150 * DOLLAR, sender=LEDGER)
    assert receipt.event("Unreserved").args == {"operator": 1, "amount": 150 * DOLLAR}
    assert desk.parts() == (1_250 * DOLLAR, 0, 250 * DOLLAR, 0)
    with reverts("Staking_NotEnoughReserved", operator=1, reserved=250 * DOLLAR, wanted=250 * DOLLAR + 1):
        desk.staking.transact("unreserve", 1, 250 * DOLLAR + 1, sender=LEDGER)
    desk.check()


def test_free_up_to_the_highest_minimum__can_be_neither_pledged_nor_reserved(desk: Desk) -> None:
    desk.register(free=2_600 * DOLLAR, roles=Role.PROVIDER | Role.VERIFIER)
    assert not desk.reserve(600 * DOLLAR + 1)
    assert not desk.pledge(600 * DOLLAR + 1)
    assert desk.parts() == (2_600 * DOLLAR, 0, 0, 0)
    assert desk.reserve(200 * DOLLAR)
    assert desk.pledge(400 * DOLLAR)
    assert not desk.reserve(1)
    assert not desk.pledge(1)
    assert desk.parts() == (2_000 * DOLLAR, 400 * DOLLAR, 200 * DOLLAR, 0)
    assert not desk.reserve(1, operator=2)  # nobody has nothing


def test_try_reserve__below_the_minimum__finds_nothing(desk: Desk) -> None:
    desk.register(free=999 * DOLLAR)
    assert not desk.reserve(1)
    desk.staking.transact("resign", 1, sender=ALICE)
    desk.staking.transact("cancelThaw", 1, sender=ALICE)
    assert desk.reserve(999 * DOLLAR)  # no role keeps anything back


def test_forfeit__makes_reserved_stake_a_credit(desk: Desk) -> None:
    desk.register(free=1_500 * DOLLAR)
    assert desk.reserve(400 * DOLLAR)
    receipt = desk.staking.transact("forfeit", 1, 300 * DOLLAR, BOB.address, sender=LEDGER)
    assert receipt.event("Forfeited").args == {"operator": 1, "to": BOB.address, "amount": 300 * DOLLAR}
    assert desk.parts() == (1_100 * DOLLAR, 0, 100 * DOLLAR, 0)
    assert desk.owed(BOB) == [300 * DOLLAR]
    desk.check()
    with reverts("Staking_NotEnoughReserved", reserved=100 * DOLLAR, wanted=100 * DOLLAR + 1):
        desk.staking.transact("forfeit", 1, 100 * DOLLAR + 1, BOB.address, sender=LEDGER)
    with reverts("Staking_ZeroAddress"):
        desk.staking.transact("forfeit", 1, 1, ZERO, sender=LEDGER)
    assert desk.staking.transact("claimCredit", CAROL.address, sender=BOB).result == 300 * DOLLAR
    assert desk.balance(CAROL) == 300 * DOLLAR
    desk.check()


def test_reserved_stake__cannot_thaw_nor_be_slashed_by_the_role(desk: Desk) -> None:
    desk.register(free=1_500 * DOLLAR)
    assert desk.reserve(500 * DOLLAR)
    with reverts("Staking_NotEnoughFree", free=1_000 * DOLLAR, wanted=1_000 * DOLLAR + 1):
        desk.staking.transact("unstake", 1, 1_000 * DOLLAR + 1, sender=ALICE)
    desk.staking.transact("slash", slash_order(2**64 - 1), sender=COURT)
    assert desk.parts() == (0, 0, 500 * DOLLAR, 0)


@pytest.mark.parametrize(
    ("function", "values"),
    [
        ("tryReserve", (1, 1)),
        ("unreserve", (1, 1)),
        ("forfeit", (1, 1, EVE.address)),
        ("takeBond", (1, 1, 1, EVE.address)),
        ("returnBond", (1, 1, FREE)),
    ],
)
def test_the_ledgers_functions__by_another__are_refused(
    desk: Desk, function: str, values: tuple[object, ...]
) -> None:
    desk.register(free=1_500 * DOLLAR)
    for caller in (ALICE, ADMIN, ESCROW, EVE):
        with reverts("Staking_NotLedger", caller=caller.address):
            desk.staking.transact(function, *values, sender=caller)


def test_slash_pledge__by_another_than_the_escrow__is_refused(desk: Desk) -> None:
    desk.register(free=1_500 * DOLLAR)
    for caller in (ALICE, ADMIN, LEDGER, EVE):
        with reverts("Staking_NotEscrow", caller=caller.address):
            desk.staking.transact("slashPledge", slash_order(1), 1, 0, sender=caller)


# Bonds of self-posts


def test_take_bond__free_stake_first__and_back(desk: Desk) -> None:
    desk.register(free=1_150 * DOLLAR)
    receipt = desk.staking.transact("takeBond", 1, BOND, 0, ALICE.address, sender=LEDGER)
    assert receipt.result == FREE
    assert receipt.event("BondTaken").args == {"operator": 1, "source": FREE, "amount": BOND}
    assert desk.parts() == (1_050 * DOLLAR, 0, BOND, 0)
    receipt = desk.staking.transact("returnBond", 1, BOND, FREE, sender=LEDGER)
    assert receipt.event("BondReturned").args == {"operator": 1, "source": FREE, "amount": BOND}
    assert desk.parts() == (1_150 * DOLLAR, 0, 0, 0)


def test_take_bond__else_of_the_agreements_own_pledge__and_back(desk: Desk) -> None:
    desk.register(free=1_150 * DOLLAR)
    assert desk.pledge(120 * DOLLAR)
    assert desk.bond(BOND, 120 * DOLLAR) == PLEDGE
    assert desk.parts() == (1_030 * DOLLAR, 20 * DOLLAR, BOND, 0)
    assert desk.staking.call("pledgeBonds", 1) == BOND
    desk.give_back(BOND, PLEDGE)
    assert desk.parts() == (1_030 * DOLLAR, 120 * DOLLAR, 0, 0)
    assert desk.staking.call("pledgeBonds", 1) == 0


def test_take_bond__another_agreements_pledge__is_not_touched(desk: Desk) -> None:
    desk.register(free=1_150 * DOLLAR)
    assert desk.pledge(50 * DOLLAR)
    assert desk.pledge(100 * DOLLAR)  # another's
    assert desk.bond(BOND, 50 * DOLLAR) == NONE
    assert desk.parts() == (1_000 * DOLLAR, 150 * DOLLAR, 0, 0)


def test_take_bond__else_in_currency__becomes_free_stake_in_the_end(desk: Desk) -> None:
    desk.register(free=1_000 * DOLLAR)
    desk.fund(ALICE, BOND)
    assert desk.bond(BOND, BOND - 1) == CURRENCY
    assert desk.parts() == (1_000 * DOLLAR, 0, BOND, 0)
    assert desk.balance(ALICE) == 0
    desk.check()
    desk.give_back(BOND, CURRENCY)
    assert desk.parts() == (1_100 * DOLLAR, 0, 0, 0)
    desk.check()


def test_take_bond__nowhere__says_so_and_changes_nothing(desk: Desk) -> None:
    desk.register(free=1_000 * DOLLAR)
    assert desk.bond(BOND, BOND) == NONE  # pledges nothing, whatever is said
    desk.fund(ALICE, BOND)
    desk.currency.transact("approve", desk.staking.address, BOND - 1, sender=ALICE)
    assert desk.bond(BOND, 0) == NONE
    desk.currency.transact("approve", desk.staking.address, BOND, sender=ALICE)
    desk.currency.transact("blacklist", ALICE.address, True, sender=ADMIN)
    assert desk.bond(BOND, 0) == NONE
    assert desk.parts() == (1_000 * DOLLAR, 0, 0, 0)
    assert desk.staking.call("pledgeBonds", 1) == 0
    desk.check()


def test_take_bond__with_a_currency_that_takes_a_fee__is_refused() -> None:
    desk = open_desk("FeeOnTransferDollar")
    desk.register()
    desk.fund(ALICE, BOND)
    with reverts("Staking_WrongAmountReceived", expected=BOND, received=BOND - BOND // 100):
        desk.bond(BOND, 0)
    assert desk.balance(ALICE) == BOND


def test_return_bond__more_than_is_reserved__is_refused(desk: Desk) -> None:
    desk.register(free=1_150 * DOLLAR)
    assert desk.bond(BOND, 0) == FREE
    with reverts("Staking_NotEnoughReserved", operator=1, reserved=BOND, wanted=BOND + 1):
        desk.give_back(BOND + 1, FREE)


def test_release__while_a_bond_holds_part_of_the_pledge__waits_for_nothing(desk: Desk) -> None:
    desk.register(free=1_150 * DOLLAR)
    assert desk.pledge(120 * DOLLAR)
    assert desk.bond(BOND, 120 * DOLLAR) == PLEDGE
    desk.release(120 * DOLLAR)  # 20 are there; the 100 come with the bond
    assert desk.parts() == (1_050 * DOLLAR, 0, BOND, 0)
    desk.give_back(BOND, PLEDGE)
    assert desk.parts() == (1_150 * DOLLAR, 0, 0, 0)
    assert desk.staking.call("pledgeBonds", 1) == 0


def test_release__while_a_bond_holds_part__leaves_the_others_their_cover_in_the_end(desk: Desk) -> None:
    desk.register(free=1_400 * DOLLAR)
    assert desk.pledge(120 * DOLLAR)
    assert desk.pledge(250 * DOLLAR)  # B
    assert desk.bond(BOND, 120 * DOLLAR) == PLEDGE
    desk.release(120 * DOLLAR)
    assert desk.parts() == (1_150 * DOLLAR, 150 * DOLLAR, BOND, 0)
    desk.give_back(BOND, PLEDGE)
    assert desk.parts() == (1_150 * DOLLAR, 250 * DOLLAR, 0, 0)
    desk.release(250 * DOLLAR)
    assert desk.parts() == (1_400 * DOLLAR, 0, 0, 0)


def test_release__more_than_pledges_and_bonds_hold__is_refused(desk: Desk) -> None:
    desk.register(free=1_150 * DOLLAR)
    assert desk.pledge(120 * DOLLAR)
    assert desk.bond(BOND, 120 * DOLLAR) == PLEDGE
    with reverts("StakeParts_TooLittle", held=20 * DOLLAR, wanted=120 * DOLLAR + 1):
        desk.release(120 * DOLLAR + 1)


# Slashes of a pledge


def test_slash_pledge__worked_numbers__the_rest_of_the_pledge_is_free(desk: Desk) -> None:
    desk.register(free=2_000 * DOLLAR)
    assert desk.pledge(500 * DOLLAR)
    receipt = desk.slash_pledge(
        300 * DOLLAR,
        500 * DOLLAR,
        victim=BOB.address,
        loss=120 * DOLLAR,
        challenger=CAROL.address,
        reward=2_000,
    )
    assert receipt.result["slashed"] == 300 * DOLLAR
    assert receipt.event("PledgeSlashed").args == {
        "operator": 1,
        "reason": 7,
        "pledge": 500 * DOLLAR,
        "fromPledge": 300 * DOLLAR,
    }
    assert receipt.event("Slashed").args == {
        "operator": 1,
        "reason": 7,
        "fromFree": 0,
        "fromThawing": 0,
        "victim": BOB.address,
        "toVictim": 120 * DOLLAR,
        "challenger": CAROL.address,
        "toChallenger": 60 * DOLLAR,  # 20 % of 300
        "toInsurance": 120 * DOLLAR,
    }
    assert desk.parts() == (1_700 * DOLLAR, 0, 0, 0)
    assert desk.owed(BOB, CAROL, INSURANCE) == [120 * DOLLAR, 60 * DOLLAR, 120 * DOLLAR]
    desk.check()


def test_slash_pledge__own_pledge_then_free_then_thawing_never_anothers_pledge(desk: Desk) -> None:
    desk.register(free=2_000 * DOLLAR)
    assert desk.pledge(100 * DOLLAR)
    assert desk.pledge(700 * DOLLAR)  # another's
    assert desk.reserve(150 * DOLLAR)
    desk.staking.transact("unstake", 1, 900 * DOLLAR, sender=ALICE)
    assert desk.parts() == (150 * DOLLAR, 800 * DOLLAR, 150 * DOLLAR, 900 * DOLLAR)
    receipt = desk.slash_pledge(300 * DOLLAR, 100 * DOLLAR)
    assert receipt.result["slashed"] == 300 * DOLLAR
    assert receipt.event("PledgeSlashed").args["fromPledge"] == 100 * DOLLAR
    told = receipt.event("Slashed").args
    assert (told["fromFree"], told["fromThawing"]) == (150 * DOLLAR, 50 * DOLLAR)
    assert desk.parts() == (0, 700 * DOLLAR, 150 * DOLLAR, 850 * DOLLAR)
    assert (
        desk.slash_pledge(2**64 - 1, 0).result["slashed"] == 850 * DOLLAR
    )  # a full slash voids what was thawing
    assert desk.parts() == (0, 700 * DOLLAR, 150 * DOLLAR, 0)
    assert desk.staking.call("get", 1)["thawEnds"] == 0
    assert desk.slash_pledge(5, 0).result["slashed"] == 0  # nothing is left, and that is no error
    desk.check()


def test_slash_pledge__of_nothing__frees_the_whole_pledge(desk: Desk) -> None:
    desk.register(free=1_300 * DOLLAR)
    assert desk.pledge(300 * DOLLAR)
    assert desk.slash_pledge(0, 300 * DOLLAR).result["slashed"] == 0
    assert desk.parts() == (1_300 * DOLLAR, 0, 0, 0)


def test_slash_pledge__rounds_the_reward_up_and_never_above_what_the_victim_leaves(desk: Desk) -> None:
    desk.register(free=1_100 * DOLLAR)
    assert desk.pledge(100)
    desk.slash_pledge(11, 11, challenger=CAROL.address, reward=1_000)
    assert desk.owed(CAROL, INSURANCE) == [2, 9]  # ceil(1.1)
    desk.slash_pledge(1, 1, challenger=CAROL.address, reward=1)
    assert desk.owed(CAROL, INSURANCE) == [3, 9]
    desk.slash_pledge(88, 88, victim=BOB.address, loss=80, challenger=CAROL.address, reward=3_000)
    assert desk.owed(BOB, CAROL, INSURANCE) == [80, 11, 9]  # ceil(26.4), but 8 are left


def test_slash_pledge__when_a_bond_holds_part__takes_what_is_there_and_strands_nothing(desk: Desk) -> None:
    desk.register(free=1_150 * DOLLAR)
    assert desk.pledge(120 * DOLLAR)
    assert desk.bond(BOND, 120 * DOLLAR) == PLEDGE
    receipt = desk.slash_pledge(120 * DOLLAR, 120 * DOLLAR)
    assert receipt.event("PledgeSlashed").args["fromPledge"] == 20 * DOLLAR
    assert receipt.event("Slashed").args["fromFree"] == 100 * DOLLAR
    assert desk.parts() == (930 * DOLLAR, 0, BOND, 0)
    desk.give_back(BOND, PLEDGE)
    assert desk.parts() == (1_030 * DOLLAR, 0, 0, 0)  # 1 150 - 120
    assert desk.staking.call("pledgeBonds", 1) == 0
    desk.check()


def test_slash_pledge__when_a_bond_holds_part__leaves_the_others_their_cover_in_the_end(desk: Desk) -> None:
    desk.register(free=1_400 * DOLLAR)
    assert desk.pledge(120 * DOLLAR)
    assert desk.pledge(250 * DOLLAR)  # B
    assert desk.bond(BOND, 120 * DOLLAR) == PLEDGE
    assert desk.slash_pledge(90 * DOLLAR, 120 * DOLLAR).result["slashed"] == 90 * DOLLAR
    desk.give_back(BOND, PLEDGE)
    assert desk.parts() == (1_060 * DOLLAR, 250 * DOLLAR, 0, 0)  # 1 400 - 250 - 90


def test_slash_pledge__more_than_there_is__never_reverts(desk: Desk) -> None:
    desk.register(free=1_010 * DOLLAR)
    assert desk.pledge(10 * DOLLAR)
    assert desk.slash_pledge(2**64 - 1, 2**64 - 1).result["slashed"] == 1_010 * DOLLAR
    assert desk.parts() == (0, 0, 0, 0)
    desk.check()


def test_slash_pledge__a_share_for_nobody_or_too_great__is_refused(desk: Desk) -> None:
    desk.register(free=1_010 * DOLLAR)
    for bad in (
        {"loss": 1},
        {"reward": 1},
        {"challenger": CAROL.address, "reward": 3_001},
        {"recover": 1},
        {"fee": 1},
    ):
        with reverts("Staking_BadSlash"):
            desk.slash_pledge(1, 1, **bad)
    with reverts("Staking_UnknownOperator", operator=2):
        desk.slash_pledge(1, 1, operator=2)


def test_slash__in_the_second_of_a_withdrawal__takes_what_was_not_taken_out(desk: Desk) -> None:
    desk.register(free=1_000)
    desk.staking.transact("unstake", 1, 1_000, sender=ALICE)
    desk.evm.warp(THAW)
    assert desk.slash_pledge(400, 0).result["slashed"] == 400
    assert desk.staking.transact("withdraw", 1, ALICE.address, sender=ALICE).result == 600
    assert desk.slash_pledge(400, 0).result["slashed"] == 0
    desk.check()


# A currency that calls back


@pytest.mark.parametrize("during", ["takeBond", "recoverSurplus", "stake"])
@pytest.mark.parametrize("early", [True, False])
def test_reentrant_currency__enters_no_sibling(during: str, early: bool) -> None:
    evm = Evm()
    token = evm.deploy("ReentrantDollar")
    # The currency is Escrow, ledger, administrator, owner and payer itself: nothing but the guard can refuse it.
    authority = evm.deploy("AccessManager", token.address)
    staking = evm.deploy(
        "Staking",
        authority=authority.address,
        currency=token.address,
        escrow=token.address,
        ledger=token.address,
        court=token.address,
        challenges=token.address,
        insurance=INSURANCE.address,
        thawPeriod=301,
        maxLiability=200,
        maxPause=100,
        keyRevocationDelay=1,
        minProvider=MINIMUM,
        minVerifier=1,
        minRelayer=1,
    )
    token.transact("mint", token.address, 10_000 * DOLLAR, sender=EVE)
    order = slash_order(1)

    def act(data: bytes, to: Bound = staking) -> None:
        token.transact("execute", to.address, data, sender=EVE)

    act(token.encode("approve", staking.address, 2**255), token)
    act(staking.encode("register", Role.PROVIDER, 1, 0, 0, bytes(32)))
    act(staking.encode("registerSource", EVE.address, bytes(32)))
    act(staking.encode("stake", 1, 1_500 * DOLLAR))
    act(staking.encode("tryPledge", 1, 200 * DOLLAR))
    act(staking.encode("tryReserve", 1, 300 * DOLLAR))
    token.transact("mint", staking.address, 5, sender=EVE)
    outer = {
        "takeBond": staking.encode("takeBond", 1, 50, 0, token.address),
        "recoverSurplus": staking.encode("recoverSurplus", token.address, EVE.address),
        "stake": staking.encode("stake", 1, 50),
    }
    inner = [
        *outer.values(),
        staking.encode("resign", 1),
        staking.encode("authoriseKeys", 1, 0, [EVE.address]),
        staking.encode("setReleaseConsent", 1, 1, True),
        staking.encode("registerSource", EVE.address, bytes(32)),
        staking.encode("setSourceRecipient", 1, EVE.address),
        staking.encode("tryPledge", 1, 0),
        staking.encode("release", 1, 1),
        staking.encode("slashPledge", order, 1, 0),
        staking.encode("slash", order),
        staking.encode("tryReserve", 1, 0),
        staking.encode("unreserve", 1, 1),
        staking.encode("forfeit", 1, 1, EVE.address),
        staking.encode("returnBond", 1, 1, FREE),
        staking.encode("unstake", 1, 1),
    ]
    start = evm.snapshot()
    for data in inner:
        act(data)  # by itself each is allowed
        evm.revert(start)
        token.transact("arm", staking.address, data, early, sender=EVE)
        act(outer[during])
        assert token.call("calls") == 1
        assert not token.call("succeeded")
        assert token.call("returned").hex() == "3ee5aeb5"  # ReentrancyGuardReentrantCall()
        evm.revert(start)


# Many steps against a ledger of our own


def test_random_walk__pledges_bonds_and_slashes__agree_with_agreements_kept_apart(desk: Desk) -> None:
    """The oracle knows every agreement's pledge and every bond by itself; the contract only their sums."""
    dice = random.Random(20_261_123)
    desk.register(free=1_600 * DOLLAR)
    desk.fund(ALICE, 10**15)
    pledges: dict[int, int] = {}  # open agreements
    bonds: list[tuple[int, int]] = []  # (amount, source)
    seen: set[int] = set()
    reserved = taken = put_in = names = short = 0
    for _ in range(900):
        step, amount = dice.randrange(9), dice.randrange(1, 250 * DOLLAR)
        free = desk.parts()[0]
        if step == 0:
            if desk.pledge(amount):
                names += 1
                pledges[names] = amount
                assert free - amount >= MINIMUM
            else:
                assert free - amount < MINIMUM
        elif step == 1 and pledges:
            desk.release(pledges.pop(dice.choice(list(pledges))))
        elif step == 2 and pledges:
            pledge = pledges.pop(dice.choice(list(pledges)))
            wanted = dice.randrange(120 * DOLLAR)
            taken += desk.slash_pledge(wanted, pledge).result["slashed"]
        elif step in (3, 4) and pledges:
            desk.currency.transact("approve", desk.staking.address, dice.choice((0, BOND)), sender=ALICE)
            source = desk.bond(BOND, pledges[dice.choice(list(pledges))])
            seen.add(source)
            if source != NONE:
                bonds.append((BOND, source))
            put_in += BOND if source == CURRENCY else 0
        elif step == 5 and bonds:
            desk.give_back(*bonds.pop(dice.randrange(len(bonds))))
        elif step == 6 and dice.random() < 0.5:
            reserved += amount if desk.reserve(amount) else 0
        elif step == 7 and reserved:
            part = dice.randrange(1, reserved + 1)
            reserved -= part
            desk.staking.transact("unreserve", 1, part, sender=LEDGER)
        elif step == 8 and dice.random() < 0.25:
            desk.fund(ALICE, amount)
            desk.staking.transact("stake", 1, amount, sender=ALICE)
            put_in += amount
        parts = desk.parts()
        lent = desk.staking.call("pledgeBonds", 1)
        short += lent < sum(bond for bond, source in bonds if source == PLEDGE)
        assert parts[1] + lent == sum(pledges.values())
        assert lent <= sum(bond for bond, source in bonds if source == PLEDGE)
        assert parts[2] == reserved + sum(bond for bond, _ in bonds)
        assert sum(parts) == 1_600 * DOLLAR + put_in - taken
        desk.check()
    assert seen == {NONE, FREE, PLEDGE, CURRENCY}
    assert short > 5  # agreements ended while a bond held more of the pledges than was left
    for bond in bonds:
        desk.give_back(*bond)
    for pledge in pledges.values():
        desk.release(pledge)
    assert desk.parts()[1:] == (0, reserved, 0)
    assert desk.staking.call("pledgeBonds", 1) == 0


# Gas


def test_gas__of_what_the_ledger_and_the_escrow_call(desk: Desk) -> None:
    desk.register(free=5_000 * DOLLAR)
    reserved = desk.staking.transact("tryReserve", 1, 100, sender=LEDGER, measure=True).gas
    assert reserved <= 36_000
    assert desk.pledge(500)
    shares = {"victim": BOB.address, "loss": 10, "challenger": CAROL.address, "reward": 2_000}
    order = slash_order(100, **shares)
    slashed = desk.staking.transact("slashPledge", order, 500, 0, sender=ESCROW, measure=True).gas
    assert slashed <= 150_000  # three new credits of 22 100 among it
