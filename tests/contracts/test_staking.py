"""Staking: registration, the four parts of a stake, thawing, pledges, slashes, credits and keys."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.support.evm import Account, Evm, Reverted, account, reverts
from tests.support.system import DOLLAR, Role, System, deploy_system, slash_order

THAW = 1_814_400
DAY = 86_400
ALICE, BOB, CAROL, EVE = (account(name) for name in ("alice", "bob", "carol", "eve"))
ZERO = "0x" + "00" * 20


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


def parts(system: System, operator: int) -> tuple[int, int, int, int]:
    """(free, pledged, reserved, thawing) in µ."""
    got = system.staking.call("get", operator)
    return got["free"], got["pledged"], got["reserved"], got["thawing"]


def pledge(system: System, operator: int, amount: int) -> bool:
    return bool(system.escrow.transact("tryPledge", operator, amount, sender=EVE).result)


def slash(
    system: System,
    operator: int,
    amount: int,
    *,
    victim: str = ZERO,
    loss: int = 0,
    challenger: str = ZERO,
    reward: int = 0,
    sender: Account | None = None,
) -> int:
    order = slash_order(operator, amount, victim=victim, loss=loss, challenger=challenger, reward=reward)
    return int(system.staking.transact("slash", order, sender=sender or system.court).result["slashed"])


# Registration


def test_register__a_provider__is_kept_and_told(system: System) -> None:
    for _ in range(9):
        system.staking.transact("registerSource", EVE.address, b"\0" * 32, sender=EVE)
    receipt = system.staking.transact("register", Role.PROVIDER, 2, 276, 9, b"\1" * 32, sender=ALICE)
    assert receipt.result == 1
    assert receipt.event("Registered").args == {
        "operator": 1,
        "owner": ALICE.address,
        "roles": 1,
        "hardwareClass": 2,
        "region": 276,
        "source": 9,
        "metadata": b"\1" * 32,
    }
    assert system.staking.call("get", 1) == {
        "owner": ALICE.address,
        "roles": 1,
        "hardwareClass": 2,
        "region": 276,
        "signerThreshold": 1,
        "source": 9,
        "free": 0,
        "pledged": 0,
        "reserved": 0,
        "thawing": 0,
        "thawEnds": 0,
        "metadata": b"\1" * 32,
    }
    assert system.register(BOB, Role.RELAYER) == 2
    assert system.staking.call("count") == 2
    assert (system.staking.call("ownerOf", 2), system.staking.call("ownerOf", 3)) == (BOB.address, ZERO)


@pytest.mark.parametrize(
    ("roles", "hardware"),
    [(0, 0), (8, 0), (9, 1), (Role.PROVIDER, 0), (Role.VERIFIER, 1), (Role.RELAYER | Role.VERIFIER, 3)],
)
def test_register__roles_and_class_that_do_not_fit__are_refused(
    system: System, roles: int, hardware: int
) -> None:
    with reverts("Staking_BadRegistration"):
        system.staking.transact("register", roles, hardware, 0, 0, b"\0" * 32, sender=ALICE)


# Stake


def test_stake__by_anyone__is_free_stake(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER)
    system.fund(BOB, 700, system.staking)
    receipt = system.staking.transact("stake", operator, 700, sender=BOB)
    assert receipt.event("Staked").args == {"operator": operator, "from": BOB.address, "amount": 700}
    assert parts(system, operator) == (700, 0, 0, 0)
    assert (system.balance(BOB), system.balance(system.staking)) == (0, 700)
    assert system.staking.call("totalStake") == 700


def test_stake__nothing_or_for_nobody__is_refused(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER)
    with reverts("Staking_ZeroAmount"):
        system.staking.transact("stake", operator, 0, sender=ALICE)
    with reverts("Staking_UnknownOperator", operator=2):
        system.staking.transact("stake", 2, 1, sender=ALICE)
    with reverts("Staking_UnknownOperator", operator=0):
        system.staking.transact("stake", 0, 1, sender=ALICE)
    with reverts("ERC20InsufficientAllowance"):
        system.staking.transact("stake", operator, 1, sender=ALICE)


def test_stake__beyond_64_bits__is_refused_and_changes_nothing(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=2**64 - 1)
    system.fund(ALICE, 10, system.staking)
    with reverts("StakeParts_TooMuch", sum=2**64):
        system.staking.transact("stake", operator, 1, sender=ALICE)
    assert pledge(system, operator, 10**9)
    with reverts("StakeParts_TooMuch"):
        system.staking.transact("stake", operator, 1, sender=ALICE)
    system.escrow.transact("release", operator, 10**9, sender=EVE)
    assert parts(system, operator) == (2**64 - 1, 0, 0, 0)


def test_stake__with_a_currency_that_takes_a_fee__is_refused() -> None:
    system = deploy_system(currency="FeeOnTransferDollar", escrow="MockEscrow")
    operator = system.register(ALICE, Role.PROVIDER)
    system.fund(ALICE, 1_000, system.staking)
    with reverts("Staking_WrongAmountReceived", expected=1_000, received=990):
        system.staking.transact("stake", operator, 1_000, sender=ALICE)
    assert system.balance(ALICE) == 1_000


# Thawing


def test_unstake__then_withdraw__waits_for_the_whole_thaw(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=5_000)
    ends = system.evm.now + THAW
    receipt = system.staking.transact("unstake", operator, 2_000, sender=ALICE)
    assert receipt.event("ThawStarted").args == {
        "operator": operator,
        "amount": 2_000,
        "thawing": 2_000,
        "thawEnds": ends,
    }
    assert parts(system, operator) == (3_000, 0, 0, 2_000)
    system.evm.warp_to(ends - 1)
    with reverts("Staking_StillThawing", operator=operator, thawEnds=ends):
        system.staking.transact("withdraw", operator, BOB.address, sender=ALICE)
    system.evm.warp(1)
    receipt = system.staking.transact("withdraw", operator, BOB.address, sender=ALICE)
    assert receipt.result == 2_000
    assert receipt.event("Withdrawn").args == {"operator": operator, "to": BOB.address, "amount": 2_000}
    assert system.balance(BOB) == 2_000
    assert parts(system, operator) == (3_000, 0, 0, 0)
    assert system.staking.call("get", operator)["thawEnds"] == 0
    assert system.staking.call("totalStake") == 3_000
    with reverts("Staking_NothingThaws", operator=operator):
        system.staking.transact("withdraw", operator, BOB.address, sender=ALICE)


def test_unstake__more_while_thawing__restarts_the_clock_of_all(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=5_000)
    system.staking.transact("unstake", operator, 1_000, sender=ALICE)
    system.evm.warp(THAW - 1)
    system.staking.transact("unstake", operator, 500, sender=ALICE)
    ends = system.evm.now + THAW
    system.evm.warp(1)
    with reverts("Staking_StillThawing", thawEnds=ends):
        system.staking.transact("withdraw", operator, ALICE.address, sender=ALICE)
    system.evm.warp_to(ends)
    assert system.staking.transact("withdraw", operator, ALICE.address, sender=ALICE).result == 1_500


def test_cancel_thaw__turns_all_of_it_back(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=5_000)
    with reverts("Staking_NothingThaws", operator=operator):
        system.staking.transact("cancelThaw", operator, sender=ALICE)
    system.staking.transact("unstake", operator, 1_000, sender=ALICE)
    receipt = system.staking.transact("cancelThaw", operator, sender=ALICE)
    assert receipt.event("ThawCancelled").args == {"operator": operator, "amount": 1_000}
    assert parts(system, operator) == (5_000, 0, 0, 0)
    assert system.staking.call("get", operator)["thawEnds"] == 0


def test_unstake__more_than_is_free__is_refused(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=2_000 * DOLLAR)
    assert pledge(system, operator, 600 * DOLLAR)
    with reverts("Staking_NotEnoughFree", operator=operator, free=1_400 * DOLLAR, wanted=1_400 * DOLLAR + 1):
        system.staking.transact("unstake", operator, 1_400 * DOLLAR + 1, sender=ALICE)
    with reverts("Staking_ZeroAmount"):
        system.staking.transact("unstake", operator, 0, sender=ALICE)
    system.staking.transact("unstake", operator, 1_400 * DOLLAR, sender=ALICE)
    assert parts(system, operator) == (0, 600 * DOLLAR, 0, 1_400 * DOLLAR)


@pytest.mark.parametrize(
    ("function", "values"),
    [
        ("unstake", (1,)),
        ("cancelThaw", ()),
        ("withdraw", (EVE.address,)),
        ("authoriseKey", (0, EVE.address)),
        ("revokeKey", (0, EVE.address)),
        ("setSignerThreshold", (2,)),
    ],
)
def test_owner_functions__by_another__are_refused(
    system: System, function: str, values: tuple[object, ...]
) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=10)
    for number in (operator, operator + 1, 0):
        with reverts("Staking_NotOwner", operator=number, caller=EVE.address):
            system.staking.transact(function, number, *values, sender=EVE)


def test_unstake__below_the_minimum__ends_the_role_at_once(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_000 * DOLLAR)
    assert system.staking.call("isActive", operator, Role.PROVIDER)
    system.staking.transact("unstake", operator, 1, sender=ALICE)
    assert not system.staking.call("isActive", operator, Role.PROVIDER)
    assert not pledge(system, operator, 0)
    system.staking.transact("cancelThaw", operator, sender=ALICE)
    assert system.staking.call("isActive", operator, Role.PROVIDER)


def test_withdraw__to_a_blacklisted_address__delays_only_that_address(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_000)
    system.staking.transact("unstake", operator, 1_000, sender=ALICE)
    system.evm.warp(THAW)
    system.currency.transact("blacklist", ALICE.address, True, sender=system.admin)
    with reverts("TestDollar_Blacklisted", holder=ALICE.address):
        system.staking.transact("withdraw", operator, ALICE.address, sender=ALICE)
    with reverts("Staking_ZeroAddress"):
        system.staking.transact("withdraw", operator, ZERO, sender=ALICE)
    assert system.staking.transact("withdraw", operator, BOB.address, sender=ALICE).result == 1_000


# Activity


def test_is_active__each_role__has_its_own_minimum(system: System) -> None:
    roles = Role.PROVIDER | Role.VERIFIER | Role.RELAYER
    operator = system.register(ALICE, roles, free=2_000 * DOLLAR)
    active = [system.staking.call("isActive", operator, role) for role in (1, 2, 4, 3, 7, 0, 8)]
    assert active == [True, True, False, True, False, False, False]
    assert system.staking.call("postingTerms", operator) == (False, 2_000 * DOLLAR, 1)
    system.fund(ALICE, 8_000 * DOLLAR)
    system.staking.transact("stake", operator, 8_000 * DOLLAR, sender=ALICE)
    assert system.staking.call("postingTerms", operator) == (True, 10_000 * DOLLAR, 1)
    assert system.staking.call("postingTerms", 99) == (False, 0, 0)
    assert [system.staking.call("minimumStake", mask) // DOLLAR for mask in range(8)] == [
        0,
        1_000,
        2_000,
        2_000,
        10_000,
        10_000,
        10_000,
        10_000,
    ]


def test_is_active__without_the_role__is_false_however_much_is_staked(system: System) -> None:
    operator = system.register(ALICE, Role.VERIFIER, free=10**12)
    assert not system.staking.call("isActive", operator, Role.PROVIDER)
    assert system.staking.call("isActive", operator, Role.VERIFIER)
    assert not pledge(system, operator, 0)


# Pledges


def test_try_pledge__keeps_the_highest_minimum_of_all_roles(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER | Role.VERIFIER, free=2_500 * DOLLAR)
    assert not pledge(system, operator, 500 * DOLLAR + 1)
    assert parts(system, operator) == (2_500 * DOLLAR, 0, 0, 0)
    assert pledge(system, operator, 500 * DOLLAR)
    assert parts(system, operator) == (2_000 * DOLLAR, 500 * DOLLAR, 0, 0)
    assert not pledge(system, operator, 1)
    assert pledge(system, operator, 0)
    assert system.staking.call("totalStake") == 2_500 * DOLLAR


def test_try_pledge__nobody__is_false(system: System) -> None:
    assert not pledge(system, 1, 0)


def test_try_pledge__and_release__are_the_escrows_alone(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=5_000 * DOLLAR)
    for function in ("tryPledge", "release"):
        for caller in (ALICE, system.admin):
            with reverts("Staking_NotEscrow", caller=caller.address):
                system.staking.transact(function, operator, 1, sender=caller)


def test_release__gives_back_no_more_than_is_pledged(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_900 * DOLLAR)
    assert pledge(system, operator, 700)
    system.escrow.transact("release", operator, 300, sender=EVE)
    assert parts(system, operator) == (1_900 * DOLLAR - 400, 400, 0, 0)
    with reverts("StakeParts_TooLittle", held=400, wanted=401):
        system.escrow.transact("release", operator, 401, sender=EVE)


# Slashing


def test_slash__worked_numbers__victim_then_challenger_then_insurance(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=2_000 * DOLLAR)
    order = slash_order(
        operator,
        1_000 * DOLLAR,
        victim=BOB.address,
        loss=300 * DOLLAR,
        challenger=CAROL.address,
        reward=2_000,
    )
    receipt = system.staking.transact("slash", order, sender=system.court)
    assert receipt.result == {
        "recovered": 0,
        "slashed": 1_000 * DOLLAR,
        "toVictim": 300 * DOLLAR,
        "toChallenger": 200 * DOLLAR,
        "toInsurance": 500 * DOLLAR,
        "fee": 0,
    }
    assert receipt.event("Slashed").args == {
        "operator": operator,
        "reason": 7,
        "fromFree": 1_000 * DOLLAR,
        "fromThawing": 0,
        "victim": BOB.address,
        "toVictim": 300 * DOLLAR,
        "challenger": CAROL.address,
        "toChallenger": 200 * DOLLAR,
        "toInsurance": 500 * DOLLAR,
    }
    owed = [system.staking.call("credits", who.address) for who in (BOB, CAROL, system.insurance)]
    assert owed == [300 * DOLLAR, 200 * DOLLAR, 500 * DOLLAR]
    assert parts(system, operator) == (1_000 * DOLLAR, 0, 0, 0)
    assert system.staking.call("totalStake") == system.staking.call("totalCredits") == 1_000 * DOLLAR
    assert system.balance(system.staking) == 2_000 * DOLLAR


def test_slash__victims_loss_takes_all__leaves_the_challenger_what_is_left(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_000)
    assert (
        slash(system, operator, 100, victim=BOB.address, loss=90, challenger=CAROL.address, reward=3_000)
        == 100
    )
    owed = [system.staking.call("credits", who.address) for who in (BOB, CAROL, system.insurance)]
    assert owed == [90, 10, 0]  # 30 % of 100 would be 30
    assert (
        slash(system, operator, 100, victim=BOB.address, loss=10**15, challenger=CAROL.address, reward=3_000)
        == 100
    )
    owed = [system.staking.call("credits", who.address) for who in (BOB, CAROL, system.insurance)]
    assert owed == [190, 10, 0]


def test_slash__tiny__rounds_the_reward_up(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_000)
    assert slash(system, operator, 1, challenger=CAROL.address, reward=1) == 1
    assert slash(system, operator, 11, challenger=CAROL.address, reward=1_000) == 11
    assert system.staking.call("credits", CAROL.address) == 1 + 2
    assert system.staking.call("credits", system.insurance.address) == 9


def test_slash__takes_free_then_thawing_and_never_what_is_pledged(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=3_000 * DOLLAR)
    assert pledge(system, operator, 500 * DOLLAR)
    system.staking.transact("unstake", operator, 2_300 * DOLLAR, sender=ALICE)
    ends = system.staking.call("get", operator)["thawEnds"]
    assert slash(system, operator, 900 * DOLLAR) == 900 * DOLLAR
    assert parts(system, operator) == (0, 500 * DOLLAR, 0, 1_600 * DOLLAR)
    assert system.staking.call("get", operator)["thawEnds"] == ends
    receipt = system.staking.transact(
        "slash", slash_order(operator, 2**64 - 1, reason=0), sender=system.court
    )
    assert receipt.result["slashed"] == 1_600 * DOLLAR
    assert receipt.event("Slashed").args["fromFree"] == 0
    assert receipt.event("Slashed").args["fromThawing"] == 1_600 * DOLLAR
    assert parts(system, operator) == (0, 500 * DOLLAR, 0, 0)
    assert system.staking.call("get", operator)["thawEnds"] == 0
    assert slash(system, operator, 5) == 0  # nothing is left, and that is no error
    system.escrow.transact("release", operator, 500 * DOLLAR, sender=EVE)
    assert system.staking.call("totalStake") == 500 * DOLLAR


def test_slash__thawed_but_not_withdrawn__is_still_liable(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_000)
    system.staking.transact("unstake", operator, 1_000, sender=ALICE)
    system.evm.warp(THAW)
    assert slash(system, operator, 400) == 400
    assert system.staking.transact("withdraw", operator, ALICE.address, sender=ALICE).result == 600


def test_slash__one_person_in_every_part__gets_the_sum(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_000)
    slash(system, operator, 100, victim=BOB.address, loss=40, challenger=BOB.address, reward=1_000)
    assert system.staking.call("credits", BOB.address) == 50
    assert system.staking.call("totalCredits") == 100


def test_slash__by_anybody_but_court_and_challenges__is_refused(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_000)
    for caller in (ALICE, EVE, system.admin):
        with reverts("Staking_NotCourt", caller=caller.address):
            slash(system, operator, 1, sender=caller)


def test_slash__a_share_for_nobody_or_too_great__is_refused(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_000)
    with reverts("Staking_BadSlash"):
        slash(system, operator, 1, loss=1)
    with reverts("Staking_BadSlash"):
        slash(system, operator, 1, reward=1)
    with reverts("Staking_BadSlash"):
        slash(system, operator, 1, challenger=CAROL.address, reward=3_001)
    for order in (
        slash_order(operator, 1, victim=BOB.address, recover=1),  # only a pledge can be recovered from
        slash_order(operator, 1, fee=1),
    ):
        with reverts("Staking_BadSlash"):
            system.staking.transact("slash", order, sender=system.court)
    with reverts("Staking_UnknownOperator", operator=operator + 1):
        slash(system, operator + 1, 1)
    assert slash(system, operator, 0) == 0


# Credits


def test_claim_credit__pays_once_to_an_address_of_choice(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=1_000)
    slash(system, operator, 100, victim=BOB.address, loss=60)
    system.currency.transact("blacklist", BOB.address, True, sender=system.admin)
    with reverts("TestDollar_Blacklisted", holder=BOB.address):
        system.staking.transact("claimCredit", BOB.address, sender=BOB)
    with reverts("Staking_ZeroAddress"):
        system.staking.transact("claimCredit", ZERO, sender=BOB)
    receipt = system.staking.transact("claimCredit", CAROL.address, sender=BOB)
    assert receipt.event("CreditClaimed").args == {"holder": BOB.address, "to": CAROL.address, "amount": 60}
    assert system.balance(CAROL) == 60
    with reverts("Staking_NothingToClaim", holder=BOB.address):
        system.staking.transact("claimCredit", CAROL.address, sender=BOB)
    assert system.staking.call("totalCredits") == 40


# Keys

DEVICE, VERIFIER, SIGNER = 0, 1, 2


def test_keys__device__stays_good_for_the_delay_after_its_revocation(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER)
    start = system.evm.now
    receipt = system.staking.transact("authoriseKey", operator, DEVICE, CAROL.address, sender=ALICE)
    assert receipt.event("KeyAuthorised").args == {
        "operator": operator,
        "kind": DEVICE,
        "key": CAROL.address,
        "validFrom": start,
    }
    system.evm.warp(100)
    receipt = system.staking.transact("revokeKey", operator, DEVICE, CAROL.address, sender=ALICE)
    ends = start + 100 + DAY
    assert receipt.event("KeyRevoked").args["revokedAt"] == ends
    validity = system.staking.call("keyValidity", operator, DEVICE, CAROL.address)
    assert validity == {"validFrom": start, "revokedAt": ends}
    times = [0, start - 1, start, ends - 1, ends, ends + 1]
    good = [system.staking.call("isKeyValid", operator, DEVICE, CAROL.address, time) for time in times]
    assert good == [False, False, True, True, False, False]


@pytest.mark.parametrize("kind", [VERIFIER, SIGNER])
def test_keys__verifier_and_signer__end_at_once(system: System, kind: int) -> None:
    operator = system.register(ALICE, Role.VERIFIER)
    start = system.evm.now
    system.staking.transact("authoriseKey", operator, kind, CAROL.address, sender=ALICE)
    assert system.staking.call("isKeyValid", operator, kind, CAROL.address, 2**40 - 1)
    system.evm.warp(10)
    system.staking.transact("revokeKey", operator, kind, CAROL.address, sender=ALICE)
    good = [
        system.staking.call("isKeyValid", operator, kind, CAROL.address, start + after) for after in (9, 10)
    ]
    assert good == [True, False]


def test_keys__revoked__never_come_back_and_their_end_never_moves(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER)
    with reverts("Staking_KeyUnknown", operator=operator, kind=DEVICE, key=CAROL.address):
        system.staking.transact("revokeKey", operator, DEVICE, CAROL.address, sender=ALICE)
    system.staking.transact("authoriseKey", operator, DEVICE, CAROL.address, sender=ALICE)
    with reverts("Staking_KeyAlreadyAuthorised", key=CAROL.address):
        system.staking.transact("authoriseKey", operator, DEVICE, CAROL.address, sender=ALICE)
    system.staking.transact("revokeKey", operator, DEVICE, CAROL.address, sender=ALICE)
    ends = system.evm.now + DAY
    system.evm.warp(5)
    with reverts("Staking_KeyAlreadyRevoked", revokedAt=ends):
        system.staking.transact("revokeKey", operator, DEVICE, CAROL.address, sender=ALICE)
    system.evm.warp(2 * DAY)
    with reverts("Staking_KeyAlreadyAuthorised", key=CAROL.address):
        system.staking.transact("authoriseKey", operator, DEVICE, CAROL.address, sender=ALICE)
    with reverts("Staking_ZeroAddress"):
        system.staking.transact("authoriseKey", operator, DEVICE, ZERO, sender=ALICE)


def test_keys__of_one_kind_and_operator__are_good_for_no_other(system: System) -> None:
    first, second = system.register(ALICE, Role.PROVIDER), system.register(BOB, Role.PROVIDER)
    system.staking.transact("authoriseKey", first, DEVICE, CAROL.address, sender=ALICE)
    now = system.evm.now
    assert system.staking.call("isKeyValid", first, DEVICE, CAROL.address, now)
    assert not system.staking.call("isKeyValid", second, DEVICE, CAROL.address, now)
    assert not system.staking.call("isKeyValid", first, VERIFIER, CAROL.address, now)
    assert not system.staking.call("isKeyValid", first, SIGNER, CAROL.address, now)
    assert not system.staking.call("isKeyValid", first, DEVICE, ALICE.address, now)
    system.staking.transact("authoriseKey", second, DEVICE, CAROL.address, sender=BOB)
    system.staking.transact("authoriseKey", first, SIGNER, CAROL.address, sender=ALICE)


def test_signer_threshold__is_at_least_one(system: System) -> None:
    operator = system.register(ALICE, Role.RELAYER)
    with reverts("Staking_BadThreshold", threshold=0):
        system.staking.transact("setSignerThreshold", operator, 0, sender=ALICE)
    receipt = system.staking.transact("setSignerThreshold", operator, 3, sender=ALICE)
    assert receipt.event("SignerThresholdSet").args == {"operator": operator, "threshold": 3}
    assert system.staking.call("postingTerms", operator)[2] == 3
    assert system.staking.call("get", operator)["owner"] == ALICE.address


# Construction


def construction(evm: Evm, **changes: Any) -> dict[str, Any]:
    dollar = evm.deploy("TestDollar", ALICE.address)
    return {
        "authority": ALICE.address,
        "currency": dollar.address,
        "escrow": BOB.address,
        "ledger": EVE.address,
        "court": EVE.address,
        "challenges": EVE.address,
        "insurance": CAROL.address,
        "thawPeriod": 301,
        "maxLiability": 200,
        "maxPause": 100,
        "keyRevocationDelay": 1,
        "minProvider": 1,
        "minVerifier": 1,
        "minRelayer": 1,
        **changes,
    }


def test_constructor__thaw_no_longer_than_liability_and_pause__is_refused() -> None:
    evm = Evm()
    assert evm.deploy("Staking", **construction(evm)).call("THAW_PERIOD") == 301
    for thaw in (300, 0):
        with reverts("Staking_ThawTooShort", thaw=thaw, needed=301):
            evm.deploy("Staking", **construction(evm, thawPeriod=thaw))
    most = 2**40 - 1
    with reverts("Staking_ThawTooShort", thaw=most, needed=2 * most + 1):
        evm.deploy("Staking", **construction(evm, thawPeriod=most, maxLiability=most, maxPause=most))


def test_constructor__an_unfit_currency_or_nobody__is_refused() -> None:
    evm = Evm()
    eighteen = evm.deploy("TallyToken", ALICE.address).address
    for currency in (eighteen, EVE.address):
        with reverts("Staking_UnfitCurrency", currency=currency):
            evm.deploy("Staking", **construction(evm, currency=currency))
    for name in ("authority", "escrow", "ledger", "insurance"):
        with reverts("Staking_ZeroAddress"):
            evm.deploy("Staking", **construction(evm, **{name: ZERO}))


# A currency that calls back


@pytest.mark.parametrize("during", ["stake", "withdraw", "claimCredit"])
@pytest.mark.parametrize("early", [True, False])
def test_reentrant_currency__enters_no_sibling(during: str, early: bool) -> None:
    system = deploy_system(currency="ReentrantDollar", escrow="MockEscrow")
    staking, token = system.staking, system.currency
    # The currency is the operator's owner and the victim itself, so nothing but the guard can refuse it.
    system.mint(token.address, 10_000 * DOLLAR)
    for target, data in (
        (token, token.encode("approve", staking.address, 2**255)),
        (staking, staking.encode("register", Role.PROVIDER, 1, 0, 0, b"\0" * 32)),
        (staking, staking.encode("stake", 1, 5_000 * DOLLAR)),
        (staking, staking.encode("unstake", 1, 1_000 * DOLLAR)),
    ):
        token.transact("execute", target.address, data, sender=EVE)
    slash(system, 1, 100, victim=token.address, loss=100)
    staking.transact("register", Role.RELAYER, 0, 0, 0, b"\0" * 32, sender=EVE)
    system.evm.warp(THAW)
    outer = {
        "stake": staking.encode("stake", 1, 50),
        "withdraw": staking.encode("withdraw", 1, EVE.address),
        "claimCredit": staking.encode("claimCredit", EVE.address),
    }
    inner = [
        *((staking, data) for data in outer.values()),
        (staking, staking.encode("register", Role.PROVIDER, 1, 0, 0, b"\0" * 32)),
        (staking, staking.encode("unstake", 1, 1)),
        (staking, staking.encode("cancelThaw", 1)),
        (staking, staking.encode("authoriseKey", 1, 0, EVE.address)),
        (staking, staking.encode("revokeKey", 1, 0, EVE.address)),
        (staking, staking.encode("setSignerThreshold", 1, 2)),
        (staking, staking.encode("slash", slash_order(1, 1))),
        (system.escrow, system.escrow.encode("tryPledge", 1, 1)),
        (system.escrow, system.escrow.encode("release", 1, 0)),
    ]
    start = system.evm.snapshot()
    for target, data in inner:
        token.transact("arm", target.address, data, early, sender=EVE)
        token.transact("execute", staking.address, outer[during], sender=EVE)
        assert token.call("calls") == 1
        assert not token.call("succeeded")
        assert token.call("returned").hex() == "3ee5aeb5"  # ReentrancyGuardReentrantCall()
        system.evm.revert(start)


# Many steps against a ledger of our own


def test_random_walk__agrees_with_a_plain_ledger(system: System) -> None:
    dice = random.Random(20_261_122)
    operator = system.register(ALICE, Role.PROVIDER)
    system.fund(ALICE, 10**15, system.staking)
    free = pledged = thawing = ends = 0
    owed = {BOB.address: 0, CAROL.address: 0, system.insurance.address: 0}
    minimum = 1_000 * DOLLAR
    for _ in range(400):
        step, amount = dice.randrange(8), dice.randrange(1, 800 * DOLLAR)
        system.evm.warp(dice.choice((1, DAY, THAW // 2)))
        if step == 0:
            system.staking.transact("stake", operator, amount, sender=ALICE)
            free += amount
        elif step == 1 and free >= amount:
            system.staking.transact("unstake", operator, amount, sender=ALICE)
            free, thawing, ends = free - amount, thawing + amount, system.evm.now + THAW
        elif step == 2 and thawing and dice.random() < 0.3:
            system.staking.transact("cancelThaw", operator, sender=ALICE)
            free, thawing = free + thawing, 0
        elif step == 3 and thawing and system.evm.now >= ends:
            assert system.staking.transact("withdraw", operator, EVE.address, sender=ALICE).result == thawing
            thawing = 0
        elif step in (4, 5):
            fits = free >= minimum and amount <= free - minimum
            assert pledge(system, operator, amount) is fits
            if fits:
                free, pledged = free - amount, pledged + amount
        elif step == 6 and pledged >= amount:
            system.escrow.transact("release", operator, amount, sender=EVE)
            free, pledged = free + amount, pledged - amount
        elif step == 7 and dice.random() < 0.4:
            loss, reward = dice.randrange(800 * DOLLAR), dice.randrange(3_001)
            taken = min(amount, free + thawing)
            got = slash(
                system,
                operator,
                amount,
                victim=BOB.address,
                loss=loss,
                challenger=CAROL.address,
                reward=reward,
            )
            assert got == taken
            left = max(0, taken - free)
            free, thawing = max(0, free - taken), thawing - left
            victim = min(taken, loss)
            challenger = min(taken - victim, -(-taken * reward // 10_000))
            owed[BOB.address] += victim
            owed[CAROL.address] += challenger
            owed[system.insurance.address] += taken - victim - challenger
        assert parts(system, operator) == (free, pledged, 0, thawing)
        assert system.staking.call("totalStake") == free + pledged + thawing
        assert {who: system.staking.call("credits", who) for who in owed} == owed
        assert system.staking.call("totalCredits") == sum(owed.values())
        assert system.balance(system.staking) == free + pledged + thawing + sum(owed.values())


def test_donations__distort_nothing(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=100)
    system.mint(system.staking.address, 5_000)
    assert system.staking.call("totalStake") == 100
    slash(system, operator, 2**64 - 1)
    assert system.staking.call("totalCredits") == 100
    with pytest.raises(Reverted):
        system.staking.transact("claimCredit", EVE.address, sender=EVE)


# Gas


def test_gas__stays_within_its_goals(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=5_000 * DOLLAR)
    system.fund(ALICE, 100, system.staking)
    assert system.staking.transact("stake", operator, 100, sender=ALICE, measure=True).gas <= 60_000
    first = system.escrow.transact("pledgeMany", operator, 1, 2, sender=EVE, measure=True).gas
    more = system.escrow.transact("pledgeMany", operator, 1, 102, sender=EVE, measure=True).gas
    assert (more - first) / 100 <= 2_350  # a warm pledge, the caller's loop and call included
    order = slash_order(operator, 100, victim=BOB.address, loss=30, challenger=CAROL.address, reward=2_000)
    slashed = system.staking.transact("slash", order, sender=system.court, measure=True).gas
    assert slashed <= 150_000
