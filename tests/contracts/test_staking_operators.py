"""Staking: leaving, sources of supply, keys in bulk, consents, and the recovery of what was donated."""

from __future__ import annotations

import pytest

from tests.support.evm import account, reverts
from tests.support.system import DOLLAR, Role, System, deploy_system, slash_order

ALICE, BOB, CAROL, EVE = (account(name) for name in ("alice", "bob", "carol", "eve"))
ZERO = "0x" + "00" * 20
THAW = 1_814_400
DEVICE, VERIFIER, SIGNER = 0, 1, 2


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


def parts(system: System, operator: int) -> tuple[int, int, int, int]:
    """(free, pledged, reserved, thawing) in µ."""
    got = system.staking.call("get", operator)
    return got["free"], got["pledged"], got["reserved"], got["thawing"]


def pledge(system: System, operator: int, amount: int) -> bool:
    return bool(system.escrow.transact("tryPledge", operator, amount, sender=EVE).result)


# Leaving


def test_resign__with_pledges_out__ends_the_roles_and_thaws_what_is_free(system: System) -> None:
    roles = Role.PROVIDER | Role.RELAYER
    operator = system.register(ALICE, roles, free=12_000 * DOLLAR)
    assert pledge(system, operator, 500 * DOLLAR)
    ends = system.evm.now + THAW
    receipt = system.staking.transact("resign", operator, sender=ALICE)
    assert [log.name for log in receipt.logs] == ["Resigned", "ThawStarted"]
    assert receipt.event("Resigned").args == {"operator": operator}
    assert receipt.event("ThawStarted").args == {
        "operator": operator,
        "amount": 11_500 * DOLLAR,
        "thawing": 11_500 * DOLLAR,
        "thawEnds": ends,
    }
    assert parts(system, operator) == (0, 500 * DOLLAR, 0, 11_500 * DOLLAR)
    # Nothing new opens, is posted or attested.
    assert not pledge(system, operator, 0)
    assert system.staking.call("postingTerms", operator)[0] is False
    assert not any(system.staking.call("isActive", operator, role) for role in (1, 2, 4))
    # What runs goes on: the pledge comes free when its agreement ends, and is thawed by {unstake}.
    system.escrow.transact("release", operator, 500 * DOLLAR, sender=EVE)
    assert parts(system, operator) == (500 * DOLLAR, 0, 0, 11_500 * DOLLAR)
    system.evm.warp_to(ends)
    assert (
        system.staking.transact("withdraw", operator, ALICE.address, sender=ALICE).result == 11_500 * DOLLAR
    )
    system.staking.transact("unstake", operator, 500 * DOLLAR, sender=ALICE)
    system.evm.warp(THAW)
    assert system.staking.transact("withdraw", operator, ALICE.address, sender=ALICE).result == 500 * DOLLAR
    assert system.balance(system.staking) == system.staking.call("totalStake") == 0


def test_resign__is_for_good(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=5_000 * DOLLAR)
    system.staking.transact("resign", operator, sender=ALICE)
    with reverts("Staking_AlreadyResigned", operator=operator):
        system.staking.transact("resign", operator, sender=ALICE)
    system.staking.transact(
        "cancelThaw", operator, sender=ALICE
    )  # the money may come back, the role does not
    assert parts(system, operator) == (5_000 * DOLLAR, 0, 0, 0)
    assert not pledge(system, operator, 0)
    assert not system.staking.call("isActive", operator, Role.PROVIDER)
    assert system.staking.call("get", operator)["owner"] == ALICE.address


def test_resign__with_nothing_free__thaws_nothing(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER)
    receipt = system.staking.transact("resign", operator, sender=ALICE)
    assert [log.name for log in receipt.logs] == ["Resigned"]
    assert system.staking.call("get", operator)["thawEnds"] == 0


def test_resign__restarts_a_thaw_that_runs(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=5_000)
    system.staking.transact("unstake", operator, 1_000, sender=ALICE)
    system.evm.warp(THAW - 1)
    system.staking.transact("resign", operator, sender=ALICE)
    ends = system.evm.now + THAW
    system.evm.warp(1)
    with reverts("Staking_StillThawing", operator=operator, thawEnds=ends):
        system.staking.transact("withdraw", operator, ALICE.address, sender=ALICE)


def test_resign__what_thaws_is_still_liable(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=5_000)
    system.staking.transact("resign", operator, sender=ALICE)
    order = slash_order(operator, 4_000, victim=BOB.address, loss=4_000)
    assert system.staking.transact("slash", order, sender=system.court).result["slashed"] == 4_000
    assert system.staking.call("credits", BOB.address) == 4_000
    assert parts(system, operator) == (0, 0, 0, 1_000)


@pytest.mark.parametrize(
    ("function", "values"),
    [
        ("resign", ()),
        ("authoriseKeys", (0, [EVE.address])),
        ("authoriseKeys", (0, [])),
        ("setReleaseConsent", (1, True)),
    ],
)
def test_owner_functions__by_another__are_refused(
    system: System, function: str, values: tuple[object, ...]
) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=10)
    for number in (operator, operator + 1, 0):
        with reverts("Staking_NotOwner", operator=number, caller=EVE.address):
            system.staking.transact(function, number, *values, sender=EVE)


# Sources


def test_sources__have_their_own_fee_recipient(system: System) -> None:
    receipt = system.staking.transact("registerSource", CAROL.address, b"\3" * 32, sender=BOB)
    assert receipt.result == 1
    assert receipt.event("SourceRegistered").args == {
        "source": 1,
        "owner": BOB.address,
        "feeRecipient": CAROL.address,
        "metadata": b"\3" * 32,
    }
    assert system.staking.call("sourceCount") == 1
    assert system.staking.call("sourceOf", 1) == {
        "owner": BOB.address,
        "feeRecipient": CAROL.address,
        "metadata": b"\3" * 32,
    }
    with reverts("Staking_NotSourceOwner", source=1, caller=CAROL.address):
        system.staking.transact("setSourceRecipient", 1, EVE.address, sender=CAROL)
    with reverts("Staking_ZeroAddress"):
        system.staking.transact("setSourceRecipient", 1, ZERO, sender=BOB)
    receipt = system.staking.transact("setSourceRecipient", 1, ALICE.address, sender=BOB)
    assert receipt.event("SourceRecipientSet").args == {"source": 1, "feeRecipient": ALICE.address}
    assert system.staking.call("sourceOf", 1)["feeRecipient"] == ALICE.address


def test_sources__our_own_is_0_and_nobodys(system: System) -> None:
    nobody = {"owner": ZERO, "feeRecipient": ZERO, "metadata": bytes(32)}
    assert system.staking.call("sourceOf", 0) == system.staking.call("sourceOf", 1) == nobody
    for source in (0, 1):
        with reverts("Staking_NotSourceOwner", source=source, caller=EVE.address):
            system.staking.transact("setSourceRecipient", source, EVE.address, sender=EVE)
    with reverts("Staking_ZeroAddress"):
        system.staking.transact("registerSource", ZERO, bytes(32), sender=EVE)


def test_register__of_an_unknown_source__is_refused(system: System) -> None:
    for source in (1, 2**32 - 1):
        with reverts("Staking_UnknownSource", source=source):
            system.register(ALICE, Role.PROVIDER, source=source)
    system.staking.transact("registerSource", CAROL.address, bytes(32), sender=BOB)
    operator = system.register(ALICE, Role.PROVIDER, source=1)
    assert system.staking.call("get", operator)["source"] == 1
    assert system.staking.call("get", system.register(ALICE, Role.PROVIDER))["source"] == 0


# Keys in bulk, consents, profile


def test_authorise_keys__many_at_once__all_or_none(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER)
    keys = [account(f"device {i}").address for i in range(256)]
    receipt = system.staking.transact("authoriseKeys", operator, DEVICE, keys, sender=ALICE)
    assert [log.args["key"] for log in receipt.events("KeyAuthorised")] == keys
    now = system.evm.now
    assert all(system.staking.call("isKeyValid", operator, DEVICE, key, now) for key in keys)
    assert not system.staking.call("isKeyValid", operator, SIGNER, keys[0], now)
    fresh = account("fresh").address
    for bad, error in (
        ([fresh, keys[0]], "Staking_KeyAlreadyAuthorised"),
        ([fresh, fresh], "Staking_KeyAlreadyAuthorised"),
        ([fresh, ZERO], "Staking_ZeroAddress"),
    ):
        with reverts(error):
            system.staking.transact("authoriseKeys", operator, DEVICE, bad, sender=ALICE)
    assert not system.staking.call("isKeyValid", operator, DEVICE, fresh, now)
    with reverts("Staking_TooManyItems", items=257):
        system.staking.transact("authoriseKeys", operator, SIGNER, [*keys, fresh], sender=ALICE)


def test_release_consent__is_of_one_operator_for_one_account_until_withdrawn(system: System) -> None:
    first, second = system.register(ALICE, Role.PROVIDER), system.register(ALICE, Role.PROVIDER)
    receipt = system.staking.transact("setReleaseConsent", first, 9, True, sender=ALICE)
    assert receipt.event("ReleaseConsentSet").args == {"operator": first, "account": 9, "allowed": True}
    asked = [system.staking.call("releaseConsent", *pair) for pair in ((first, 9), (first, 8), (second, 9))]
    assert asked == [True, False, False]
    system.staking.transact("setReleaseConsent", first, 9, False, sender=ALICE)
    assert not system.staking.call("releaseConsent", first, 9)


def test_profile__is_owner_class_and_region_in_one_read(system: System) -> None:
    operator = system.staking.transact("register", Role.PROVIDER, 3, 840, 0, bytes(32), sender=ALICE).result
    assert system.staking.call("profileOf", operator) == (ALICE.address, 3, 840)
    assert system.staking.call("profileOf", operator + 1) == (ZERO, 0, 0)


def test_pledge_terms__say_what_try_pledge_grants(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER | Role.VERIFIER, free=2_500 * DOLLAR)
    assert system.staking.call("pledgeTerms", operator) == (ALICE.address, True, 500 * DOLLAR)
    assert not pledge(system, operator, 500 * DOLLAR + 1)
    assert pledge(system, operator, 500 * DOLLAR)
    assert system.staking.call("pledgeTerms", operator) == (ALICE.address, True, 0)
    system.staking.transact("unstake", operator, 1_000 * DOLLAR, sender=ALICE)
    assert system.staking.call("pledgeTerms", operator) == (ALICE.address, True, 0)
    assert pledge(system, operator, 0)
    system.staking.transact("unstake", operator, 1, sender=ALICE)
    assert system.staking.call("pledgeTerms", operator) == (ALICE.address, False, 0)
    verifier = system.register(BOB, Role.VERIFIER, free=2_500 * DOLLAR)
    assert system.staking.call("pledgeTerms", verifier) == (BOB.address, False, 500 * DOLLAR)
    assert system.staking.call("pledgeTerms", verifier + 1) == (ZERO, False, 0)


# What was donated


def test_recover_surplus__of_the_currency__leaves_stakes_and_credits(system: System) -> None:
    operator = system.register(ALICE, Role.PROVIDER, free=5_000)
    order = slash_order(operator, 2_000, victim=BOB.address, loss=2_000)
    system.staking.transact("slash", order, sender=system.court)
    money = system.currency.address
    with reverts("Staking_ZeroAmount"):
        system.staking.transact("recoverSurplus", money, CAROL.address, sender=system.admin)
    system.mint(system.staking.address, 70)
    with reverts("Staking_ZeroAddress"):
        system.staking.transact("recoverSurplus", money, ZERO, sender=system.admin)
    receipt = system.staking.transact("recoverSurplus", money, CAROL.address, sender=system.admin)
    assert receipt.result == 70
    assert receipt.event("SurplusRecovered").args == {"token": money, "to": CAROL.address, "amount": 70}
    assert (system.balance(CAROL), system.balance(system.staking)) == (70, 5_000)
    assert system.staking.transact("claimCredit", BOB.address, sender=BOB).result == 2_000
    with reverts("Staking_ZeroAmount"):
        system.staking.transact("recoverSurplus", money, CAROL.address, sender=system.admin)
    assert system.balance(system.staking) == system.staking.call("totalStake") == 3_000


def test_recover_surplus__of_another_token__is_all_of_it(system: System) -> None:
    system.register(ALICE, Role.PROVIDER, free=5_000)
    system.token.transact("drip", system.staking.address, 9, sender=EVE)
    token = system.token.address
    assert system.staking.transact("recoverSurplus", token, CAROL.address, sender=system.admin).result == 9
    assert system.token.call("balanceOf", CAROL.address) == 9
    assert system.balance(system.staking) == 5_000


def test_recover_surplus__without_the_role__is_refused(system: System) -> None:
    system.mint(system.staking.address, 70)
    for caller in (ALICE, EVE):
        with reverts("AccessManagedUnauthorized", caller=caller.address):
            system.staking.transact("recoverSurplus", system.currency.address, caller.address, sender=caller)
