"""Openings that a policy ties to credentials: they gate the entry, never an exit.

The issuer itself posts here, so that no signature of its own is needed; `test_credentials.py` is about those.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.enums import CredentialKind, OpenRefusal
from tests.support.escrow import (
    ANN,
    MALLORY,
    OTTO,
    PAULA,
    SAM,
    Desk,
    open_desk,
    refusals,
)
from tests.support.evm import Account, account, reverts

ISSUER = account("issuer")
OTHER = account("other issuer")
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
