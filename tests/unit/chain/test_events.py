"""Logs made with eth_abi, decoded, and held against what went in."""

import random
import time
from enum import IntEnum
from typing import Any, get_type_hints

import eth_abi
import pytest

from tallystick.chain import dispute_events, token_events
from tallystick.chain import event_types as types
from tallystick.chain.abi import EventType, Parameter
from tallystick.chain.contracts import load
from tallystick.chain.events import EventDecoder, event_classes, field_name
from tallystick.protocol.accounting.policies import DisputeTerms, Policy
from tallystick.protocol.eip712 import Terms
from tallystick.protocol.enums import OpenRefusal, VerificationKind

ADDRESSES = {
    name: f"0x{place:040x}"
    for place, name in enumerate(
        [
            "Directory", "PolicyBook", "Staking", "Escrow", "ReceiptLedger", "FeeSplitter", "InsurancePool",
            "DividendVault", "Credentials", "SessionKeys", "Challenges", "Court", "JackpotPool", "Council", "Jury",
            "BisectionReferee", "SupplierRewards",
        ],
        0xA0,
    )
}  # fmt: skip
HOUSEKEEPING = {
    "AuthorityUpdated", "EIP712DomainChanged", "OwnershipTransferStarted", "OwnershipTransferred"
}  # fmt: skip


def make_log(contract: str, kind: EventType, values: list[Any]) -> dict[str, Any]:
    """A log as a node gives it, encoded by eth_abi."""
    topics = ["0x" + kind.digest.hex()]
    plain_types, plain = [], []
    for part, value in zip(kind.inputs, values, strict=True):
        if part.indexed:
            topics.append("0x" + eth_abi.encode([part.type], [value]).hex())
        else:
            plain_types.append(part.type)
            plain.append(value)
    return {
        "address": ADDRESSES[contract],
        "topics": topics,
        "data": "0x" + eth_abi.encode(plain_types, plain).hex(),
        "blockNumber": "0x10",
        "blockHash": "0x" + "ab" * 32,
        "transactionHash": "0x" + "cd" * 32,
        "logIndex": "0x3",
    }


def make_value(part: Parameter, hint: Any, dice: random.Random) -> Any:
    """A random value of the ABI's type, as eth_abi takes it."""
    if part.components:
        inner = get_type_hints(hint)
        return tuple(make_value(piece, inner[field_name(piece.name)], dice) for piece in part.components)
    if part.type == "address[]":
        return tuple("0x" + dice.randbytes(20).hex() for _ in range(3))
    if part.type.endswith("[]"):
        return tuple(dice.randrange(2**32) for _ in range(3))
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return int(dice.choice(list(hint)))
    if part.type == "address":
        return "0x" + dice.randbytes(20).hex()
    if part.type == "string":
        return dice.randbytes(8).hex()
    if part.type == "bool":
        return dice.random() < 0.5
    if part.type.startswith("bytes"):
        return dice.randbytes(int(part.type[5:]))
    return dice.randrange(2 ** int(part.type[4:]))


def as_bytes(part: Parameter, value: Any) -> Any:
    if part.type == "address[]":
        return tuple(bytes.fromhex(one[2:]) for one in value)
    return bytes.fromhex(value[2:]) if part.type == "address" else value


@pytest.mark.parametrize(("contract", "event"), sorted(event_classes()))
def test_decode__every_event_with_random_values__gives_what_was_encoded(contract: str, event: str) -> None:
    dice = random.Random(f"{contract}.{event}")
    kind, cls = load(contract).events[event], event_classes()[contract, event]
    hints = get_type_hints(cls)
    decoder = EventDecoder(ADDRESSES)
    for _ in range(20):
        values = [make_value(part, hints[field_name(part.name)], dice) for part in kind.inputs]
        found = decoder.decode(make_log(contract, kind, values))
        assert type(found) is cls
        assert found.place == types.Place(16, "0x" + "ab" * 32, "0x" + "cd" * 32, 3)
        for part, value in zip(kind.inputs, values, strict=True):
            assert getattr(found, field_name(part.name)) == as_bytes(part, value), part.name


@pytest.mark.parametrize("contract", sorted(ADDRESSES))
def test_event_classes__of_each_contract__cover_all_but_housekeeping(contract: str) -> None:
    covered = {event for name, event in event_classes() if name == contract}
    assert set(load(contract).events) - covered <= HOUSEKEEPING


def test_event_classes__every_class__is_an_event_of_an_abi() -> None:
    every = [one for home in (types, dispute_events, token_events) for one in vars(home).values()]
    classes = {cls for cls in every if isinstance(cls, type) and issubclass(cls, types.Event)}
    assert classes - {types.Event} == set(event_classes().values())


def test_decode__opened__has_terms_and_both_fees() -> None:
    terms = (1, 2, 3, 4, 0, 5, 500, 0, 600_000, 10**9, 10**9, 100, 200, b"\x07" * 32, 8, 9, 300)
    log = make_log("Escrow", load("Escrow").events["Opened"], [7 << 32 | 5, 500 << 16 | 25, 100, terms])
    found = EventDecoder(ADDRESSES).decode(log)
    assert isinstance(found, types.EscrowOpened)
    assert found.terms == Terms(*terms)
    assert isinstance(found.terms, Terms)
    assert (found.agreement, found.fee_provider, found.fee_customer) == (30064771077, 500, 25)


def test_decode__policy_added__has_enum_and_verifiers() -> None:
    windows = (86_400, 259_200, 21_600, 3_600, 86_400, 86_400)
    issuer, council, jury = ("0x" + digit * 20 for digit in ("0a", "0b", "0c"))
    terms = DisputeTerms(slash_cap=7, arbiter=council, second_arbiter=jury)
    raw = (
        *(2, 2, 9, True, False, 1_000, 10, 10**12, 5, 10**8, *windows, 3, 1, issuer, b"\x07" * 32, 4, 9_000),
        *(tuple(terms), (4, 5, 6)),
    )
    log = make_log("PolicyBook", load("PolicyBook").events["PolicyAdded"], [3, raw])
    found = EventDecoder(ADDRESSES).decode(log)
    assert isinstance(found, types.PolicyBookPolicyAdded)
    assert found.terms == Policy(
        VerificationKind.QUORUM,
        2,
        9,
        gross_cap=5,
        customer_credentials=3,
        operator_credentials=1,
        issuer=issuer,
        measurement=b"\x07" * 32,
        verifier_version=4,
        min_confidence=9_000,
        dispute=terms,
        verifiers=(4, 5, 6),
    )
    assert found.terms.kind is VerificationKind.QUORUM


def test_decode__refused_opening__reason_is_an_enum_member() -> None:
    log = make_log("Escrow", load("Escrow").events["OpenRefused"], [2, b"\x01" * 32, 14])
    found = EventDecoder(ADDRESSES).decode(log)
    assert isinstance(found, types.EscrowOpenRefused)
    assert found.reason is OpenRefusal.NOT_ENOUGH_FUNDS


def test_decode__foreign_address_or_topic__gives_nothing() -> None:
    log = make_log("Escrow", load("Escrow").events["FeesCollected"], [5])
    decoder = EventDecoder(ADDRESSES)
    assert decoder.decode({**log, "address": "0x" + "99" * 20}) is None
    assert decoder.decode({**log, "topics": ["0x" + "99" * 32]}) is None
    assert decoder.decode({**log, "topics": []}) is None
    assert decoder.decode_all([log, {**log, "topics": []}, log]) == [decoder.decode(log)] * 2


def test_decode__checksummed_address__is_recognised() -> None:
    log = make_log("Escrow", load("Escrow").events["FeesCollected"], [5])
    decoder = EventDecoder({**ADDRESSES, "Escrow": "0x00000000000000000000000000000000000000A3"})
    assert decoder.decode({**log, "address": "0x00000000000000000000000000000000000000A3"}) is not None


def test_decode__same_event_of_two_contracts__told_apart_by_address() -> None:
    decoder = EventDecoder(ADDRESSES)
    kind = load("InsurancePool").events["FeesReceived"]
    assert isinstance(decoder.decode(make_log("InsurancePool", kind, [5])), types.InsurancePoolFeesReceived)


def test_decode__settled_and_opened__at_least_5000_a_second_even_on_a_busy_machine() -> None:
    terms = (1, 2, 3, 4, 0, 5, 500, 0, 600_000, 10**9, 10**9, 100, 200, b"\x07" * 32, 8, 9, 300)
    logs = [
        make_log("Escrow", load("Escrow").events["Opened"], [7, 500, 100, terms]),
        make_log("Escrow", load("Escrow").events["Settled"], [7, 10**9]),
    ] * 1_000
    decoder = EventDecoder(ADDRESSES)
    start = time.process_time()
    assert len(decoder.decode_all(logs)) == 2_000
    assert time.process_time() - start < 0.4
