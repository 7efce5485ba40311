"""Hand-rolled EIP-712 against eth-account's `encode_typed_data`, over random and extreme messages."""

from __future__ import annotations

import time

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import (
    Acceptance,
    BatchHeader,
    Credential,
    Domain,
    EarlyRefund,
    Message,
    Receipt,
    Replacement,
    Revocation,
    Terms,
    TopUp,
    Verdict,
)
from tallystick.protocol.errors import EncodingError


def uint(bits: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(0, 2**bits - 1), st.just(2**bits - 1), st.just(0))


WORD = st.binary(min_size=32, max_size=32)
DOMAINS = st.builds(
    Domain,
    st.sampled_from(["Tallystick Escrow", "Tallystick ReceiptLedger", "Tallystick Credentials"]),
    st.just("1"),
    uint(64),
    st.binary(min_size=20, max_size=20),
)
RECEIPTS = st.builds(Receipt, uint(64), uint(80), uint(32), uint(32), WORD, st.booleans())
VERDICTS = st.builds(Verdict, uint(64), uint(80), WORD, st.booleans(), uint(32), uint(16))
ACCEPTANCES = st.builds(Acceptance, uint(64), uint(80), uint(32), uint(32), WORD)
HEADERS = st.builds(BatchHeader, uint(16), uint(64), uint(48), uint(40))
TERMS = st.builds(
    Terms,
    *(uint(bits) for bits in (32, 32, 32, 32, 8, 16, 16, 16, 56, 56, 56, 32, 32)),
    WORD,
    *(uint(bits) for bits in (256, 256, 40)),
)

ADDRESS = st.binary(min_size=20, max_size=20)
TOP_UPS = st.builds(TopUp, uint(64), uint(56), uint(40))
EARLY_REFUNDS = st.builds(EarlyRefund, uint(64), uint(40))
REPLACEMENTS = st.builds(Replacement, uint(64), uint(80), TERMS)
CREDENTIALS = st.builds(Credential, ADDRESS, uint(8), ADDRESS, WORD, WORD, uint(40), uint(64))
REVOCATIONS = st.builds(Revocation, ADDRESS, uint(8), ADDRESS, WORD, uint(64))


def oracle(data: dict[str, object]) -> bytes:
    return bytes(_hash_eip191_message(encode_typed_data(full_message=data)))


@settings(max_examples=150, deadline=None)
@given(DOMAINS, st.one_of(TERMS, RECEIPTS, VERDICTS, ACCEPTANCES))
def test_digest__any_message__equals_eth_account(domain: Domain, message: Message) -> None:
    assert eip712.digest(domain, message.hash_struct()) == oracle(eip712.typed_data(domain, message))


@settings(max_examples=150, deadline=None)
@given(DOMAINS, st.one_of(TOP_UPS, EARLY_REFUNDS, REPLACEMENTS, CREDENTIALS, REVOCATIONS))
def test_digest__any_consent_or_statement__equals_eth_account(domain: Domain, message: Message) -> None:
    assert eip712.digest(domain, message.hash_struct()) == oracle(eip712.typed_data(domain, message))


@settings(max_examples=50, deadline=None)
@given(DOMAINS, HEADERS, WORD, WORD)
def test_digest__any_batch__equals_eth_account(
    domain: Domain, header: BatchHeader, figures: bytes, root: bytes
) -> None:
    data = eip712.typed_data_of_batch(domain, header, figures, root)
    assert eip712.digest(domain, header.hash_struct(figures, root)) == oracle(data)


def test_type_strings__as_published__exact() -> None:
    """SPEC: what wallets, contracts and other implementations hash; a change here breaks every signature."""
    assert eip712.TERMS_TYPE == (
        "Terms(uint32 customer,uint32 funder,uint32 operator,uint32 payee,uint8 mode,uint16 policy,"
        "uint16 maxFeeProvider,uint16 maxFeeCustomer,uint56 unitPrice,uint56 budget,uint56 maxBudget,"
        "uint32 start,uint32 expiry,bytes32 workHash,uint256 customerNonce,uint256 operatorNonce,"
        "uint40 deadline)"
    )
    assert eip712.BATCH_TYPE == (
        "Batch(uint16 policy,uint64 value,bytes32 figures,bytes32 root,uint48 nonce,uint40 deadline)"
    )
    assert eip712.REPLACEMENT_TYPE == (
        "Replacement(uint64 agreement,uint80 finalUnits,Terms terms)" + eip712.TERMS_TYPE
    )
    domain = eip712.credentials_domain(1, bytes(20))
    assert (domain.name, domain.version) == ("Tallystick Credentials", "1")
    assert eip712.escrow_domain(1, bytes(20)).name == "Tallystick Escrow"
    assert eip712.ledger_domain(1, bytes(20)).name == "Tallystick ReceiptLedger"


GOOD_RECEIPT = Receipt(7, 1, 1, 2, bytes(32), True)
GOOD_TERMS = Terms(1, 1, 1, 1, 0, 1, 500, 0, 1, 2, 2, 0, 3, bytes(32), 1, 2, 3)


@pytest.mark.parametrize(
    "message",
    [
        GOOD_RECEIPT._replace(agreement=2**64),
        GOOD_RECEIPT._replace(units=2**80),
        GOOD_RECEIPT._replace(units=-1),
        GOOD_RECEIPT._replace(period_end=2**32),
        GOOD_RECEIPT._replace(output_root=bytes(31)),
        Verdict(1, 1, bytes(33), True, 1, 1),
        Verdict(1, 1, bytes(32), True, 1, 2**16),
        Acceptance(1, 2**80, 1, 1, bytes(32)),
        GOOD_TERMS._replace(budget=2**56),
        GOOD_TERMS._replace(customer_nonce=2**256),
        GOOD_TERMS._replace(operator_nonce=-1),
        GOOD_TERMS._replace(deadline=2**40),
        GOOD_TERMS._replace(work_hash=b""),
        GOOD_TERMS._replace(mode=256),
        TopUp(1, 2**56, 1),
        TopUp(1, 1, 2**40),
        EarlyRefund(2**64, 1),
        EarlyRefund(1, -1),
        Replacement(1, 2**80, GOOD_TERMS),
        Replacement(1, 1, GOOD_TERMS._replace(start=2**32)),
        Credential(bytes(19), 0, bytes(20), bytes(32), bytes(32), 1, 1),
        Credential(bytes(20), 256, bytes(20), bytes(32), bytes(32), 1, 1),
        Credential(bytes(20), 0, bytes(20), bytes(32), bytes(33), 1, 1),
        Revocation(bytes(20), 0, bytes(21), bytes(32), 1),
        Revocation(bytes(20), 0, bytes(20), bytes(32), 2**64),
    ],
)
def test_hash_struct__field_out_of_range__bad_encoding(message: Message) -> None:
    with pytest.raises(EncodingError):
        message.hash_struct()


@pytest.mark.parametrize(
    "header", [BatchHeader(1, 1, 2**48, 1), BatchHeader(1, 1, 1, 2**40), BatchHeader(2**16, 1, 1, 1)]
)
def test_hash_struct__header_out_of_range__bad_encoding(header: BatchHeader) -> None:
    with pytest.raises(EncodingError):
        header.hash_struct(bytes(32), bytes(32))


def test_numbers__hand_worked__packed_from_the_left() -> None:
    assert eip712.agreement_number(5, bytes.fromhex("deadbeef") + bytes(28)) == 0x00000005DEADBEEF
    assert eip712.batch_number(3, 9, 4) == 0x0003_00000009_000000000004
    with pytest.raises(EncodingError):
        eip712.batch_number(1, 2**32, 0)


def test_digest_of_receipt__hot_path__below_15_microseconds() -> None:
    """Best of many short runs, so that a busy machine does not decide."""
    domain = eip712.ledger_domain(31_337, b"\x01" * 20)
    best = float("inf")
    for _ in range(50):
        begin = time.perf_counter()
        for units in range(200):
            eip712.digest(domain, Receipt(1, units, 1, 2, bytes(32), True).hash_struct())
        best = min(best, (time.perf_counter() - begin) / 200)
    assert best < 15e-6
