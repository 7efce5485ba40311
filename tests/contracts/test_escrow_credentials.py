"""Openings that a policy ties to credentials, and leases that begin in a trusted execution environment.

The issuer itself posts here, so that no signature of its own is needed; `test_credentials.py` is about those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.enums import CloseReason, CredentialKind, OpenRefusal, SkipReason, VerificationKind
from tests.support.escrow import (
    ANN,
    LEDGER,
    MALLORY,
    OTTO,
    PAULA,
    SAM,
    Desk,
    open_desk,
    open_solo,
    refusals,
    skips,
)
from tests.support.evm import Account, Receipt, account, reverts

ISSUER = account("issuer")
OTHER = account("other issuer")
DEVICE = account("enclave")
LAG = 259_200
AFTER = 432_000
NOTICE = 3_600
YEAR = 31_536_000
CUSTOMER = 1 << CredentialKind.KYC_CUSTOMER | 1 << CredentialKind.SANCTIONS
OPERATOR = 1 << CredentialKind.KYC_PROVIDER | 1 << CredentialKind.HARDWARE_CLASS | 1 << CredentialKind.REGION
REGION = 276  # as `System.register` has it; hardware class 1


def post(
    desk: Desk, kind: CredentialKind, subject: Account, *, issuer: Account = ISSUER, value: int = 0,
    binding: int = 0, lasts: int = YEAR, nonce: int = 1,
) -> None:  # fmt: skip
    credential = (
        issuer.address, int(kind), subject.address, binding.to_bytes(32, "big"), value.to_bytes(32, "big"),
        desk.now + lasts, nonce,
    )  # fmt: skip
    receipt = desk.system.credentials.transact("post", [credential], [b""], sender=issuer)
    assert receipt.events("CredentialRefused") == []


def revoke(desk: Desk, kind: CredentialKind, subject: Account, *, nonce: int = 2) -> None:
    revocation = (ISSUER.address, int(kind), subject.address, bytes(32), nonce)
    desk.system.credentials.transact("revoke", [revocation], [b""], sender=ISSUER)


def equip(desk: Desk) -> None:
    """Everything that the policy of `permissioned` asks of Ann and Otto."""
    post(desk, CredentialKind.KYC_CUSTOMER, ANN)
    post(desk, CredentialKind.SANCTIONS, ANN)
    post(desk, CredentialKind.KYC_PROVIDER, OTTO)
    post(desk, CredentialKind.HARDWARE_CLASS, OTTO, value=1)
    post(desk, CredentialKind.REGION, OTTO, value=REGION)


def permissioned(desk: Desk, **masks: int) -> int:
    asked = {"customerCredentials": CUSTOMER, "operatorCredentials": OPERATOR} | masks
    return desk.system.add_policy(relayer=2, issuer=ISSUER.address, **asked)


# Openings


def test_open__under_a_permissioned_policy__with_everything_it_asks_for() -> None:
    desk = open_desk()
    policy = permissioned(desk)
    equip(desk)
    assert desk.opened(policy=policy)


_MISSING: list[tuple[str, Callable[[Desk], None], OpenRefusal]] = [
    (
        "revoked of the customer",
        lambda desk: revoke(desk, CredentialKind.KYC_CUSTOMER, ANN),
        OpenRefusal.CUSTOMER_CREDENTIAL_MISSING,
    ),
    (
        "revoked of the provider",
        lambda desk: revoke(desk, CredentialKind.KYC_PROVIDER, OTTO),
        OpenRefusal.OPERATOR_CREDENTIAL_MISSING,
    ),
    (
        "another hardware class",
        lambda desk: post(desk, CredentialKind.HARDWARE_CLASS, OTTO, value=2, nonce=2),
        OpenRefusal.OPERATOR_CREDENTIAL_MISSING,
    ),
    (
        "another region",
        lambda desk: post(desk, CredentialKind.REGION, OTTO, value=840, nonce=2),
        OpenRefusal.OPERATOR_CREDENTIAL_MISSING,
    ),
    (
        "expires this second",
        lambda desk: (
            post(desk, CredentialKind.SANCTIONS, ANN, lasts=10, nonce=2), desk.evm.warp(10)
        )[0],
        OpenRefusal.CUSTOMER_CREDENTIAL_MISSING,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "reason"), [row[1:] for row in _MISSING], ids=[row[0] for row in _MISSING])
def test_open__one_credential_short__left_out_alone(
    spoil: Callable[[Desk], None], reason: OpenRefusal
) -> None:
    desk = open_desk()
    policy = permissioned(desk)
    equip(desk)
    spoil(desk)
    picture = desk.picture()
    assert refusals(desk.open(desk.terms(policy=policy))) == [(0, reason)]
    assert desk.picture() == picture
    good, bad = desk.terms(), desk.terms(policy=policy)
    receipt = desk.open(bad, good)
    assert refusals(receipt) == [(0, reason)]
    assert receipt.result[1]


def test_open__each_credential_alone__is_needed() -> None:
    desk = open_desk()
    policy = permissioned(desk)
    needed = [
        (CredentialKind.KYC_CUSTOMER, ANN, 0),
        (CredentialKind.SANCTIONS, ANN, 0),
        (CredentialKind.KYC_PROVIDER, OTTO, 0),
        (CredentialKind.HARDWARE_CLASS, OTTO, 1),
        (CredentialKind.REGION, OTTO, REGION),
    ]
    for place, (kind, subject, value) in enumerate(needed):
        side = "CUSTOMER" if place < 2 else "OPERATOR"
        reason = OpenRefusal[f"{side}_CREDENTIAL_MISSING"]
        assert refusals(desk.open(desk.terms(policy=policy))) == [(0, reason)]
        post(desk, kind, subject, issuer=OTHER, value=value)  # somebody else's word counts for nothing
        assert refusals(desk.open(desk.terms(policy=policy))) == [(0, reason)]
        post(desk, kind, subject, value=value)
    assert desk.opened(policy=policy)


def test_open__the_sponsor_and_the_payee__need_none() -> None:
    desk = open_desk()
    policy = permissioned(desk)
    equip(desk)
    desk.escrow.transact("allow", 3, 1, policy, 10**9, bytes(32), sender=SAM)
    assert desk.opened(policy=policy, funder=3)


def test_open__credentials__come_after_the_signatures_and_before_the_money() -> None:
    desk = open_desk()
    policy = permissioned(desk)
    terms = desk.terms(policy=policy, budget=2**56 - 1)
    unsigned = desk.open_with([(terms, (b"", b""))])
    assert refusals(unsigned) == [(0, OpenRefusal.BAD_CUSTOMER_SIGNATURE)]
    assert refusals(desk.open(terms)) == [(0, OpenRefusal.CUSTOMER_CREDENTIAL_MISSING)]
    post(desk, CredentialKind.KYC_CUSTOMER, ANN)
    post(desk, CredentialKind.SANCTIONS, ANN)
    assert refusals(desk.open(terms)) == [(0, OpenRefusal.OPERATOR_CREDENTIAL_MISSING)]
    equip_operator = [(CredentialKind.KYC_PROVIDER, 0), (CredentialKind.HARDWARE_CLASS, 1)]
    for kind, value in [*equip_operator, (CredentialKind.REGION, REGION)]:
        post(desk, kind, OTTO, value=value)
    assert refusals(desk.open(terms)) == [(0, OpenRefusal.NOT_ENOUGH_FUNDS)]


def test_credential__revoked_after_the_opening__stops_no_exit() -> None:
    desk = open_desk()
    policy = permissioned(desk)
    equip(desk)
    agreement = desk.opened(policy=policy)
    revoke(desk, CredentialKind.KYC_CUSTOMER, ANN)
    revoke(desk, CredentialKind.KYC_PROVIDER, OTTO)
    desk.pay([(agreement, 1_000)], policy=policy)
    desk.escrow.transact("close", agreement, sender=ANN)
    desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA)
    desk.evm.warp(NOTICE + AFTER)
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    desk.escrow.transact("withdraw", 1, desk.free(1), ANN.address, sender=ANN)
    desk.check_solvent()


def test_replace__into_a_permissioned_policy__asks_for_its_credentials() -> None:
    desk = open_desk()
    policy = permissioned(desk)
    old, terms = desk.opened(), desk.terms(policy=policy)
    hashed = desk.escrow.call("hashReplacement", old, 0, tuple(terms))
    digest = eip712.digest(desk.domain(), hashed)
    signatures = (ANN.sign(digest), b"", OTTO.sign(digest), b"")
    values = (old, 0, tuple(terms), signatures)
    with reverts("Escrow_ReplacementRefused", agreement=old, refusal=OpenRefusal.CUSTOMER_CREDENTIAL_MISSING):
        desk.escrow.transact("replace", *values, sender=MALLORY)
    equip(desk)
    assert desk.escrow.transact("replace", *values, sender=MALLORY).result


# Leases in a TEE


def enclaves(**policy: Any) -> tuple[Desk, int]:
    desk, _ = open_solo()
    terms = {"kind": int(VerificationKind.TEE), "issuer": ISSUER.address} | policy
    return desk, desk.system.add_policy(relayer=2, **terms)


def begin(desk: Desk, lease: int, device: Account = DEVICE, sender: Account = OTTO) -> Receipt:
    return desk.escrow.transact("begin", lease, device.address, sender=sender)


def attest(desk: Desk, lease: int, device: Account = DEVICE, **how: Any) -> None:
    post(desk, CredentialKind.TEE, device, binding=lease, **how)


def test_tee_lease__opens_without_a_clock__and_pays_nothing_until_it_begins() -> None:
    desk, policy = enclaves()
    expiry = desk.now + 100_000
    terms = desk.terms(mode=1, unit_price=100_000_000, policy=policy)
    receipt = desk.open(terms)
    (lease,) = receipt.result
    assert receipt.event("Opened").args["start"] == expiry
    record = desk.agreement(lease)
    assert (record["start"], record["end"], record["downtime"]) == (expiry, expiry, 0)
    assert desk.escrow.call("paidUntil", lease) == expiry
    assert desk.escrow.call("partiesOf", [lease])[0]["start"] == expiry
    assert desk.escrow.call("runwayOf", 1, [lease]) == 2**256 - 1
    desk.evm.warp(50_000)
    receipt = desk.escrow.transact("poke", [lease], sender=MALLORY)
    assert skips(receipt) == [(lease, 0, SkipReason.STALE)]
    for units, reason in ((0, SkipReason.STALE), (1, SkipReason.DOWNTIME_ABOVE_ELAPSED)):
        receipt = desk.escrow.transact("setDowntime", lease, units, sender=LEDGER)
        assert (receipt.result, skips(receipt)) == (False, [(lease, units, reason)])
        receipt = desk.escrow.transact("settleSigned", [(lease, units, desk.now, 2**64 - 1)], sender=LEDGER)
        assert (receipt.result, skips(receipt)) == (([0], [0]), [(lease, units, reason)])
    desk.evm.warp(50_000 + AFTER)
    closed = desk.escrow.transact("refund", lease, sender=MALLORY).event("Closed").args
    assert (closed["paid"], closed["refunded"], closed["reason"]) == (0, 1_000_000, CloseReason.EXPIRED)
    desk.check_solvent()


def test_tee_lease__begins_on_an_attested_device__and_the_clock_runs_from_there() -> None:
    desk, policy = enclaves()
    lease = desk.lease(policy=policy)
    expiry = desk.now + 100_000
    desk.evm.warp(1_000)
    attest(desk, lease)
    receipt = begin(desk, lease)
    start = desk.now
    assert receipt.event("Begun").args == {"agreement": lease, "device": DEVICE.address, "start": start}
    record = desk.agreement(lease)
    assert (record["start"], record["end"], record["downtime"]) == (start, expiry, 0)
    assert desk.escrow.call("paidUntil", lease) == start + 10_000
    desk.evm.warp(700)
    assert desk.escrow.transact("setDowntime", lease, 700, sender=LEDGER).result
    desk.evm.warp_to(start + 10_000 + AFTER)
    closed = desk.escrow.transact("refund", lease, sender=MALLORY).event("Closed").args
    assert (closed["paid"], closed["reason"]) == (930_000, CloseReason.EXHAUSTED)
    desk.check_solvent()


def test_begin__before_the_start_that_was_signed__starts_then() -> None:
    desk, policy = enclaves()
    earliest = desk.now + 5_000
    lease = desk.lease(policy=policy, start=earliest)
    attest(desk, lease)
    assert begin(desk, lease).event("Begun").args["start"] == earliest
    record = desk.agreement(lease)
    assert (record["start"], record["downtime"]) == (earliest, 0)


def test_begin__by_no_owner_of_the_operator__refused() -> None:
    desk, policy = enclaves()
    lease = desk.lease(policy=policy)
    attest(desk, lease)
    for who in (ANN, PAULA, MALLORY, DEVICE):
        with reverts("Escrow_NotParty", agreement=lease, caller=who.address):
            begin(desk, lease, sender=who)


def test_begin__on_a_device_that_nobody_vouches_for__refused() -> None:
    desk, policy = enclaves(measurement=(7).to_bytes(32, "big"))
    lease, other = desk.lease(policy=policy), desk.lease(policy=policy)
    refused = {"agreement": lease, "device": DEVICE.address}
    cases: list[Callable[[], None]] = [
        lambda: None,
        lambda: attest(desk, other, value=7),  # for another agreement
        lambda: attest(desk, lease, issuer=OTHER, value=7),
        lambda: attest(desk, lease, account("another device"), value=7),
        lambda: attest(desk, lease, value=8),  # another measurement
    ]
    for case in cases:
        case()
        with reverts("Escrow_DeviceNotAttested", **refused):
            begin(desk, lease)
    attest(desk, lease, value=7, lasts=5, nonce=2)
    desk.evm.warp(5)
    with reverts("Escrow_DeviceNotAttested", **refused):
        begin(desk, lease)
    attest(desk, lease, value=7, nonce=3)
    begin(desk, lease)


def test_begin__twice_or_where_nothing_waits__refused() -> None:
    desk, policy = enclaves()
    lease, metered, plain = desk.lease(policy=policy), desk.opened(policy=policy), desk.lease()
    attest(desk, lease)
    begin(desk, lease)
    for agreement in (lease, metered, plain):
        with reverts("Escrow_AlreadyBegun", agreement=agreement):
            begin(desk, agreement)
    with reverts("Escrow_NotOpen", agreement=77):
        begin(desk, 77)


def test_begin__at_or_after_the_end__refused() -> None:
    desk, policy = enclaves()
    expiry = desk.now + 100_000
    lease, stopped, ahead = (
        desk.lease(policy=policy),
        desk.lease(policy=policy),
        desk.lease(policy=policy, start=desk.now + 50_000),
    )
    for one in (lease, stopped, ahead):
        attest(desk, one)
    desk.escrow.transact("close", stopped, sender=ANN)
    desk.escrow.transact("close", ahead, sender=ANN)
    stop = desk.now + NOTICE
    with reverts("Escrow_Ended", agreement=ahead, end=stop):  # it could begin only after it has ended
        begin(desk, ahead)
    desk.evm.warp_to(stop)
    with reverts("Escrow_Ended", agreement=stopped, end=stop):
        begin(desk, stopped)
    desk.evm.warp_to(expiry)
    with reverts("Escrow_Ended", agreement=lease, end=expiry):
        begin(desk, lease)


@pytest.mark.parametrize(("who", "lead"), [(ANN, NOTICE), (OTTO, 0)])
def test_close__of_a_lease_that_has_not_begun__ends_it_with_nothing_paid(who: Account, lead: int) -> None:
    desk, policy = enclaves()
    lease = desk.lease(policy=policy, start=desk.now + 50_000)
    desk.escrow.transact("close", lease, sender=who)
    end = desk.now + lead
    assert desk.escrow.call("paidUntil", lease) == end
    desk.evm.warp_to(end + AFTER)
    closed = desk.escrow.transact("refund", lease, sender=MALLORY).event("Closed").args
    reason = CloseReason.CLOSED_BY_CUSTOMER if who is ANN else CloseReason.CLOSED_BY_PROVIDER
    assert (closed["paid"], closed["refunded"], closed["reason"]) == (0, 1_000_000, reason)
    desk.check_solvent()


def test_begin__inside_the_customer_s_notice__is_paid_to_its_end() -> None:
    desk, policy = enclaves()
    lease = desk.lease(policy=policy)
    attest(desk, lease)
    desk.escrow.transact("close", lease, sender=ANN)
    stop = desk.now + NOTICE
    desk.evm.warp(600)
    begin(desk, lease)
    desk.evm.warp_to(stop + AFTER)
    closed = desk.escrow.transact("refund", lease, sender=MALLORY).event("Closed").args
    assert (closed["paid"], closed["reason"]) == (300_000, CloseReason.CLOSED_BY_CUSTOMER)


def test_replace__of_a_lease_that_has_not_begun__pays_nothing() -> None:
    desk, policy = enclaves()
    lease, terms = desk.lease(policy=policy), desk.terms()
    for units in (1, 0):
        digest = eip712.digest(desk.domain(), desk.escrow.call("hashReplacement", lease, units, tuple(terms)))
        values = (lease, units, tuple(terms), (ANN.sign(digest), b"", OTTO.sign(digest), b""))
        if units:
            with reverts("Escrow_UnitsOutOfRange", agreement=lease, units=1, most=0):
                desk.escrow.transact("replace", *values, sender=MALLORY)
        else:
            receipt = desk.escrow.transact("replace", *values, sender=MALLORY)
            assert receipt.event("Closed").args["paid"] == 0
