"""TestDollar: a stablecoin with USDC's manners. Other tests rely on its blacklist and pause."""

from __future__ import annotations

import pytest
from eth_account.messages import encode_typed_data
from eth_keys.datatypes import PrivateKey

from tallystick.protocol.hashing import keccak256
from tests.support.evm import CHAIN_ID, Account, Bound, Evm, account, reverts

ALICE, BOB, CAROL, OWNER = (account(name) for name in ("alice", "bob", "carol", "owner"))
ZERO = "0x" + "00" * 20


@pytest.fixture
def dollar() -> Bound:
    return Evm().deploy("TestDollar", OWNER.address)


def test_metadata__is_a_6_decimal_dollars(dollar: Bound) -> None:
    assert [dollar.call(name) for name in ("name", "symbol", "decimals")] == ["Test Dollar", "tUSD", 6]
    assert not dollar.call("paused")


def test_transfer__moves_exactly_and_no_more_than_is_there(dollar: Bound) -> None:
    dollar.transact("mint", ALICE.address, 100, sender=CAROL)
    assert dollar.transact("transfer", BOB.address, 30, sender=ALICE).result is True
    dollar.transact("transfer", ALICE.address, 70, sender=ALICE)
    assert [dollar.call("balanceOf", who.address) for who in (ALICE, BOB)] == [70, 30]
    assert dollar.call("totalSupply") == 100
    with reverts("ERC20InsufficientBalance", sender=ALICE.address, balance=70, needed=71):
        dollar.transact("transfer", BOB.address, 71, sender=ALICE)
    with reverts("ERC20InvalidReceiver", receiver=ZERO):
        dollar.transact("transfer", ZERO, 1, sender=ALICE)


def test_transfer_from__spends_the_allowance_unless_it_is_endless(dollar: Bound) -> None:
    dollar.transact("mint", ALICE.address, 100, sender=CAROL)
    dollar.transact("approve", BOB.address, 10, sender=ALICE)
    dollar.transact("transferFrom", ALICE.address, CAROL.address, 6, sender=BOB)
    assert dollar.call("allowance", ALICE.address, BOB.address) == 4
    with reverts("ERC20InsufficientAllowance", allowance=4, needed=5):
        dollar.transact("transferFrom", ALICE.address, CAROL.address, 5, sender=BOB)
    dollar.transact("approve", BOB.address, 2**256 - 1, sender=ALICE)
    dollar.transact("transferFrom", ALICE.address, CAROL.address, 5, sender=BOB)
    assert dollar.call("allowance", ALICE.address, BOB.address) == 2**256 - 1


def test_blacklist__bars_sending_receiving_and_minting_until_lifted(dollar: Bound) -> None:
    for who in (ALICE, BOB):
        dollar.transact("mint", who.address, 100, sender=CAROL)
        dollar.transact("approve", CAROL.address, 100, sender=who)
    dollar.transact("blacklist", ALICE.address, True, sender=OWNER)
    assert dollar.call("isBlacklisted", ALICE.address)
    assert dollar.call("balanceOf", ALICE.address) == 100
    for function, values, sender in (
        ("transfer", (BOB.address, 1), ALICE),
        ("transfer", (ALICE.address, 1), BOB),
        ("transferFrom", (ALICE.address, BOB.address, 1), CAROL),
        ("transferFrom", (BOB.address, ALICE.address, 1), CAROL),
        ("mint", (ALICE.address, 1), CAROL),
    ):
        with reverts("TestDollar_Blacklisted", holder=ALICE.address):
            dollar.transact(function, *values, sender=sender)
    dollar.transact("transfer", CAROL.address, 1, sender=BOB)
    dollar.transact("blacklist", ALICE.address, False, sender=OWNER)
    dollar.transact("transfer", BOB.address, 100, sender=ALICE)
    assert dollar.call("balanceOf", BOB.address) == 199
    with reverts("OwnableUnauthorizedAccount", account=ALICE.address):
        dollar.transact("blacklist", BOB.address, True, sender=ALICE)


def test_pause__stops_transfers_until_it_is_lifted(dollar: Bound) -> None:
    dollar.transact("mint", ALICE.address, 100, sender=CAROL)
    dollar.transact("setPaused", True, sender=OWNER)
    with reverts("TestDollar_Paused"):
        dollar.transact("transfer", BOB.address, 1, sender=ALICE)
    dollar.transact("setPaused", False, sender=OWNER)
    dollar.transact("transfer", BOB.address, 1, sender=ALICE)
    with reverts("OwnableUnauthorizedAccount", account=ALICE.address):
        dollar.transact("setPaused", True, sender=ALICE)


def test_mint__beyond_what_balances_hold__is_refused(dollar: Bound) -> None:
    dollar.transact("mint", ALICE.address, 2**255 - 1, sender=CAROL)
    with reverts("ERC20InvalidReceiver"):
        dollar.transact("mint", ALICE.address, 1, sender=CAROL)


def permit(
    dollar: Bound, signer: Account, owner: str, value: int, nonce: int, deadline: int
) -> tuple[object, ...]:
    """Arguments of `permit`, the digest made by eth-account."""
    message = encode_typed_data(
        {"name": "Test Dollar", "version": "1", "chainId": CHAIN_ID, "verifyingContract": dollar.address},
        {
            "Permit": [
                {"name": "owner", "type": "address"},
                {"name": "spender", "type": "address"},
                {"name": "value", "type": "uint256"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ]
        },
        {"owner": owner, "spender": BOB.address, "value": value, "nonce": nonce, "deadline": deadline},
    )
    digest = keccak256(b"\x19" + message.version + message.header + message.body)
    signature = PrivateKey(signer.key.secret).sign_msg_hash(digest)
    r, s = signature.r.to_bytes(32, "big"), signature.s.to_bytes(32, "big")
    return owner, BOB.address, value, deadline, signature.v + 27, r, s


def test_permit__signed_by_the_holder__works_once_and_in_time(dollar: Bound) -> None:
    deadline = dollar.evm.now + 10
    good = permit(dollar, ALICE, ALICE.address, 70, 0, deadline)
    dollar.transact("permit", *good, sender=CAROL)
    assert dollar.call("allowance", ALICE.address, BOB.address) == 70
    assert dollar.call("nonces", ALICE.address) == 1
    with reverts("TestDollar_WrongSigner", holder=ALICE.address):
        dollar.transact("permit", *good, sender=CAROL)
    forged = permit(dollar, CAROL, ALICE.address, 70, 1, deadline)
    with reverts("TestDollar_WrongSigner", signer=CAROL.address, holder=ALICE.address):
        dollar.transact("permit", *forged, sender=CAROL)
    dollar.evm.warp(11)
    late = permit(dollar, ALICE, ALICE.address, 70, 1, deadline)
    with reverts("TestDollar_PermitExpired", deadline=deadline):
        dollar.transact("permit", *late, sender=CAROL)
