"""What challenges and disputes read of figures: what stands behind a leaf, what a claim says, who rejects a
receipt.

Accounts, operators and policies as in `tests.support.receipts`; agreement 7 began 1 000 seconds ago.
VERSIONED is a quorum of two of operators 3 to 5, as QUORUM is, of verdicts by version 7 or later, with 9 000
basis points of confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Verdict
from tallystick.protocol.enums import CredentialKind, KeyKind, ReceiptFault
from tallystick.protocol.figures import encode_figure
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, SAM, Posted
from tests.support.evm import Account, account, reverts
from tests.support.receipts import (
    ATTESTED,
    DEVICE,
    NONE,
    OUTPUT,
    QUORUM,
    VERIFIER_KEYS,
    VERIFIERS,
    Bench,
    faults,
    open_bench,
    release_request,
)
from tests.support.system import DOLLAR

COURT, CHALLENGES = account("court"), account("challenges")
ISSUER, SESSION, STRANGER = account("issuer"), account("session"), account("stranger")
VERSIONED: Final = 4
NOT_POSTED, LEAF_VOID = 17, 18  # ReceiptFault, the last two
VOID: Final = 1  # LeafEnd
OTHER: Final = b"\x33" * 32
NO_RECEIPT: Final = ((0, 0, 0, 0, bytes(32), False), b"", "0x" + "00" * 20, b"", b"", [])
NO_LEAF: Final = (0, 0, bytes(18), bytes(32), [])


def versioned_bench() -> Bench:
    bench = open_bench()
    terms = {"verifierVersion": 7, "minConfidence": 9_000}
    assert bench.system.add_policy(relayer=2, kind=2, quorum=2, verifiers=[3, 4, 5], **terms) == VERSIONED
    return bench


def verdict(
    bench: Bench,
    units: int,
    verifier: int,
    *,
    agreement: int = 7,
    output: bytes = OUTPUT,
    valid: bool = True,
    version: int = 7,
    confidence: int = 9_000,
    key: Account | None = None,
) -> tuple[Any, ...]:
    """A VerdictSignature in the ABI's order."""
    domain = eip712.ledger_domain(bench.evm.chain_id, bytes.fromhex(bench.ledger.address[2:]))
    struct_hash = Verdict(agreement, units, output, valid, version, confidence).hash_struct()
    signature = (key or VERIFIER_KEYS[verifier]).sign(eip712.digest(domain, struct_hash))
    return (verifier, version, confidence, signature)


def with_verdicts(item: tuple[Any, ...], *verdicts: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*item[:5], list(verdicts))


# Who rejects


def rejected_by(
    bench: Bench, units: int, verdicts: Sequence[tuple[Any, ...]], agreement: int = 7, output: bytes = OUTPUT
) -> list[int]:
    return list(bench.ledger.call("rejectedBy", agreement, units, output, list(verdicts)))


def no(bench: Bench, units: int, verifier: int, **how: Any) -> tuple[Any, ...]:
    """A verdict that only so many units are valid."""
    return verdict(bench, units, verifier, valid=False, **how)


@pytest.mark.parametrize(
    ("who", "found"),
    [
        ([3, 4], [3, 4]),
        ([3, 5], [3, 5]),
        ([4, 5], [4, 5]),
        ([3, 4, 5], [3, 4]),  # the first that make a quorum
        ([], []),
        ([3], []),
        ([5], []),
        ([3, 3], []),
        ([4, 3], []),
        ([5, 4, 3], []),
        ([3, 4, 5, 5], []),  # more than there are
    ],
)
def test_rejected_by__a_quorum_strictly_rising__and_nobody_else(who: list[int], found: list[int]) -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    assert rejected_by(bench, 100, [no(bench, 100, verifier) for verifier in who]) == found


def test_rejected_by__verdicts_that_say_valid__do_not_count() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    yes = [verdict(bench, 100, verifier) for verifier in (3, 4, 5)]
    assert rejected_by(bench, 100, yes) == []
    assert rejected_by(bench, 100, [yes[0], no(bench, 100, 4), no(bench, 100, 5)]) == [4, 5]
    # And the other way round: who rejects backs nothing.
    item = with_verdicts(bench.signed(7, 100), *[no(bench, 100, verifier) for verifier in (3, 4)])
    assert bench.ledger.call("faultOf", item) == ReceiptFault.NOT_ENOUGH_VERDICTS


@pytest.mark.parametrize("changes", [{"agreement": 8}, {"output": OTHER}, {"version": 8}, {"confidence": 1}])
def test_rejected_by__signed_for_something_else__does_not_count(changes: dict[str, Any]) -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    bench.agree(8, policy=QUORUM)
    good, other = no(bench, 100, 3), no(bench, 100, 4, **changes)
    shown = (4, 7, 9_000, other[3])
    assert rejected_by(bench, 100, [good, shown]) == []
    assert rejected_by(bench, 99, [good, no(bench, 100, 4)]) == []
    assert rejected_by(bench, 101, [good, no(bench, 100, 4)]) == []
    assert rejected_by(bench, 100, [good, no(bench, 100, 4)], agreement=8) == []
    assert rejected_by(bench, 100, [good, no(bench, 100, 4)]) == [3, 4]


def test_rejected_by__keys__of_an_active_verifier_now() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    good = no(bench, 100, 3)
    for key in (VERIFIER_KEYS[3], VERIFIERS[4], DEVICE, STRANGER):
        assert rejected_by(bench, 100, [good, no(bench, 100, 4, key=key)]) == []
    both = [good, no(bench, 100, 4)]
    start = bench.evm.snapshot()
    bench.staking.transact(
        "revokeKey", 4, int(KeyKind.VERIFIER), VERIFIER_KEYS[4].address, sender=VERIFIERS[4]
    )
    assert rejected_by(bench, 100, both) == []
    bench.evm.revert(start)
    bench.staking.transact("unstake", 4, 1_000 * DOLLAR + 1, sender=VERIFIERS[4])
    assert rejected_by(bench, 100, both) == []
    bench.evm.revert(start)
    assert rejected_by(bench, 100, both) == [3, 4]


def test_rejected_by__version_and_confidence__at_least_what_the_policy_asks() -> None:
    bench = versioned_bench()
    bench.agree(7, policy=VERSIONED)
    good = no(bench, 100, 3)
    for version, confidence, found in (
        (7, 9_000, [3, 4]),
        (2**32 - 1, 10_000, [3, 4]),
        (6, 9_000, []),
        (7, 8_999, []),
        (0, 0, []),
        (2**32 - 1, 0, []),
    ):
        shown = no(bench, 100, 4, version=version, confidence=confidence)
        assert rejected_by(bench, 100, [good, shown]) == found
        # One that does not count does no harm beside enough that do.
        third = no(bench, 100, 5)
        assert rejected_by(bench, 100, [good, shown, third]) == (found or [3, 5])


def test_rejected_by__by_kind_of_policy__only_where_there_are_verifiers() -> None:
    bench = open_bench()
    bench.agree(7, policy=ATTESTED)
    assert rejected_by(bench, 100, [no(bench, 100, 3)]) == [3]
    assert rejected_by(bench, 100, [no(bench, 100, 4)]) == []
    bench.agree(7, policy=NONE)
    for shown in ([], [no(bench, 100, 3)], [no(bench, 100, 3), no(bench, 100, 4)]):
        assert rejected_by(bench, 100, shown) == []
        assert rejected_by(bench, 100, shown, agreement=9) == []  # never opened
    tee = bench.system.add_policy(relayer=2, kind=3, issuer=ISSUER.address)
    bench.agree(7, policy=tee)
    assert rejected_by(bench, 100, [no(bench, 100, 3)]) == []


def test_rejected_by__greatest_units_and_none() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    for units in (0, 2**80 - 1):
        assert rejected_by(bench, units, [no(bench, units, 4), no(bench, units, 5)]) == [4, 5]


# What backs a leaf


def backing(
    bench: Bench,
    batch: Posted,
    item: tuple[Any, ...],
    *,
    units: int = 400,
    output: bytes = OUTPUT,
    agreement: int = 7,
) -> ReceiptFault:
    return ReceiptFault(bench.ledger.call("backingFault", batch.number, agreement, units, output, item))


def posted(bench: Bench, policy: int = QUORUM, **changes: Any) -> Posted:
    bench.agree(7, policy=policy, **changes)
    return bench.post([(7, 400)], policy=policy)


def test_backing__full_signatures_for_the_units_or_more() -> None:
    bench = open_bench()
    batch = posted(bench)
    for units, fault in (
        (400, ReceiptFault.NONE),
        (401, ReceiptFault.NONE),
        (2**80 - 1, ReceiptFault.NONE),
        (399, ReceiptFault.NOTHING_DUE),
        (0, ReceiptFault.NOTHING_DUE),
    ):
        assert backing(bench, batch, bench.signed(7, units, verdicts=[3, 4])) == fault
        assert backing(bench, batch, bench.signed(7, units, customer=ANN)) == fault


def test_backing__another_output_or_agreement__does_not_back_it() -> None:
    bench = open_bench()
    batch = posted(bench)
    bench.agree(8, policy=QUORUM)
    item = bench.signed(7, 400, output_root=OTHER, verdicts=[3, 4])
    assert backing(bench, batch, item) == ReceiptFault.NOTHING_DUE
    assert backing(bench, batch, item, output=OTHER) == ReceiptFault.NONE
    assert backing(bench, batch, bench.signed(8, 400, verdicts=[3, 4])) == ReceiptFault.UNKNOWN_AGREEMENT
    other = bench.signed(8, 400, verdicts=[3, 4])
    assert backing(bench, batch, other, agreement=8) == ReceiptFault.NONE
    assert backing(bench, batch, bench.signed(9, 400), agreement=9) == ReceiptFault.UNKNOWN_AGREEMENT


def test_backing__not_full__says_what_is_missing() -> None:
    bench = open_bench()
    batch = posted(bench)
    for item, fault in (
        (bench.signed(7, 400), ReceiptFault.NOT_ENOUGH_VERDICTS),
        (bench.signed(7, 400, verdicts=[3]), ReceiptFault.NOT_ENOUGH_VERDICTS),
        (bench.signed(7, 400, verdicts=[3, 4], valid=False), ReceiptFault.NOT_ENOUGH_VERDICTS),
        (bench.signed(7, 400, verdicts=[3, 4], device=None), ReceiptFault.BAD_DEVICE_SIGNATURE),
        (bench.signed(7, 400, verdicts=[3, 4], device=STRANGER), ReceiptFault.BAD_DEVICE_SIGNATURE),
        (bench.signed(7, 400, customer=SAM), ReceiptFault.BAD_ACCEPTANCE),
        (bench.signed(7, 400, period_end=bench.now + 1, verdicts=[3, 4]), ReceiptFault.OUTSIDE_PERIOD),
    ):
        assert backing(bench, batch, item) == fault
    bench.agree(7, policy=QUORUM, status=2)
    assert backing(bench, batch, bench.signed(7, 400, verdicts=[3, 4])) == ReceiptFault.CLOSED


def test_backing__versions_and_confidence_below_the_policys__do_not_back_it() -> None:
    bench = versioned_bench()
    bench.agree(7, policy=VERSIONED)
    batch = bench.post([(7, 400)], policy=VERSIONED)
    for version, confidence, fault in (
        (7, 9_000, ReceiptFault.NONE),
        (6, 9_000, ReceiptFault.NOT_ENOUGH_VERDICTS),
        (7, 8_999, ReceiptFault.NOT_ENOUGH_VERDICTS),
    ):
        low = verdict(bench, 400, 4, version=version, confidence=confidence)
        assert (
            backing(bench, batch, with_verdicts(bench.signed(7, 400), verdict(bench, 400, 3), low)) == fault
        )


def test_backing__keys_revoked_after_the_posting__were_good_then() -> None:
    bench = open_bench()
    batch = posted(bench)
    item = bench.signed(7, 400, verdicts=[3, 4])
    bench.evm.warp(1)
    bench.staking.transact(
        "revokeKey", 4, int(KeyKind.VERIFIER), VERIFIER_KEYS[4].address, sender=VERIFIERS[4]
    )
    bench.staking.transact("revokeKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    bench.evm.warp(DAY + 1)
    assert bench.ledger.call("faultOf", item) == ReceiptFault.BAD_DEVICE_SIGNATURE
    assert backing(bench, batch, item) == ReceiptFault.NONE


def test_backing__keys_revoked_before_the_posting_or_granted_after__are_no_good() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    item = bench.signed(7, 400, verdicts=[3, 4])
    bench.staking.transact(
        "revokeKey", 4, int(KeyKind.VERIFIER), VERIFIER_KEYS[4].address, sender=VERIFIERS[4]
    )
    batch = bench.post([(7, 400)], policy=QUORUM)
    assert backing(bench, batch, item) == ReceiptFault.NOT_ENOUGH_VERDICTS
    bench.evm.warp(1)
    late = account("late key")
    for operator, kind in ((1, KeyKind.DEVICE), (4, KeyKind.VERIFIER)):
        owner = OTTO if operator == 1 else VERIFIERS[4]
        bench.staking.transact("authoriseKey", operator, int(kind), late.address, sender=owner)
    signed = bench.signed(7, 400, verdicts=[3, (4, late)])
    assert bench.ledger.call("faultOf", signed) == ReceiptFault.NONE
    assert backing(bench, batch, signed) == ReceiptFault.NOT_ENOUGH_VERDICTS
    signed = bench.signed(7, 400, verdicts=[3, 5], device=late)
    assert backing(bench, batch, signed) == ReceiptFault.BAD_DEVICE_SIGNATURE


@pytest.mark.parametrize("how", ["unstakes", "resigns", "is slashed"])
def test_backing__verifier_that_is_none_any_more__was_one_at_the_posting(how: str) -> None:
    """Or a verifier could take the ground from under every leaf that it signed, and have the relayer fined for it."""
    bench = open_bench()
    batch = posted(bench)
    item = bench.signed(7, 400, verdicts=[3, 4])
    bench.evm.warp(1)
    if how == "unstakes":
        bench.staking.transact("unstake", 4, 3_000 * DOLLAR, sender=VERIFIERS[4])
    elif how == "resigns":
        bench.staking.transact("resign", 4, sender=VERIFIERS[4])
    else:
        nobody = "0x" + "00" * 20
        order = (4, 0, 2_000 * DOLLAR, nobody, 0, nobody, 0, 0, nobody, 7)
        bench.staking.transact("slash", order, sender=COURT)
    assert bench.ledger.call("faultOf", item) == ReceiptFault.NOT_ENOUGH_VERDICTS
    assert backing(bench, batch, item) == ReceiptFault.NONE
    # For new figures it counts no more.
    later = bench.signed(7, 500, verdicts=[3, 4])
    assert faults(bench.self_post(later)) == [(0, ReceiptFault.NOT_ENOUGH_VERDICTS)]


def test_backing__unknown_batch__backs_nothing() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    nowhere = Posted(5, b"", b"")
    assert backing(bench, nowhere, bench.signed(7, 400, verdicts=[3, 4])) == ReceiptFault.BAD_DEVICE_SIGNATURE


def test_backing__a_leases_downtime__by_the_provider_or_by_verdicts_alone() -> None:
    bench = open_bench()
    batch = posted(bench, mode=1)
    assert backing(bench, batch, bench.signed(7, 400)) == ReceiptFault.NONE
    assert backing(bench, batch, bench.signed(7, 400, device=None, verdicts=[3, 4])) == ReceiptFault.NONE
    assert backing(bench, batch, bench.signed(7, 399)) == ReceiptFault.NOTHING_DUE
    for item in (bench.signed(7, 400, device=None), bench.signed(7, 400, device=STRANGER)):
        assert backing(bench, batch, item) == ReceiptFault.BAD_DEVICE_SIGNATURE
    one = bench.signed(7, 400, device=None, verdicts=[3])
    assert backing(bench, batch, one) == ReceiptFault.NOT_ENOUGH_VERDICTS
    bench.agree(7, policy=NONE, mode=1)
    claimed = bench.signed(7, 400, device=None, verdicts=[3, 4])
    assert backing(bench, batch, claimed) == ReceiptFault.BAD_DEVICE_SIGNATURE


# What a claim says


def claim_of(
    bench: Bench, *, leaf: tuple[Any, ...] = NO_LEAF, item: tuple[Any, ...] = NO_RECEIPT
) -> tuple[Any, ...]:
    """(fault, agreement, units, outputRoot, full)."""
    return tuple(bench.ledger.call("claimOf", (*leaf, item)))


def test_claim__a_posted_leaf__whatever_its_batch_stands_on() -> None:
    bench = open_bench()
    batch = posted(bench)
    (number,) = bench.self_post(bench.signed(7, 500, verdicts=[3, 4])).result
    own = Posted(number, encode_figure(7, 500), OUTPUT)
    bench.evm.warp(DAY)  # the relayer is silent
    items = [bench.signed(7, 600, verdicts=[3, 4])]
    number = bench.ledger.transact("postSigned", QUORUM, items, sender=MALLORY).result
    signed = Posted(number, encode_figure(7, 600), OUTPUT)
    for _ in range(2):
        for each, units in ((batch, 400), (own, 500), (signed, 600)):
            claim = claim_of(bench, leaf=release_request(each, 0))
            assert claim == (ReceiptFault.NONE, 7, units, OUTPUT, True)
        bench.evm.warp(60 * DAY)  # as long as the agreement is open


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 1},
        {"index": 2},
        {"index": 2**16 - 1},
        {"figure": encode_figure(7, 401)},
        {"output": OTHER},
        {"proof": []},
        {"batch": 5},
        {"batch": 2**96 - 1},
    ],
)
def test_claim__what_is_no_leaf__is_not_posted(changes: dict[str, Any]) -> None:
    bench = open_bench()
    bench.agree(7)
    bench.agree(8)
    batch = bench.post([(7, 400), (8, 1)])
    assert claim_of(bench, leaf=release_request(batch, 0))[0] == ReceiptFault.NONE
    assert claim_of(bench, leaf=release_request(batch, 0, **changes))[0] == NOT_POSTED


def test_claim__leaf_that_is_void_or_cancelled__stands_for_nothing() -> None:
    bench = open_bench()
    bench.agree(7)
    bench.agree(8)
    batch = bench.post([(7, 400), (8, 1)])
    leaves = [release_request(batch, index) for index in (0, 1)]
    bench.ledger.transact("hold", leaves[0], sender=CHALLENGES)
    assert claim_of(bench, leaf=leaves[0])[0] == ReceiptFault.NONE  # it may be answered yet
    bench.ledger.transact("unhold", batch.number, 0, 7, VOID, sender=CHALLENGES)
    assert [claim_of(bench, leaf=leaf)[0] for leaf in leaves] == [LEAF_VOID, ReceiptFault.NONE]
    bench.ledger.transact("cancel", batch.number, sender=bench.system.admin)
    assert [claim_of(bench, leaf=leaf)[0] for leaf in leaves] == [LEAF_VOID, LEAF_VOID]


def test_claim__leaf_of_an_agreement_of_another_policy_or_none__would_never_be_paid() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    batch = bench.post([(7, 400), (9, 5)])  # under NONE
    assert claim_of(bench, leaf=release_request(batch, 0))[0] == ReceiptFault.OTHER_POLICY
    assert claim_of(bench, leaf=release_request(batch, 1))[0] == ReceiptFault.OTHER_POLICY


def test_claim__a_receipt__by_a_device_is_enough_and_full_says_more() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    for how, full in (
        ({}, False),
        ({"verdicts": [3]}, False),
        ({"verdicts": [3, 4]}, True),
        ({"customer": ANN}, True),
        ({"customer": SAM}, False),
    ):
        claim = claim_of(bench, item=bench.signed(7, 400, **how))
        assert claim == (ReceiptFault.NONE, 7, 400, OUTPUT, full)
    bench.agree(7, policy=NONE)
    assert claim_of(bench, item=bench.signed(7, 400))[4] is True


def test_claim__a_session_keys_acceptance__is_full_unless_it_is_for_a_total() -> None:
    """What a key with a total may still accept is known only when it is settled."""
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    keys, until = bench.system.session_keys, bench.now + DAY
    keys.transact("grant", 1, SESSION.address, until, 10**9, [], sender=ANN)
    assert claim_of(bench, item=bench.signed(7, 400, session=SESSION))[4] is False
    listed = account("listed session")
    keys.transact("grant", 1, listed.address, until, 0, [7], sender=ANN)
    assert claim_of(bench, item=bench.signed(7, 400, session=listed))[4] is True


def test_claim__a_receipt__every_fault() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    bench.agree(8, policy=QUORUM, status=2)
    now = bench.now
    for item, fault in (
        (NO_RECEIPT, ReceiptFault.UNKNOWN_AGREEMENT),
        (bench.signed(9, 400), ReceiptFault.UNKNOWN_AGREEMENT),
        (bench.signed(8, 400), ReceiptFault.CLOSED),
        (bench.signed(7, 400, period_start=now - 1_001), ReceiptFault.OUTSIDE_PERIOD),
        (bench.signed(7, 400, period_start=now), ReceiptFault.OUTSIDE_PERIOD),
        (bench.signed(7, 400, period_end=now + 1), ReceiptFault.OUTSIDE_PERIOD),
        (bench.signed(7, 400, device=None), ReceiptFault.BAD_DEVICE_SIGNATURE),
        (bench.signed(7, 400, device=STRANGER), ReceiptFault.BAD_DEVICE_SIGNATURE),
        (bench.signed(7, 400, device=b"\x01" * 65), ReceiptFault.BAD_DEVICE_SIGNATURE),
        (bench.signed(7, 400, device=OTTO, customer=ANN), ReceiptFault.BAD_DEVICE_SIGNATURE),
    ):
        got = claim_of(bench, item=item)
        assert (got[0], got[4]) == (fault, False)
    changed = bench.signed(7, 400)
    raised = ((*changed[0][:1], 401, *changed[0][2:]), *changed[1:])
    assert claim_of(bench, item=raised)[0] == ReceiptFault.BAD_DEVICE_SIGNATURE


def test_claim__frozen_or_held__says_nothing_about_the_receipt() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM, frozen=True, holds=3)
    assert claim_of(bench, item=bench.signed(7, 400))[0] == ReceiptFault.NONE
    batch = bench.post([(7, 400)], policy=QUORUM)
    assert claim_of(bench, leaf=release_request(batch, 0))[0] == ReceiptFault.NONE


def test_claim__a_revoked_devices_receipt__is_good_for_the_delay() -> None:
    bench = open_bench()
    bench.agree(7)
    item = bench.signed(7, 400)
    bench.staking.transact("revokeKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    bench.evm.warp(DAY - 1)
    assert claim_of(bench, item=item)[0] == ReceiptFault.NONE
    bench.evm.warp(1)
    assert claim_of(bench, item=item)[0] == ReceiptFault.BAD_DEVICE_SIGNATURE


def test_claim__under_tee__by_an_attested_device_only() -> None:
    bench = open_bench()
    tee = bench.system.add_policy(relayer=2, kind=3, issuer=ISSUER.address)
    bench.agree(7, policy=tee)
    item = bench.signed(7, 400)
    assert claim_of(bench, item=item)[0] == ReceiptFault.DEVICE_NOT_ATTESTED
    kind, until = int(CredentialKind.TEE), bench.now + DAY
    credential = (ISSUER.address, kind, DEVICE.address, (7).to_bytes(32, "big"), b"\x01" * 32, until, 1)
    bench.system.credentials.transact("post", [credential], [b""], sender=ISSUER)
    assert claim_of(bench, item=item) == (ReceiptFault.NONE, 7, 400, OUTPUT, True)


# Versions and confidence on the ways to be paid


@pytest.mark.parametrize(
    ("version", "confidence", "good"),
    [(7, 9_000, True), (8, 10_000, True), (6, 9_000, False), (7, 8_999, False), (0, 0, False)],
)
def test_verdicts__below_the_policys_version_or_confidence__pay_on_no_path(
    version: int, confidence: int, good: bool
) -> None:
    bench = versioned_bench()
    bench.agree(7, policy=VERSIONED)
    bench.agree(8, policy=VERSIONED, mode=1)

    def shown(units: int, agreement: int = 7, **how: Any) -> tuple[Any, ...]:
        pair = [
            verdict(bench, units, each, agreement=agreement, version=version, confidence=confidence)
            for each in (3, 5)
        ]
        return with_verdicts(bench.signed(agreement, units, **how), *pair)

    refused = [] if good else [(0, ReceiptFault.NOT_ENOUGH_VERDICTS)]
    fault = ReceiptFault.NONE if good else ReceiptFault.NOT_ENOUGH_VERDICTS
    assert bench.ledger.call("faultOf", shown(400)) == fault
    assert faults(bench.self_post(shown(400))) == refused
    downtime = shown(30, agreement=8, device=None)
    assert faults(bench.ledger.transact("reportDowntime", [downtime], sender=MALLORY)) == refused
    bench.evm.warp(DAY)
    if good:
        assert bench.ledger.transact("postSigned", VERSIONED, [shown(401)], sender=MALLORY).result
    else:
        with reverts("ReceiptLedger_NothingToPost"):
            bench.ledger.transact("postSigned", VERSIONED, [shown(401)], sender=MALLORY)
    # The customer's acceptance stands in for verdicts, so these are not looked at.
    assert faults(bench.collect(shown(402, customer=ANN))) == []


def test_verdicts__a_low_one_among_enough_good_ones__does_no_harm() -> None:
    bench = versioned_bench()
    bench.agree(7, policy=VERSIONED)
    low = verdict(bench, 400, 4, version=6)
    item = with_verdicts(bench.signed(7, 400), verdict(bench, 400, 3), low, verdict(bench, 400, 5))
    assert bench.ledger.call("faultOf", item) == ReceiptFault.NONE
