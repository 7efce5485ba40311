"""The council: three of five members sign the units that stand, once a round, and all five share the fee."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, MALLORY
from tests.support.evm import CHAIN_ID, Account, Bound, Receipt, account, reverts
from tests.support.jury import (
    APPEALABLE,
    COUNCIL_POLICY,
    EVIDENCE,
    JURY_POLICY,
    MEMBERS,
    MIXED_POLICY,
    RULED,
    RULING,
    SECOND,
    Bench,
    open_bench,
)
from tests.support.system import DOLLAR, dispute_terms

A, B, C, D, E = MEMBERS
HONEST, BURNS = 0, 9  # WalletMock.Answer


def digest(bench: Bench, units: int, *, dispute: int = 1, round_: int = 1, **domain: Any) -> bytes:
    """What members sign, by eth_account's own EIP-712."""
    message = encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "Ruling": [
                    {"name": "dispute", "type": "uint64"},
                    {"name": "round", "type": "uint8"},
                    {"name": "units", "type": "uint80"},
                ],
            },
            "primaryType": "Ruling",
            "domain": {
                "name": "Tallystick Council",
                "version": "1",
                "chainId": CHAIN_ID,
                "verifyingContract": bench.council.address,
            }
            | domain,
            "message": {"dispute": dispute, "round": round_, "units": units},
        }
    )
    return keccak256(b"\x19" + message.version + message.header + message.body)


def signed(who: Sequence[Account], message: bytes) -> list[tuple[str, bytes]]:
    return [(one.address, one.sign(message)) for one in who]


def submit(bench: Bench, who: Sequence[Account], units: int, *, dispute: int = 1, **changes: Any) -> Receipt:
    signatures = signed(who, digest(bench, units, dispute=dispute, **changes))
    return bench.council.transact("submit", dispute, units, signatures, sender=MALLORY)


def council_of(bench: Bench, members: Sequence[str], threshold: int) -> Bound:
    return bench.evm.deploy(
        "Council",
        currency=bench.desk.system.currency.address,
        court=bench.court.address,
        policyBook=bench.desk.system.policy_book.address,
        members_=list(members),
        threshold=threshold,
    )


def test_submit__three_of_five__is_the_ruling_that_the_court_hears() -> None:
    bench = open_bench()
    bench.dispute(policy=COUNCIL_POLICY)
    assert bench.ask(arbiter=bench.council) == (False, 0)
    with reverts("Council_NotRuled", dispute=1, round=1):
        bench.council.call("rule", 1)
    receipt = submit(bench, [A, C, E], 750)
    assert receipt.event("Ruling").args == {"dispute": 1, "round": 1, "units": 750, "signers": 0b10101}
    assert bench.ask(arbiter=bench.council) == (True, 750)
    assert bench.council.call("rulingOf", 1, 1) == (True, 750)
    assert bench.council.call("rulingOf", 1, 2) == (False, 0)
    assert bench.council.call("digestOf", 1, 1, 750) == digest(bench, 750)


def test_submit__zero_units_and_the_most__are_rulings() -> None:
    bench = open_bench()
    for number, units in ((1, 0), (2, 2**80 - 1)):
        bench.dispute(number, policy=COUNCIL_POLICY)
        submit(bench, MEMBERS, units, dispute=number)
        assert bench.ask(number, bench.council) == (True, units)


def test_submit__a_second_ruling_of_a_round__is_refused_and_the_first_stands() -> None:
    bench = open_bench()
    bench.dispute(policy=COUNCIL_POLICY)
    submit(bench, [A, B, C], 750)
    for units in (750, 200):
        with reverts("Council_AlreadyRuled", dispute=1, round=1):
            submit(bench, [C, D, E], units)
    assert bench.ask(arbiter=bench.council) == (True, 750)


def test_submit__the_second_round__needs_signatures_of_its_own() -> None:
    bench = open_bench()
    bench.dispute(policy=COUNCIL_POLICY)
    first = signed([A, B, C], digest(bench, 750))
    bench.council.transact("submit", 1, 750, first, sender=MALLORY)
    bench.dispute(policy=COUNCIL_POLICY, state=SECOND)
    assert bench.ask(arbiter=bench.council) == (False, 0)
    with reverts("Council_BadSignature", member=A.address):
        bench.council.transact("submit", 1, 750, first, sender=MALLORY)
    submit(bench, [A, B, C], 300, round_=2)
    assert bench.ask(arbiter=bench.council) == (True, 300)
    assert bench.council.call("rulingOf", 1, 1) == (True, 750)


@pytest.mark.parametrize(
    ("state", "policy", "round_"),
    [
        (EVIDENCE, COUNCIL_POLICY, 0),
        (APPEALABLE, COUNCIL_POLICY, 0),
        (RULED, COUNCIL_POLICY, 0),
        (RULING, JURY_POLICY, 1),
        (SECOND, MIXED_POLICY, 2),
        (RULING, 1, 1),  # a policy without arbiters
        (RULING, 0, 1),  # no policy
    ],
)
def test_submit__when_it_is_not_the_councils_round__is_refused(state: int, policy: int, round_: int) -> None:
    bench = open_bench()
    bench.dispute(policy=policy, state=state)
    with reverts("Council_NotArbiter", dispute=1, round=round_):
        submit(bench, [A, B, C], 750, round_=round_)


def test_rule__when_the_court_has_gone_on__is_not_answered() -> None:
    bench = open_bench()
    bench.dispute(policy=COUNCIL_POLICY)
    submit(bench, [A, B, C], 750)
    bench.dispute(policy=COUNCIL_POLICY, state=RULED)
    assert bench.ask(arbiter=bench.council) == (False, 0)


def test_submit__too_few_or_too_many__is_refused() -> None:
    bench = open_bench()
    bench.dispute(policy=COUNCIL_POLICY)
    for who in ([], [A, B], [A, B, C, D, E, E]):
        with reverts("Council_WrongCount", signatures=len(who), threshold=3):
            submit(bench, who, 750)


@pytest.mark.parametrize(
    ("who", "stranger"),
    [([A, A, B], A), ([B, A, C], A), ([A, C, B], B), ([A, B, MALLORY], MALLORY), ([MALLORY, A, B], MALLORY)],
)
def test_submit__out_of_order_twice_or_by_others__is_refused(who: list[Account], stranger: Account) -> None:
    bench = open_bench()
    bench.dispute(policy=COUNCIL_POLICY)
    with reverts("Council_NotMember", signer=stranger.address):
        submit(bench, who, 750)


def test_submit__signatures_over_anything_else__are_refused() -> None:
    bench = open_bench()
    bench.dispute(policy=COUNCIL_POLICY)
    others = [
        digest(bench, 751),
        digest(bench, 750, dispute=2),
        digest(bench, 750, round_=2),
        digest(bench, 750, chainId=1),
        digest(bench, 750, verifyingContract=bench.jury.address),
        digest(bench, 750, name="Tallystick Escrow"),
        digest(bench, 750, version="2"),
    ]
    for other in others:
        with reverts("Council_BadSignature", member=A.address):
            bench.council.transact("submit", 1, 750, signed([A, B, C], other), sender=MALLORY)
    mixed = [*signed([A, B], digest(bench, 750)), (C.address, D.sign(digest(bench, 750)))]
    with reverts("Council_BadSignature", member=C.address):
        bench.council.transact("submit", 1, 750, mixed, sender=MALLORY)


def test_submit__contract_wallets__sign_by_erc_1271() -> None:
    bench = open_bench()
    owner = account("wallet owner")
    wallet = bench.evm.deploy("WalletMock", owner.address)
    members = sorted([wallet.address, A.address, B.address])
    council = council_of(bench, members, 2)
    bench.council = council
    policy = bench.desk.system.add_policy(relayer=2, dispute=dispute_terms(arbiter=council.address))
    bench.dispute(policy=policy)
    message = digest(bench, 750)
    by = {wallet.address: owner, A.address: A, B.address: B}

    def show(signer: Account) -> list[tuple[str, bytes]]:
        chosen = [one for one in members if one != B.address]
        return [(one, (signer if one == wallet.address else by[one]).sign(message)) for one in chosen]

    with reverts("Council_BadSignature", member=wallet.address):
        council.transact("submit", 1, 750, show(MALLORY), sender=MALLORY)
    wallet.transact("setAnswer", BURNS, "0x" + "00" * 20, b"", bytes(32), sender=MALLORY)
    with reverts("Council_BadSignature", member=wallet.address):
        council.transact("submit", 1, 750, show(owner), sender=MALLORY)
    wallet.transact("setAnswer", HONEST, "0x" + "00" * 20, b"", bytes(32), sender=MALLORY)
    council.transact("submit", 1, 750, show(owner), sender=MALLORY)
    assert bench.ask(arbiter=council) == (True, 750)


# Fees


def test_collect_fees__25_dollars__are_five_each_and_pulled_by_each() -> None:
    bench = open_bench()
    bench.pay_fee(25 * DOLLAR, arbiter=bench.council)
    receipt = bench.council.transact("collectFees", sender=MALLORY)
    assert receipt.result == 5 * DOLLAR
    assert receipt.event("FeesCollected").args == {
        "amount": 25 * DOLLAR, "each": 5 * DOLLAR, "carried": 0,
    }  # fmt: skip
    assert [bench.credit(who, bench.council) for who in MEMBERS] == [5 * DOLLAR] * 5
    bench.council.transact("claimCredit", ANN.address, sender=C)
    assert bench.desk.system.balance(bench.council) == 20 * DOLLAR
    assert bench.council.call("totalCredits") == 20 * DOLLAR


def test_collect_fees__what_does_not_divide__is_carried() -> None:
    """13 µ by five: 2 each, 3 carried; 3 + 7 = 10: 2 each, none carried."""
    bench = open_bench()
    bench.pay_fee(13, arbiter=bench.council)
    assert bench.council.transact("collectFees", sender=MALLORY).event("FeesCollected").args == {
        "amount": 13, "each": 2, "carried": 3,
    }  # fmt: skip
    assert (bench.council.call("totalBonds"), bench.council.call("totalCredits")) == (3, 10)
    bench.pay_fee(7, arbiter=bench.council)
    assert bench.council.transact("collectFees", sender=MALLORY).event("FeesCollected").args == {
        "amount": 7, "each": 2, "carried": 0,
    }  # fmt: skip
    assert [bench.credit(who, bench.council) for who in MEMBERS] == [4] * 5
    assert bench.desk.system.balance(bench.council) == 20


def test_collect_fees__nothing_credited__is_refused_and_a_donation_is_nobodys() -> None:
    bench = open_bench()
    bench.desk.system.mint(bench.council.address, 100)
    with reverts("Council_NothingToCollect"):
        bench.council.transact("collectFees", sender=MALLORY)


# Members


@pytest.mark.parametrize(
    ("members", "threshold"),
    [
        ([], 0),
        ([], 1),
        ([A.address], 0),
        ([A.address], 2),
        ([B.address, A.address], 1),
        ([A.address, A.address], 1),
        (["0x" + "00" * 20, A.address], 1),
        ([f"0x{i:040x}" for i in range(1, 18)], 9),
    ],
)
def test_constructor__members_that_do_not_fit__are_refused(members: list[str], threshold: int) -> None:
    with reverts("Council_BadMembers"):
        council_of(open_bench(), members, threshold)


def test_constructor__sixteen_members__can_all_sign() -> None:
    bench = open_bench()
    members = sorted((account(f"one of sixteen {i}") for i in range(16)), key=lambda who: who.address)
    bench.council = council_of(bench, [who.address for who in members], 16)
    terms = dispute_terms(secondArbiter=bench.council.address)
    policy = bench.desk.system.add_policy(relayer=2, dispute=terms)
    bench.dispute(policy=policy, state=SECOND)
    assert submit(bench, members, 5, round_=2).event("Ruling").args["signers"] == 0xFFFF
    assert bench.council.call("members") == [who.address for who in members]
    assert bench.council.call("THRESHOLD") == 16
