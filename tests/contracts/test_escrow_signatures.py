"""Who signed the Terms: malleable, replayed and foreign signatures, hostile wallets, calldata that lies."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import pyrevm
import pytest
from eth_account import Account as EthAccount

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Terms
from tallystick.protocol.enums import OpenRefusal
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.keys import CURVE_ORDER
from tests.support.escrow import ANN, MALLORY, OTTO, SAM, Desk, open_desk, refusals
from tests.support.evm import _SLOT, _STATE, Bound, Evm, Reverted, account, reverts
from tests.support.system import Role

BAD_CUSTOMER = (0, OpenRefusal.BAD_CUSTOMER_SIGNATURE)
BAD_OPERATOR = (0, OpenRefusal.BAD_OPERATOR_SIGNATURE)
SPENT = (0, OpenRefusal.NONCE_SPENT)


# Plain keys


def test_signatures__made_by_eth_account__open() -> None:
    """An independent signer and an independent EIP-712 encoder."""
    desk = open_desk()
    terms = desk.terms()
    kinds = [
        part.split(" ") for part in eip712.TERMS_TYPE.removeprefix("Terms(").removesuffix(")").split(",")
    ]
    domain = {
        "name": "Tallystick Escrow",
        "version": "1",
        "chainId": 31_337,
        "verifyingContract": desk.escrow.address,
    }
    message = {name: value for (_, name), value in zip(kinds, terms, strict=True)}
    types = {"Terms": [{"type": kind, "name": name} for kind, name in kinds]}
    pair = tuple(
        bytes(EthAccount.sign_typed_data(who.key.secret, domain, types, message).signature)
        for who in (ANN, OTTO)
    )
    assert refusals(desk.open_with([(terms, (pair[0], pair[1]))])) == []


def test_domain__as_eip_5267_tells_it() -> None:
    desk = open_desk()
    for contract, name in ((desk.escrow, "Tallystick Escrow"), (desk.ledger, "Tallystick ReceiptLedger")):
        _, told, version, chain_id, address, salt, extensions = contract.call("eip712Domain")
        assert (told, version, chain_id, address) == (name, "1", 31_337, contract.address)
        assert (salt, extensions) == (bytes(32), [])


def _high_s(signature: bytes) -> bytes:
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def _short(signature: bytes) -> bytes:
    """ERC-2098: 64 bytes, the parity in the highest bit of s."""
    return signature[:32] + bytes([signature[32] | (signature[64] - 27) << 7]) + signature[33:64]


_MANGLED: list[Callable[[bytes], bytes]] = [
    _high_s,
    _short,
    lambda signature: signature[:64] + bytes([signature[64] - 27]),
    lambda signature: signature[:64] + bytes([55 - signature[64]]),
    lambda signature: signature[:64] + b"\x1d",
    lambda signature: signature + b"\0",
    lambda signature: signature[:64],
    lambda signature: b"",
    lambda signature: bytes(65),
    lambda signature: bytes(64) + b"\x1b",
    lambda signature: b"\xff" * 65,
    lambda signature: signature[:32] + bytes(32) + signature[64:],
]


@pytest.mark.parametrize("mangle", _MANGLED)
def test_signature__mangled__refused_on_either_side(mangle: Callable[[bytes], bytes]) -> None:
    desk = open_desk()
    terms = desk.terms()
    customer, operator = desk.signed(terms)
    assert refusals(desk.open_with([(terms, (mangle(customer), operator))])) == [BAD_CUSTOMER]
    assert refusals(desk.open_with([(terms, (customer, mangle(operator)))])) == [BAD_OPERATOR]
    assert refusals(desk.open_with([(terms, (customer, operator))])) == []


def test_signature__one_field_changed_afterwards__refused() -> None:
    """27 and 26 of the checklist: a third party can redirect nothing; each of the 17 fields is bound."""
    desk = open_desk()
    policy = desk.system.add_policy(relayer=2)
    desk.escrow.transact("allow", 3, 1, 1, 10**12, bytes(32), sender=SAM)
    for _ in range(2):
        desk.escrow.transact("createAccount", ANN.address, sender=ANN)
    other = desk.system.register(OTTO, Role.PROVIDER, free=10**10)
    terms = desk.terms()
    pair = desk.signed(terms)
    changes = {
        "customer": 4, "funder": 3, "operator": other, "payee": 3, "policy": policy, "max_fee_provider": 1_999,
        "max_fee_customer": 1_999, "unit_price": 1, "budget": 999_999, "max_budget": 2**56 - 2, "start": desk.now,
        "expiry": desk.now + 9, "work_hash": bytes(32), "customer_nonce": 5, "operator_nonce": 5,
        "deadline": desk.now + 9,
    }  # fmt: skip
    assert changes.keys() | {"mode"} == set(Terms._fields)
    for name, value in changes.items():
        changed = terms._replace(**{name: value} | ({"funder": 4} if name == "customer" else {}))
        assert refusals(desk.open_with([(changed, pair)])) == [BAD_CUSTOMER], name


def test_caller__counts_as_its_own_signature_and_as_nobody_elses() -> None:
    desk = open_desk()
    terms = desk.terms()
    customer, operator = desk.signed(terms)
    for sender, expected in ((ANN, BAD_OPERATOR), (OTTO, BAD_CUSTOMER), (MALLORY, BAD_CUSTOMER)):
        assert refusals(desk.open_with([(terms, (b"", b""))], sender=sender)) == [expected]
    assert refusals(desk.open_with([(terms, (customer, b""))], sender=ANN)) == [BAD_OPERATOR]
    assert refusals(desk.open_with([(terms, (b"", operator))], sender=ANN)) == []
    terms = desk.terms()
    assert refusals(desk.open_with([(terms, (desk.signed(terms)[0], b""))], sender=OTTO)) == []


# Replays


def test_replay__same_offer_again__refused_even_within_one_call() -> None:
    desk = open_desk()
    terms = desk.terms()
    assert refusals(desk.open(terms, terms)) == [(1, OpenRefusal.NONCE_SPENT)]
    for sender in (MALLORY, ANN, OTTO):
        assert refusals(desk.open(terms, sender=sender)) == [SPENT]
    assert desk.escrow.call("agreementCount") == 1


def test_replay__another_offer_with_a_spent_nonce__refused() -> None:
    desk = open_desk()
    terms = desk.terms()
    desk.opened_many([terms])
    assert refusals(desk.open(desk.terms(customer_nonce=terms.customer_nonce))) == [SPENT]
    assert refusals(desk.open(desk.terms(operator_nonce=terms.operator_nonce))) == [SPENT]
    # The two sides' nonces are apart when the people are.
    assert refusals(desk.open(desk.terms(customer_nonce=terms.operator_nonce))) == []


def test_replay__on_another_chain_or_contract_or_domain__refused() -> None:
    desk = open_desk()
    other = open_desk(evm=Evm(chain_id=1))
    assert other.escrow.address == desk.escrow.address
    terms = desk.terms()
    pair = desk.signed(terms)
    assert refusals(other.open_with([(terms, pair)])) == [BAD_CUSTOMER]
    wrong = [
        desk.domain(chain_id=1),
        desk.domain(escrow=desk.ledger),
        desk.domain()._replace(name="Tallystick ReceiptLedger"),
        desk.domain()._replace(version="2"),
    ]
    for domain in wrong:
        digest = eip712.digest(domain, terms.hash_struct())
        assert refusals(desk.open_with([(terms, (ANN.sign(digest), OTTO.sign(digest)))])) == [BAD_CUSTOMER]
    assert refusals(desk.open_with([(terms, pair)])) == []


def test_fork__chain_id_changes_under_the_contract__old_signatures_are_worth_nothing_there() -> None:
    """The separator that the constructor kept is of the old chain; it is computed anew."""
    desk = open_desk()
    fork = Evm(chain_id=1, now=desk.now)
    for address, balance, nonce, slots in _STATE.findall(desk.evm._revm.journal_str):
        info = pyrevm.AccountInfo(nonce=int(nonce), balance=int(balance), code=desk.evm.code(address))
        fork._revm.insert_account_info(address, info)
        for slot, value in _SLOT.findall(slots):
            fork._revm.insert_account_storage(address, int(slot), int(value))
    escrow = fork.at("Escrow", desk.escrow.address)
    assert escrow.call("balanceOf", 1) == desk.escrow.call("balanceOf", 1)
    terms = desk.terms()
    receipt = escrow.transact("open", [tuple(terms)], [desk.signed(terms)], sender=MALLORY)
    assert refusals(receipt) == [BAD_CUSTOMER]
    digest = eip712.digest(desk.domain(chain_id=1), terms.hash_struct())
    pair = ANN.sign(digest), OTTO.sign(digest)
    assert refusals(escrow.transact("open", [tuple(terms)], [pair], sender=MALLORY)) == []


def test_nonces__one_person_on_both_sides__needs_two_different_ones() -> None:
    desk = open_desk()
    mine = desk.system.register(ANN, Role.PROVIDER, free=2_000_000_000)
    same = desk.terms(operator=mine, customer_nonce=9, operator_nonce=9)
    assert refusals(desk.open_with([(same, desk.signed(same, ANN, ANN))])) == [SPENT]
    assert refusals(desk.open_with([(same, (b"", b""))], sender=ANN)) == [SPENT]
    apart = desk.terms(operator=mine, customer_nonce=9, operator_nonce=10)
    assert refusals(desk.open_with([(apart, (b"", b""))], sender=ANN)) == []
    # Each of them is spent on the other side too, for it is one person.
    crossed = desk.terms(operator=mine, customer_nonce=10, operator_nonce=11)
    assert refusals(desk.open_with([(crossed, (b"", b""))], sender=ANN)) == [SPENT]


@pytest.mark.parametrize("nonce", [0, 255, 256, 2**255, 2**256 - 1])
def test_nonces__any_number__spends_one_bit(nonce: int) -> None:
    desk = open_desk()
    desk.opened(customer_nonce=nonce, operator_nonce=nonce)
    for who in (ANN, OTTO):
        assert desk.escrow.call("nonceSpent", who.address, nonce)
        assert not desk.escrow.call("nonceSpent", who.address, nonce ^ 1)
        assert not desk.escrow.call("nonceSpent", who.address, nonce ^ 256)


def test_cancel_nonces__spends_ones_own_only() -> None:
    desk = open_desk()
    receipt = desk.escrow.transact("cancelNonces", 2, 2**256 - 1, sender=MALLORY)
    assert receipt.event("NoncesSpent").args == {"signer": MALLORY.address, "word": 2, "mask": 2**256 - 1}
    assert all(desk.escrow.call("nonceSpent", MALLORY.address, nonce) for nonce in (512, 767))
    assert not any(desk.escrow.call("nonceSpent", MALLORY.address, nonce) for nonce in (511, 768))
    desk.opened(customer_nonce=512, operator_nonce=512)
    desk.escrow.transact("cancelNonces", 2, 2, sender=ANN)
    desk.escrow.transact("cancelNonces", 2, 4, sender=ANN)  # adds to what is spent, never gives back
    spent = [desk.escrow.call("nonceSpent", ANN.address, nonce) for nonce in range(511, 516)]
    assert spent == [False, True, True, True, False]


# Contract wallets


class Answer(IntEnum):
    """WalletMock.Answer."""

    HONEST = 0
    YES = 1
    NO = 2
    EMPTY = 3
    SHORT = 4
    DIRTY = 5
    HUGE = 6
    HUGE_NO = 7
    REVERTS = 8
    BURNS = 9
    CALLS = 10
    LOOKS = 11


def _answer(wallet: Bound, how: Answer, target: str, data: bytes = b"", expected: bytes = bytes(32)) -> None:
    wallet.transact("setAnswer", int(how), target, data, expected, sender=MALLORY)


def _wallets(desk: Desk) -> tuple[Bound, int, int]:
    """A wallet that owns account 4, with money, and an operator, with stake; its key is Ann's."""
    wallet = desk.evm.deploy("WalletMock", ANN.address)
    number = desk.escrow.transact("createAccount", wallet.address, sender=ANN).result
    desk.system.fund(MALLORY, 20_000_000_000, desk.escrow, desk.system.staking)
    desk.escrow.transact("deposit", number, 10_000_000_000, sender=MALLORY)
    register = desk.system.staking.encode("register", int(Role.PROVIDER), 1, 276, 0, bytes(32))
    wallet.transact("execute", desk.system.staking.address, register, sender=ANN)
    operator = desk.system.staking.call("count")
    desk.system.staking.transact("stake", operator, 10_000_000_000, sender=MALLORY)
    return wallet, number, operator


def test_wallet__honest__signs_for_both_sides() -> None:
    desk = open_desk()
    _, number, operator = _wallets(desk)
    terms = desk.terms(customer=number, operator=operator)
    assert refusals(desk.open_with([(terms, desk.signed(terms, MALLORY, ANN))])) == [BAD_CUSTOMER]
    assert refusals(desk.open_with([(terms, desk.signed(terms, ANN, MALLORY))])) == [BAD_OPERATOR]
    assert refusals(desk.open_with([(terms, desk.signed(terms, ANN, ANN))])) == []


def test_wallet__as_the_caller__needs_no_signature() -> None:
    desk = open_desk()
    wallet, number, _ = _wallets(desk)
    terms = desk.terms(customer=number)
    calldata = desk.escrow.encode("open", [tuple(terms)], [(b"", desk.signed(terms)[1])])
    receipt = wallet.transact("execute", desk.escrow.address, calldata, sender=MALLORY)
    assert len(receipt.events("Opened")) == 1


@pytest.mark.parametrize(
    ("how", "accepted"),
    [
        (Answer.YES, True),  # its own money, its own rules
        (Answer.HUGE, True),
        (Answer.NO, False),
        (Answer.EMPTY, False),
        (Answer.SHORT, False),
        (Answer.DIRTY, False),
        (Answer.HUGE_NO, False),
        (Answer.REVERTS, False),
        (Answer.BURNS, False),
    ],
)
def test_wallet__misbehaving__harms_no_other_item(how: Answer, accepted: bool) -> None:
    desk = open_desk()
    wallet, number, operator = _wallets(desk)
    _answer(wallet, how, desk.escrow.address)
    good = [desk.terms() for _ in "ab"]
    of_customer, of_operator = desk.terms(customer=number), desk.terms(operator=operator)
    cases = [
        (of_customer, desk.signed(of_customer, MALLORY, OTTO), OpenRefusal.BAD_CUSTOMER_SIGNATURE),
        (of_operator, desk.signed(of_operator, ANN, MALLORY), OpenRefusal.BAD_OPERATOR_SIGNATURE),
    ]
    snapshot = desk.evm.snapshot()
    for bad, pair, reason in cases:
        desk.evm.revert(snapshot)
        items = [(good[0], desk.signed(good[0])), (bad, pair), (good[1], desk.signed(good[1]))]
        receipt = desk.open_with(items)
        assert refusals(receipt) == ([] if accepted else [(1, reason)])
        assert [opened != 0 for opened in receipt.result] == [True, accepted, True]


@pytest.mark.parametrize(
    ("how", "most"), [(Answer.BURNS, 210_000), (Answer.HUGE_NO, 60_000), (Answer.REVERTS, 60_000)]
)
def test_wallet__gas__at_most_the_cap_and_no_flooded_memory(how: Answer, most: int) -> None:
    """Against one that simply says no: 200 000 gas are all that it can burn, its bytes cost the caller nothing."""
    desk = open_desk()
    wallet, number, _ = _wallets(desk)
    terms = desk.terms(customer=number)
    pair = (b"", desk.signed(terms)[1])
    spent = []
    for answer in (Answer.NO, how):
        _answer(wallet, answer, desk.escrow.address)
        receipt = desk.escrow.transact("open", [tuple(terms)], [pair], sender=MALLORY, measure=True)
        assert refusals(receipt) == [BAD_CUSTOMER]
        assert receipt.gas is not None
        spent.append(receipt.gas)
    assert 0 < spent[1] - spent[0] < most


def test_wallet__that_writes__is_called_statically() -> None:
    desk = open_desk()
    wallet, number, _ = _wallets(desk)
    terms = desk.terms(customer=number)
    pair = (b"", desk.signed(terms)[1])
    attempts = [
        desk.escrow.encode("cancelNonces", 0, 1),
        desk.escrow.encode("withdraw", number, 1, MALLORY.address),
        desk.escrow.encode("open", [], []),
    ]
    for data in attempts:
        _answer(wallet, Answer.CALLS, desk.escrow.address, data)
        assert refusals(desk.open_with([(terms, pair)])) == [BAD_CUSTOMER]
    _answer(wallet, Answer.CALLS, desk.escrow.address, desk.escrow.encode("fees"))
    assert refusals(desk.open_with([(terms, pair)])) == []


def test_wallet__that_looks_at_balances_meanwhile__sees_what_the_items_before_did() -> None:
    """No read-only re-entrancy: between two items every balance is as if they were two calls."""
    desk = open_desk()
    wallet, number, _ = _wallets(desk)
    first, second = desk.terms(budget=1_000_000), desk.terms(customer=number)
    free = (10**11 - 1_000_000).to_bytes(32, "big")
    _answer(wallet, Answer.LOOKS, desk.escrow.address, desk.escrow.encode("balanceOf", 1), free)
    assert refusals(desk.open_with([(second, (b"", desk.signed(second)[1]))])) == [BAD_CUSTOMER]
    items = [(first, desk.signed(first)), (second, (b"", desk.signed(second)[1]))]
    assert refusals(desk.open_with(items)) == []


# Calldata


def _calldata(desk: Desk, items: list[tuple[bytes, tuple[bytes, bytes]]]) -> bytes:
    """`open` of Terms given as raw words."""
    blank = tuple(desk.terms())
    data = desk.escrow.encode("open", [blank] * len(items), [pair for _, pair in items])
    start = 4 + 64 + 32
    return data[:start] + b"".join(words for words, _ in items) + data[start + 544 * len(items) :]


def _words(terms: Terms) -> list[bytes]:
    return [value if isinstance(value, bytes) else value.to_bytes(32, "big") for value in terms]


_WIDTHS = {
    place: int(kind.removeprefix("uint"))
    for place, kind in enumerate(
        part.split(" ")[0] for part in eip712.TERMS_TYPE.removeprefix("Terms(").removesuffix(")").split(",")
    )
    if kind.startswith("uint") and kind != "uint256"
}


@pytest.mark.parametrize("place", _WIDTHS, ids=[Terms._fields[place] for place in _WIDTHS])
def test_dirty_words__in_any_narrow_field__neither_open_nor_emit(place: int) -> None:
    """TermsWords hashes and emits whole words; here both parties even sign the dirty ones."""
    desk = open_desk()
    clean = desk.terms()
    words = _words(clean)
    picture = desk.picture()
    for bit in (_WIDTHS[place], 255):
        dirty = list(words)
        dirty[place] = (int.from_bytes(words[place], "big") | 1 << bit).to_bytes(32, "big")
        raw = b"".join(dirty)
        digest = eip712.digest(desk.domain(), keccak256(keccak256(eip712.TERMS_TYPE.encode()) + raw))
        over_dirty = ANN.sign(digest), OTTO.sign(digest)
        with reverts("reverted"):
            desk.evm.call(desk.escrow.address, desk.escrow.encode("hashTerms", tuple(clean))[:4] + raw)
        for pair in (over_dirty, desk.signed(clean)):
            for sender in (MALLORY, ANN):
                with reverts("reverted"):
                    desk.evm.transact(desk.escrow.address, _calldata(desk, [(raw, pair)]), sender=sender)
    assert desk.picture() == picture
    desk.evm.transact(
        desk.escrow.address, _calldata(desk, [(b"".join(words), desk.signed(clean))]), sender=MALLORY
    )
    assert desk.escrow.call("agreementCount") == 1


def test_mode__unknown__refused_whole() -> None:
    desk = open_desk()
    with pytest.raises(Reverted):
        desk.open(desk.terms(mode=2))
    assert desk.escrow.call("agreementCount") == 0


def test_calldata__cut_anywhere__reverts_and_opens_nothing() -> None:
    """eth_abi pads the last signature to a whole word: only that padding is not missed."""
    desk = open_desk()
    terms = desk.terms()
    full = desk.escrow.encode("open", [tuple(terms)], [desk.signed(terms)])
    padding = 31  # of the operator's 65 bytes
    for length in [*range(4, len(full) - padding, 31), len(full) - padding - 1]:
        with pytest.raises(Reverted):
            desk.evm.transact(desk.escrow.address, full[:length], sender=MALLORY)
    assert desk.escrow.call("agreementCount") == 0
    with pytest.raises(Reverted):
        desk.evm.call(desk.escrow.address, desk.escrow.encode("hashTerms", tuple(terms))[:-1])


@pytest.mark.parametrize("count", [2, 2**32, 2**64, 2**251, 2**256 - 1])
def test_calldata__array_longer_than_the_data__reverts(count: int) -> None:
    desk = open_desk()
    terms = desk.terms()
    data = bytearray(desk.escrow.encode("open", [tuple(terms)], [desk.signed(terms)]))
    data[68:100] = count.to_bytes(32, "big")  # the length of the Terms
    with pytest.raises(Reverted):
        desk.evm.transact(desk.escrow.address, bytes(data), sender=MALLORY)
    assert desk.escrow.call("agreementCount") == 0


def test_owner_that_is_a_precompile__answers_nothing_that_counts() -> None:
    """Identity echoes the very selector, the others answer hashes: none is a signature."""
    desk = open_desk()
    desk.system.fund(MALLORY, 10_000, desk.escrow)
    for place in range(1, 10):
        owner = "0x" + place.to_bytes(20, "big").hex()
        number = desk.escrow.transact("createAccount", owner, sender=MALLORY).result
        desk.escrow.transact("deposit", number, 1_000, sender=MALLORY)
        terms = desk.terms(customer=number, budget=1_000)
        for signature in (b"", bytes(65), account("x").sign(desk.digest(terms))):
            items = [(terms, (signature, desk.signed(terms)[1]))]
            assert refusals(desk.open_with(items)) == [BAD_CUSTOMER]
