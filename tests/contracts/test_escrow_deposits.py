"""Deposits by signature (ERC-2612, ERC-3009), what is owed in all, and donations."""

from __future__ import annotations

from typing import Any

import eth_abi
import pytest
from eth_account import Account as EthAccount

from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, MALLORY, PAULA, SAM, Desk, deploy_escrow, open_desk
from tests.support.evm import Account, Receipt, account, reverts
from tests.support.system import DOLLAR

REF = b"\x21" * 32
FAR = 2**40
HOLDER = account("holder")
ZERO = "0x" + "00" * 20

_PERMIT = "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline"
_RECEIVE = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
_TYPES = {
    name: [{"type": kind, "name": part} for kind, part in (field.split(" ") for field in fields.split(","))]
    for name, fields in (("Permit", _PERMIT), ("ReceiveWithAuthorization", _RECEIVE))
}


def _signed(desk: Desk, who: Account, name: str, message: dict[str, Any]) -> tuple[int, bytes, bytes]:
    """v, r, s over the currency's typed data, made by eth-account."""
    domain = {
        "name": "Test Dollar",
        "version": "1",
        "chainId": 31_337,
        "verifyingContract": desk.system.currency.address,
    }
    made = EthAccount.sign_typed_data(who.key.secret, domain, {name: _TYPES[name]}, message)
    return made.v, made.r.to_bytes(32, "big"), made.s.to_bytes(32, "big")


def permit(desk: Desk, who: Account, value: int, *, deadline: int = FAR, nonce: int = 0) -> tuple[Any, ...]:
    message = {"owner": who.address, "spender": desk.escrow.address, "value": value,
               "nonce": nonce, "deadline": deadline}  # fmt: skip
    return _signed(desk, who, "Permit", message)


def authorise(desk: Desk, amount: int, **changes: Any) -> tuple[Any, ...]:
    """Arguments of `depositWithAuthorization` by HOLDER into account 2, signed; `changes` lie about the message."""
    account_ = changes.pop("account", 2)
    message = {
        "from": HOLDER.address,
        "to": desk.escrow.address,
        "value": amount,
        "validAfter": 0,
        "validBefore": FAR,
        "nonce": keccak256(eth_abi.encode(["uint32", "bytes32"], [account_, REF])),
    } | changes
    signature = _signed(desk, HOLDER, "ReceiveWithAuthorization", message)
    valid = message["validAfter"], message["validBefore"]
    return (HOLDER.address, account_, amount, REF, *valid, *signature)


def deposit(desk: Desk, values: tuple[Any, ...], sender: Account = MALLORY) -> Receipt:
    return desk.escrow.transact("depositWithAuthorization", *values, sender=sender)


# ERC-2612


def test_permit__deposits_without_an_approval() -> None:
    desk = open_desk()
    desk.system.mint(HOLDER, 500)
    receipt = desk.escrow.transact(
        "depositWithPermit", 2, 500, FAR, *permit(desk, HOLDER, 500), sender=HOLDER
    )
    assert receipt.event("Deposited").args == {"account": 2, "from": HOLDER.address, "amount": 500}
    assert (desk.free(2), desk.system.balance(HOLDER)) == (500, 0)
    desk.check_solvent()


def test_permit__used_by_somebody_else_first__does_no_harm() -> None:
    desk = open_desk()
    desk.system.mint(HOLDER, 500)
    signature = permit(desk, HOLDER, 500)
    desk.system.currency.transact(
        "permit", HOLDER.address, desk.escrow.address, 500, FAR, *signature, sender=MALLORY
    )
    desk.escrow.transact("depositWithPermit", 2, 500, FAR, *signature, sender=HOLDER)
    assert desk.free(2) == 500


def test_permit__of_another__does_not_spend_its_money() -> None:
    desk = open_desk()
    desk.system.mint(HOLDER, 500)
    signature = permit(desk, HOLDER, 500)
    with reverts("ERC20InsufficientAllowance", spender=desk.escrow.address, allowance=0, needed=500):
        desk.escrow.transact("depositWithPermit", 2, 500, FAR, *signature, sender=MALLORY)
    assert desk.system.balance(HOLDER) == 500


def test_permit__expired_or_for_less__pulls_nothing() -> None:
    desk = open_desk()
    desk.system.mint(HOLDER, 500)
    for values in (
        (500, desk.now - 1, *permit(desk, HOLDER, 500, deadline=desk.now - 1)),
        (500, FAR, *permit(desk, HOLDER, 499)),
        (500, FAR, *permit(desk, HOLDER, 500, nonce=1)),
        (500, FAR, 27, bytes(32), bytes(32)),
    ):
        with reverts("ERC20InsufficientAllowance"):
            desk.escrow.transact("depositWithPermit", 2, *values, sender=HOLDER)
    with reverts("Escrow_ZeroAmount"):
        desk.escrow.transact("depositWithPermit", 2, 0, FAR, *permit(desk, HOLDER, 0), sender=HOLDER)


def test_permit__currency_that_knows_none__takes_an_approval_instead() -> None:
    desk = open_desk()
    money = desk.evm.deploy("FeeOnTransferDollar")
    escrow = deploy_escrow(desk.system, currency=money.address)
    escrow.transact("createAccount", HOLDER.address, sender=HOLDER)
    money.transact("mint", HOLDER.address, 1_000, sender=HOLDER)
    money.transact("approve", escrow.address, 1_000, sender=HOLDER)
    values = (1, 1_000, FAR, 27, bytes(32), bytes(32))
    with reverts("Escrow_WrongAmountReceived", expected=1_000, received=990):
        escrow.transact("depositWithPermit", *values, sender=HOLDER)
    money.transact("setFee", 0, sender=HOLDER)
    escrow.transact("depositWithPermit", *values, sender=HOLDER)
    assert escrow.call("balanceOf", 1) == (1_000, 0)


# ERC-3009


def test_authorisation__carried_by_anybody__credits_the_account_it_names_once() -> None:
    desk = open_desk()
    desk.system.mint(HOLDER, 1_000)
    values = authorise(desk, 700)
    receipt = deposit(desk, values)
    assert receipt.event("DepositedFor").args == {
        "account": 2, "from": HOLDER.address, "amount": 700, "ref": REF,
    }  # fmt: skip
    assert (desk.free(2), desk.system.balance(HOLDER)) == (700, 300)
    assert desk.escrow.call("referenceUsed", HOLDER.address, REF)
    assert not desk.escrow.call("referenceUsed", MALLORY.address, REF)
    for sender in (MALLORY, HOLDER):
        with reverts("Escrow_ReferenceUsed", caller=HOLDER.address, ref=REF):
            deposit(desk, values, sender)
    assert desk.free(2) == 700
    desk.check_solvent()


def test_authorisation__redirected_or_changed__refused() -> None:
    """The nonce commits to account and reference, so whoever carries it can change neither."""
    desk = open_desk()
    desk.system.mint(HOLDER, 1_000)
    good = authorise(desk, 700)
    for place, value in ((0, MALLORY.address), (1, 3), (2, 699), (3, b"\x22" * 32), (4, 1), (5, FAR - 1)):
        changed = (*good[:place], value, *good[place + 1 :])
        with reverts("TestDollar_WrongSigner"):
            deposit(desk, changed)
    assert (desk.free(2), desk.free(3), desk.system.balance(HOLDER)) == (0, 100_000 * DOLLAR, 1_000)
    deposit(desk, good)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"validAfter": 2**39}, "TestDollar_AuthorizationOutOfTime"),
        ({"validBefore": 1}, "TestDollar_AuthorizationOutOfTime"),
        ({"to": MALLORY.address}, "TestDollar_WrongSigner"),
        ({"nonce": b"\x01" * 32}, "TestDollar_WrongSigner"),
    ],
)
def test_authorisation__out_of_time_or_for_others__refused(changes: dict[str, Any], error: str) -> None:
    desk = open_desk()
    desk.system.mint(HOLDER, 1_000)
    with reverts(error):
        deposit(desk, authorise(desk, 700, **changes))
    assert not desk.escrow.call("referenceUsed", HOLDER.address, REF)


def test_authorisation__for_another_deployment__refused() -> None:
    desk = open_desk()
    other = deploy_escrow(desk.system)
    for _ in "ab":
        other.transact("createAccount", PAULA.address, sender=MALLORY)
    desk.system.mint(HOLDER, 1_000)
    with reverts("TestDollar_WrongSigner"):
        other.transact("depositWithAuthorization", *authorise(desk, 700), sender=MALLORY)


def test_authorisation__zero_or_into_nowhere__refused() -> None:
    desk = open_desk()
    with reverts("Escrow_ZeroAmount"):
        deposit(desk, authorise(desk, 0))
    with reverts("Escrow_UnknownAccount", account=9):
        deposit(desk, authorise(desk, 5, account=9))


def test_authorisation__same_reference_as_a_gift__credits_once() -> None:
    """A payer's references are one space, however it pays."""
    desk = open_desk()
    desk.system.fund(HOLDER, 1_000, desk.escrow)
    desk.escrow.transact("depositFor", 2, 100, REF, sender=HOLDER)
    with reverts("Escrow_ReferenceUsed", caller=HOLDER.address, ref=REF):
        deposit(desk, authorise(desk, 100))
    assert desk.free(2) == 100


def test_authorisation__currency_that_moves_less__refused() -> None:
    """A token whose `receiveWithAuthorization` succeeds and moves nothing credits nothing."""
    desk = open_desk()
    escrow = deploy_escrow(desk.system, currency=desk.evm.deploy("SilentDollar").address)
    escrow.transact("createAccount", HOLDER.address, sender=HOLDER)
    with reverts("Escrow_WrongAmountReceived", expected=5, received=0):
        escrow.transact(
            "depositWithAuthorization",
            HOLDER.address,
            1,
            5,
            REF,
            0,
            FAR,
            27,
            bytes(32),
            bytes(32),
            sender=HOLDER,
        )
    with reverts("Escrow_WrongAmountReceived", expected=5, received=0):
        escrow.transact("deposit", 1, 5, sender=HOLDER)


# What is owed, and what is not


def test_liabilities__change_only_with_what_crosses_the_border() -> None:
    desk = open_desk()
    start = desk.escrow.call("liabilities")
    assert start == 200_000 * DOLLAR == desk.system.balance(desk.escrow)
    agreement = desk.opened()
    desk.pay([(agreement, 500_000)])
    desk.escrow.transact("close", agreement, sender=ANN)
    assert desk.escrow.call("liabilities") == start
    desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA)
    desk.escrow.transact("collectFees", sender=MALLORY)
    assert desk.escrow.call("liabilities") == start - 475_000 - 25_000
    desk.escrow.transact("withdraw", 1, 7, ANN.address, sender=ANN)
    assert desk.escrow.call("liabilities") == start - 500_007
    desk.check_solvent()


def recover(desk: Desk, token: str, to: str, sender: Account) -> Receipt:
    return desk.escrow.transact("recoverSurplus", token, to, sender=sender)


def test_surplus__what_was_donated__and_not_a_micro_more() -> None:
    desk = open_desk()
    admin, money = desk.system.admin, desk.system.currency.address
    with reverts("Escrow_ZeroAmount"):
        recover(desk, money, SAM.address, admin)
    agreement = desk.opened()
    desk.pay([(agreement, 500_000)])
    desk.system.mint(desk.escrow.address, 77)
    receipt = recover(desk, money, SAM.address, admin)
    assert receipt.event("SurplusRecovered").args == {"token": money, "to": SAM.address, "amount": 77}
    assert (receipt.result, desk.system.balance(SAM)) == (77, 77)
    with reverts("Escrow_ZeroAmount"):
        recover(desk, money, SAM.address, admin)
    desk.check_solvent()


def test_surplus__of_another_token__is_all_of_it() -> None:
    desk = open_desk()
    other = desk.evm.deploy("TestDollar", MALLORY.address)
    other.transact("mint", desk.escrow.address, 5, sender=MALLORY)
    assert recover(desk, other.address, SAM.address, desk.system.admin).result == 5
    assert other.call("balanceOf", SAM.address) == 5
    desk.check_solvent()


def test_surplus__by_anybody_without_the_role_or_to_nobody__refused() -> None:
    desk = open_desk()
    desk.system.mint(desk.escrow.address, 77)
    for caller in (ANN, PAULA, MALLORY):
        with reverts("AccessManagedUnauthorized", caller=caller.address):
            recover(desk, desk.system.currency.address, caller.address, caller)
    with reverts("Escrow_ZeroAddress"):
        recover(desk, desk.system.currency.address, ZERO, desk.system.admin)
