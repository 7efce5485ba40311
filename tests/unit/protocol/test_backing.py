"""Whether signatures back a leaf: hand-made cases, each with one thing wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.protocol.backing import (
    AgreementFacts,
    Item,
    KeyLife,
    Knowledge,
    Leaf,
    Signed,
    backing_fault,
    find_backing,
    item_for,
)
from tallystick.protocol.eip712 import Receipt, Verdict, digest, ledger_domain
from tallystick.protocol.enums import ReceiptFault
from tallystick.protocol.judge import PolicyRule
from tallystick.protocol.keys import PrivateKey

DOMAIN = ledger_domain(31337, b"\x0e" * 20)
ROOT, OTHER = b"\x11" * 32, b"\x22" * 32
DEVICE, STRANGER = PrivateKey.from_seed("backing", "device"), PrivateKey.from_seed("backing", "stranger")
VERIFIERS = {number: PrivateKey.from_seed("backing", "verifier", number) for number in (4, 5, 6)}
NONE = PolicyRule(1, 0, 0, frozenset())
QUORUM = PolicyRule(2, 2, 2, frozenset({4, 5, 6}), verifier_version=3, min_confidence=9_000)
TEE = PolicyRule(3, 3, 0, frozenset())
LEAF = Leaf(77, 0, 7, 100, ROOT, 2_000)
AGREEMENT = AgreementFacts(7, 1, 2, False, True, 1_000, 5_000)
LEASE = AGREEMENT._replace(lease=True)
KNOWN = Knowledge(
    {DEVICE.address: KeyLife(500)}, {(number, key.address): KeyLife(500) for number, key in VERIFIERS.items()}
)
ANSWERED_BY = 3_000


def receipt(**changes: Any) -> Receipt:
    return Receipt(7, 100, 1_200, 1_500, ROOT, False)._replace(**changes)


def signed(message: Receipt, key: PrivateKey = DEVICE) -> bytes:
    return key.sign(digest(DOMAIN, message.hash_struct()))


def says(
    operator: int, units: int = 100, version: int = 3, confidence: int = 9_000, **changes: Any
) -> Signed:
    """A verifier's valid verdict on the output ROOT."""
    verdict = Verdict(7, units, changes.get("root", ROOT), changes.get("valid", True), version, confidence)
    key = changes.get("key", VERIFIERS[operator])
    return Signed(operator, verdict, key.sign(digest(DOMAIN, verdict.hash_struct())))


def judged(
    message: Receipt,
    *verdicts: Signed,
    rule: PolicyRule = NONE,
    agreement: AgreementFacts = AGREEMENT,
    known: Knowledge = KNOWN,
    key: PrivateKey = DEVICE,
    device: bytes | None = None,
) -> str:
    item = Item(message, signed(message, key) if device is None else device, verdicts)
    return backing_fault(LEAF, item, agreement, rule, known, DOMAIN, ANSWERED_BY).name


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (receipt(), "NONE"),
        (receipt(units=101), "NONE"),  # a leaf may say less than its receipt: a cap cut it
        (receipt(units=99), "NOTHING_DUE"),
        (receipt(output_root=OTHER), "NOTHING_DUE"),
        (receipt(agreement=8), "UNKNOWN_AGREEMENT"),
        (receipt(period_start=999), "OUTSIDE_PERIOD"),
        (receipt(period_start=1_500), "OUTSIDE_PERIOD"),  # an empty period
        (receipt(period_end=ANSWERED_BY), "NONE"),
        (receipt(period_end=ANSWERED_BY + 1), "OUTSIDE_PERIOD"),
    ],
)
def test_backing__receipt_alone__must_fit_leaf_and_period(message: Receipt, fault: str) -> None:
    assert judged(message) == fault


def test_backing__period_beyond_the_agreements_end__outside() -> None:
    assert judged(receipt(), agreement=AGREEMENT._replace(end=1_499)) == "OUTSIDE_PERIOD"
    assert judged(receipt(), agreement=AGREEMENT._replace(end=1_500)) == "NONE"


def test_backing__closed_agreement__nothing_backs_it() -> None:
    assert judged(receipt(), agreement=AGREEMENT._replace(open=False)) == "CLOSED"


@pytest.mark.parametrize(
    ("life", "fault"),
    [
        (KeyLife(2_000), "NONE"),
        (KeyLife(2_001), "BAD_DEVICE_SIGNATURE"),  # authorised after the posting
        (KeyLife(500, 2_000), "BAD_DEVICE_SIGNATURE"),  # revoked just then
        (KeyLife(500, 2_001), "NONE"),
        (KeyLife(), "BAD_DEVICE_SIGNATURE"),
    ],
)
def test_backing__device_key__is_judged_at_the_posting(life: KeyLife, fault: str) -> None:
    assert judged(receipt(), known=KNOWN._replace(devices={DEVICE.address: life})) == fault


def test_backing__signature_of_a_stranger_or_of_nobody__bad() -> None:
    assert judged(receipt(), key=STRANGER) == "BAD_DEVICE_SIGNATURE"
    assert judged(receipt(), device=b"") == "BAD_DEVICE_SIGNATURE"
    assert judged(receipt(), device=signed(receipt(exclusive=True))) == "BAD_DEVICE_SIGNATURE"


@pytest.mark.parametrize(
    ("verdicts", "fault"),
    [
        ([], "NOT_ENOUGH_VERDICTS"),
        ([says(4)], "NOT_ENOUGH_VERDICTS"),
        ([says(4), says(6)], "NONE"),
        ([says(4), says(4)], "NOT_ENOUGH_VERDICTS"),
        ([says(4), says(5, version=2)], "NOT_ENOUGH_VERDICTS"),
        ([says(4), says(5, version=4)], "NONE"),
        ([says(4), says(5, confidence=8_999)], "NOT_ENOUGH_VERDICTS"),
        ([says(4), says(5, key=VERIFIERS[4])], "NOT_ENOUGH_VERDICTS"),
        ([says(4), says(5, valid=False)], "NOT_ENOUGH_VERDICTS"),
        ([says(4), says(5, units=99)], "NOT_ENOUGH_VERDICTS"),
        ([says(4), says(5, version=2), says(6)], "NONE"),  # one that does not count does no harm
    ],
)
def test_backing__quorum__that_many_of_the_policys_verifiers_for_just_this_figure(
    verdicts: list[Signed], fault: str
) -> None:
    assert judged(receipt(), *verdicts, rule=QUORUM) == fault


def test_backing__verifier_revoked_or_below_its_stake__does_not_count() -> None:
    both = [says(4), says(5)]
    revoked = KNOWN._replace(verifiers={**KNOWN.verifiers, (5, VERIFIERS[5].address): KeyLife(500, 2_000)})
    assert judged(receipt(), *both, rule=QUORUM, known=revoked) == "NOT_ENOUGH_VERDICTS"
    idle = KNOWN._replace(inactive=frozenset({4}))
    assert judged(receipt(), *both, rule=QUORUM, known=idle) == "NOT_ENOUGH_VERDICTS"


def test_backing__tee__only_an_attested_device() -> None:
    assert judged(receipt(), rule=TEE) == "DEVICE_NOT_ATTESTED"
    attested = KNOWN._replace(attested=frozenset({DEVICE.address}))
    assert judged(receipt(), rule=TEE, known=attested) == "NONE"


@pytest.mark.parametrize(
    ("rule", "device", "verdicts", "fault"),
    [
        (QUORUM, None, [], "NONE"),  # the provider's own word against itself
        (QUORUM, b"", [says(4), says(5)], "NONE"),  # or the verifiers'
        (QUORUM, b"", [says(4)], "NOT_ENOUGH_VERDICTS"),
        (QUORUM, b"", [], "BAD_DEVICE_SIGNATURE"),
        (NONE, b"", [says(4), says(5)], "BAD_DEVICE_SIGNATURE"),
        (TEE, None, [], "NONE"),  # attested once, when it began
    ],
)
def test_backing__downtime_of_a_lease__receipt_or_verdicts(
    rule: PolicyRule, device: bytes | None, verdicts: list[Signed], fault: str
) -> None:
    assert judged(receipt(), *verdicts, rule=rule, device=device, agreement=LEASE) == fault


def find(
    receipts: list[Receipt], verdicts: list[Signed], agreement: AgreementFacts = AGREEMENT
) -> tuple[ReceiptFault, Item | None]:
    pairs = [(one, signed(one)) for one in receipts]
    return find_backing(LEAF, pairs, verdicts, agreement, QUORUM, KNOWN, DOMAIN, ANSWERED_BY)


def test_find__several_receipts__the_newest_with_its_quorum() -> None:
    newest, older = receipt(units=300), receipt(units=200)
    fault, item = find(
        [older, receipt(units=50), newest], [says(4, 300), says(6, 200), says(5, 200), says(4, 200)]
    )
    assert fault is ReceiptFault.NONE
    assert item is not None
    assert item.receipt == older
    assert [one.operator for one in item.verdicts] == [4, 5, 6]


def test_find__nothing_of_this_output__nothing_due() -> None:
    assert find([receipt(output_root=OTHER), receipt(units=99)], [says(4)]) == (
        ReceiptFault.NOTHING_DUE,
        None,
    )


def test_find__no_quorum_anywhere__says_which_is_missing() -> None:
    fault, item = find([receipt()], [says(4)])
    assert fault is ReceiptFault.NOT_ENOUGH_VERDICTS
    assert item is not None


def test_find__lease_without_a_receipt__verdicts_alone() -> None:
    fault, item = find([], [says(4), says(6)], LEASE)
    assert fault is ReceiptFault.NONE
    assert item is not None
    assert item.device == b""
    assert (item.receipt.units, item.receipt.output_root) == (100, ROOT)


def test_item__verdicts_of_other_figures_and_strangers__are_left_out_and_the_rest_rises() -> None:
    stranger = says(4)._replace(operator=9)
    shown = [says(6), stranger, says(5, units=200), says(4, valid=False), says(4), says(4, version=9)]
    item = item_for(receipt(), b"", shown, QUORUM)
    assert [(one.operator, one.verdict.verifier_version) for one in item.verdicts] == [(4, 3), (6, 3)]
