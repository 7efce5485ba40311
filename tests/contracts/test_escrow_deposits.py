"""Signed deposits, ERC-2612 and ERC-3009; what the Escrow owes, and what was donated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import eth_abi
import pytest
from eth_account import Account as EthAccount

from tallystick.protocol.hashing import keccak256
from tallystick.protocol.keys import CURVE_ORDER
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, SAM, Desk, deploy_escrow, open_desk
from tests.support.evm import CHAIN_ID, Account, Bound, Evm, Receipt, account, reverts
from tests.support.system import Parameters

REF, OTHER = b"\x11" * 32, b"\x12" * 32
ZERO = "0x" + "00" * 20
EVE, IDA, JON, KIM = (account(name) for name in ("eve", "ida", "jon", "kim"))


def signature(
    currency: Bound, signer: Account, kind: str, message: dict[str, tuple[str, Any]]
) -> tuple[Any, ...]:
    """(v, r, s) over a message of the test dollar, encoded and signed by eth-account."""
    domain = {
        "name": "Test Dollar",
        "version": "1",
        "chainId": CHAIN_ID,
        "verifyingContract": currency.address,
    }
    types = {kind: [{"name": name, "type": part} for name, (part, _) in message.items()]}
    values = {name: value for name, (_, value) in message.items()}
    signed = EthAccount.sign_typed_data(signer.key.secret, domain, types, values)
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


# ERC-2612


def permit(desk: Desk, signer: Account, owner: Account, amount: int, deadline: int) -> tuple[Any, ...]:
    """A permit for the Escrow: (deadline, v, r, s)."""
    currency = desk.system.currency
    message = {
        "owner": ("address", owner.address),
        "spender": ("address", desk.escrow.address),
        "value": ("uint256", amount),
        "nonce": ("uint256", currency.call("nonces", owner.address)),
        "deadline": ("uint256", deadline),
    }
    return deadline, *signature(currency, signer, "Permit", message)


def test_permit__good__credits_without_an_approval_before() -> None:
    desk = open_desk()
    desk.system.mint(EVE, 700)
    signed = permit(desk, EVE, EVE, 700, desk.now)
    receipt = desk.escrow.transact("depositWithPermit", 2, 700, *signed, sender=EVE)
    assert receipt.event("Deposited").args == {"account": 2, "from": EVE.address, "amount": 700}
    assert (desk.free(2), desk.system.balance(EVE)) == (700, 0)
    assert desk.system.currency.call("allowance", EVE.address, desk.escrow.address) == 0
    desk.check_solvent()
    with reverts("ERC20InsufficientAllowance", allowance=0, needed=700):
        desk.escrow.transact("depositWithPermit", 2, 700, *signed, sender=EVE)


def test_permit__used_by_a_front_runner__does_no_harm() -> None:
    desk = open_desk()
    desk.system.mint(EVE, 700)
    signed = permit(desk, EVE, EVE, 700, desk.now)
    desk.system.currency.transact("permit", EVE.address, desk.escrow.address, 700, *signed, sender=MALLORY)
    desk.escrow.transact("depositWithPermit", 2, 700, *signed, sender=EVE)
    assert (desk.free(2), desk.system.balance(EVE)) == (700, 0)


@pytest.mark.parametrize("flaw", ["late", "forged", "another amount", "empty"])
def test_permit__bad__the_allowance_decides(flaw: str) -> None:
    desk = open_desk()
    desk.system.mint(EVE, 700)
    signed = {
        "late": permit(desk, EVE, EVE, 700, desk.now - 1),
        "forged": permit(desk, MALLORY, EVE, 700, desk.now),
        "another amount": permit(desk, EVE, EVE, 701, desk.now),
        "empty": (0, 0, bytes(32), bytes(32)),
    }[flaw]
    with reverts("ERC20InsufficientAllowance", allowance=0, needed=700):
        desk.escrow.transact("depositWithPermit", 2, 700, *signed, sender=EVE)
    assert (desk.free(2), desk.system.balance(EVE)) == (0, 700)
    desk.system.currency.transact("approve", desk.escrow.address, 700, sender=EVE)
    desk.escrow.transact("depositWithPermit", 2, 700, *signed, sender=EVE)
    assert (desk.free(2), desk.system.balance(EVE)) == (700, 0)


def test_permit__of_somebody_else__pays_nobody_elses_deposit() -> None:
    desk = open_desk()
    desk.system.mint(EVE, 700)
    signed = permit(desk, EVE, EVE, 700, desk.now)
    with reverts("ERC20InsufficientAllowance", spender=desk.escrow.address, allowance=0, needed=700):
        desk.escrow.transact("depositWithPermit", 2, 700, *signed, sender=MALLORY)
    assert desk.system.balance(EVE) == 700


def test_permit__nothing_or_nobodys_account__refused() -> None:
    desk = open_desk()
    desk.system.mint(EVE, 700)
    signed = permit(desk, EVE, EVE, 700, desk.now)
    with reverts("Escrow_ZeroAmount"):
        desk.escrow.transact("depositWithPermit", 2, 0, *signed, sender=EVE)
    for number in (0, 4):
        with reverts("Escrow_UnknownAccount", account=number):
            desk.escrow.transact("depositWithPermit", number, 700, *signed, sender=EVE)
    assert desk.system.currency.call("nonces", EVE.address) == 0


def test_permit__currency_keeps_a_part__refused_with_both_figures() -> None:
    desk = open_desk()
    money = desk.evm.deploy("FeeOnTransferDollar")
    escrow = deploy_escrow(desk.system, currency=money.address)
    escrow.transact("createAccount", EVE.address, sender=EVE)
    money.transact("mint", EVE.address, 1_000, sender=EVE)
    money.transact("approve", escrow.address, 1_000, sender=EVE)
    with reverts("Escrow_WrongAmountReceived", expected=1_000, received=990):
        escrow.transact("depositWithPermit", 1, 1_000, 0, 0, bytes(32), bytes(32), sender=EVE)
    assert (escrow.call("balanceOf", 1), escrow.call("liabilities")) == ((0, 0), 0)


# ERC-3009


@dataclass(frozen=True)
class Authorisation:
    """Money of `payer` for an account, under a reference, as its own wallet would sign it."""

    payer: Account
    number: int = 2
    amount: int = 700
    ref: bytes = REF
    after: int = 0
    before: int = 2**256 - 1

    def signed(self, desk: Desk, signer: Account | None = None) -> tuple[Any, ...]:
        """(v, r, s)"""
        nonce = keccak256(eth_abi.encode(["uint32", "bytes32"], [self.number, self.ref]))
        message = {
            "from": ("address", self.payer.address),
            "to": ("address", desk.escrow.address),
            "value": ("uint256", self.amount),
            "validAfter": ("uint256", self.after),
            "validBefore": ("uint256", self.before),
            "nonce": ("bytes32", nonce),
        }
        return signature(desk.system.currency, signer or self.payer, "ReceiveWithAuthorization", message)

    def carry(self, desk: Desk, vrs: tuple[Any, ...], sender: Account = MALLORY) -> Receipt:
        return desk.escrow.transact(
            "depositWithAuthorization",
            self.payer.address,
            self.number,
            self.amount,
            self.ref,
            self.after,
            self.before,
            *vrs,
            sender=sender,
        )


@pytest.fixture
def desk() -> Desk:
    """Eve and Ida have 2 000 µ each and have approved nothing."""
    desk = open_desk()
    for who in (EVE, IDA):
        desk.system.mint(who, 2_000)
    return desk


def test_authorisation__carried_by_anyone__credits_the_account_that_was_signed(desk: Desk) -> None:
    order = Authorisation(EVE)
    receipt = order.carry(desk, order.signed(desk))
    assert receipt.event("DepositedFor").args == {
        "account": 2,
        "from": EVE.address,
        "amount": 700,
        "ref": REF,
    }
    assert (desk.free(2), desk.system.balance(EVE), desk.system.balance(MALLORY)) == (700, 1_300, 0)
    assert desk.escrow.call("referenceUsed", EVE.address, REF)
    assert not desk.escrow.call("referenceUsed", MALLORY.address, REF)
    desk.check_solvent()


@pytest.mark.parametrize(
    "changed",
    [
        {"number": 1}, {"ref": OTHER}, {"amount": 699}, {"amount": 1_400}, {"payer": IDA}, {"after": 1},
        {"before": 2**255},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_authorisation__anything_changed_by_the_carrier__refused(desk: Desk, changed: dict[str, Any]) -> None:
    vrs = Authorisation(EVE).signed(desk)
    forged = Authorisation(**({"payer": EVE} | changed))
    with reverts("TestDollar_WrongSigner", holder=forged.payer.address):
        forged.carry(desk, vrs)
    assert desk.free(2) == 0
    assert not desk.escrow.call("referenceUsed", EVE.address, REF)
    Authorisation(EVE).carry(desk, vrs)
    assert desk.free(2) == 700


def test_authorisation__taken_to_the_currency_itself__moves_nothing(desk: Desk) -> None:
    """What Eve signed can only be collected by the Escrow, so the reference cannot be burnt beside it."""
    order = Authorisation(EVE)
    vrs = order.signed(desk)
    nonce = keccak256(eth_abi.encode(["uint32", "bytes32"], [2, REF]))
    with reverts("TestDollar_NotPayee", caller=MALLORY.address, payee=desk.escrow.address):
        desk.system.currency.transact(
            "receiveWithAuthorization",
            EVE.address,
            desk.escrow.address,
            700,
            0,
            2**256 - 1,
            nonce,
            *vrs,
            sender=MALLORY,
        )
    order.carry(desk, vrs)
    assert desk.free(2) == 700


def test_authorisation__again__refused_and_credits_once(desk: Desk) -> None:
    order = Authorisation(EVE)
    vrs = order.signed(desk)
    order.carry(desk, vrs)
    for sender in (MALLORY, EVE):
        with reverts("Escrow_ReferenceUsed", caller=EVE.address, ref=REF):
            order.carry(desk, vrs, sender=sender)
    # A second signature under the same reference, for another account: the retried card payment.
    again = Authorisation(EVE, number=1)
    with reverts("Escrow_ReferenceUsed", caller=EVE.address, ref=REF):
        again.carry(desk, again.signed(desk))
    assert desk.free(2) == 700


def test_authorisation__reference__is_the_payers_own(desk: Desk) -> None:
    for who in (EVE, IDA):
        order = Authorisation(who)
        order.carry(desk, order.signed(desk))
    desk.system.fund(MALLORY, 5, desk.escrow)
    desk.escrow.transact("depositFor", 2, 5, REF, sender=MALLORY)
    assert desk.free(2) == 1_405
    # One space of references a payer, whichever way the money comes.
    desk.system.currency.transact("approve", desk.escrow.address, 5, sender=EVE)
    with reverts("Escrow_ReferenceUsed", caller=EVE.address, ref=REF):
        desk.escrow.transact("depositFor", 2, 5, REF, sender=EVE)
    order = Authorisation(EVE, ref=OTHER)
    order.carry(desk, order.signed(desk))
    assert desk.free(2) == 2_105
    desk.check_solvent()


def test_authorisation__outside_its_time__refused(desk: Desk) -> None:
    now = desk.now
    for order in (
        Authorisation(EVE, after=now),
        Authorisation(EVE, after=now + 1, before=now + 2),
        Authorisation(EVE, before=now),
        Authorisation(EVE, before=0),
    ):
        with reverts("TestDollar_AuthorizationOutOfTime", validAfter=order.after, validBefore=order.before):
            order.carry(desk, order.signed(desk))
    assert not desk.escrow.call("referenceUsed", EVE.address, REF)
    order = Authorisation(EVE, after=now - 1, before=now + 1)
    order.carry(desk, order.signed(desk))
    assert desk.free(2) == 700


def test_authorisation__wrong_or_malleable_signature__refused(desk: Desk) -> None:
    order = Authorisation(EVE)
    with reverts("TestDollar_WrongSigner", signer=MALLORY.address, holder=EVE.address):
        order.carry(desk, order.signed(desk, signer=MALLORY))
    v, r, s = order.signed(desk)
    mirrored = (CURVE_ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")
    with reverts("ECDSAInvalidSignatureS", s=mirrored):
        order.carry(desk, (55 - v, r, mirrored))
    with reverts("ECDSAInvalidSignature"):
        order.carry(desk, (0, bytes(32), bytes(32)))
    assert desk.free(2) == 0


def test_authorisation__bad_account_amount_or_balance__leaves_the_reference_unused(desk: Desk) -> None:
    split = desk.escrow.transact("createSplit", [JON.address], [1], sender=MALLORY).result
    for number in (0, 9, split):
        order = Authorisation(EVE, number=number)
        with reverts("Escrow_UnknownAccount", account=number):
            order.carry(desk, order.signed(desk))
    order = Authorisation(EVE, amount=0)
    with reverts("Escrow_ZeroAmount"):
        order.carry(desk, order.signed(desk))
    order = Authorisation(EVE, amount=2_001)
    with reverts("ERC20InsufficientBalance", balance=2_000, needed=2_001):
        order.carry(desk, order.signed(desk))
    assert not desk.escrow.call("referenceUsed", EVE.address, REF)


def test_authorisation__currency_that_agrees_and_pays_nothing__refused(desk: Desk) -> None:
    """A currency that answers 6 to whatever it is asked: its decimals, its balances, and yes to every order."""
    answer_six = bytes.fromhex("600660005260206000f3")
    init = b"\x69" + answer_six + bytes.fromhex("600052600a6016f3")
    money = desk.evm._revm.deploy(MALLORY.address, init)
    escrow = deploy_escrow(desk.system, currency=money)
    escrow.transact("createAccount", EVE.address, sender=EVE)
    values = (EVE.address, 1, 700, REF, 0, 2**256 - 1, 27, bytes(32), bytes(32))
    with reverts("Escrow_WrongAmountReceived", expected=700, received=0):
        escrow.transact("depositWithAuthorization", *values, sender=MALLORY)
    assert (escrow.call("balanceOf", 1), escrow.call("referenceUsed", EVE.address, REF)) == ((0, 0), False)


def test_deposits__that_somebody_signed__wait_for_nothing_but_the_currency(desk: Desk) -> None:
    """No pause of ours and no role stands before them; while the currency is paused, nothing is lost."""
    desk.escrow.transact("pauseOpening", 3 * DAY, sender=desk.system.admin)
    order = Authorisation(EVE)
    vrs = order.signed(desk)
    desk.system.currency.transact("setPaused", True, sender=desk.system.admin)
    with reverts("TestDollar_Paused"):
        order.carry(desk, vrs)
    desk.system.currency.transact("setPaused", False, sender=desk.system.admin)
    order.carry(desk, vrs)
    assert desk.free(2) == 700


# What is owed


def test_liabilities__through_a_whole_life__change_only_at_the_border() -> None:
    desk = open_desk(Parameters(fee_customer=100), evm=Evm(), money=0)
    escrow, currency = desk.escrow, desk.system.currency

    def owed() -> int:
        total = int(escrow.call("liabilities"))
        assert total == desk.liabilities()
        return total

    assert owed() == 0
    desk.system.fund(ANN, 2_000_040, desk.escrow)
    escrow.transact("deposit", 1, 2_000_000, sender=ANN)
    assert owed() == 2_000_000
    parts = ([IDA.address, JON.address, KIM.address], [1, 1, 1])
    split = escrow.transact("createSplit", *parts, sender=MALLORY).result
    first, second = desk.opened(budget=1_000_000), desk.opened(budget=1_000, payee=split)
    assert (desk.free(1), desk.locked(1)) == (2_000_000 - 1_010_000 - 1_010, 1_011_010)
    assert owed() == 2_000_000
    # First: 300 000 gross, fees 15 000 and 3 000. Second: 100 gross, fees 5 and 1.
    desk.pay(sorted([(first, 300_000), (second, 100)]))
    assert owed() == 2_000_000
    escrow.transact("withdraw", 1, 500_000, ANN.address, sender=ANN)
    assert owed() == 1_500_000
    assert escrow.transact("claim", 2, PAULA.address, sender=PAULA).result == 285_000
    assert owed() == 1_215_000
    assert escrow.transact("collectFees", sender=MALLORY).result == 18_006
    assert owed() == 1_196_994
    escrow.transact("depositFor", 1, 40, REF, sender=ANN)
    assert owed() == 1_197_034
    currency.transact("mint", escrow.address, 777, sender=MALLORY)
    assert owed() == 1_197_034
    # A third of 95 is 31, rest 2.
    for index, who in enumerate((IDA, JON, KIM)):
        receipt = escrow.transact("claimShare", split, index, *parts, who.address, sender=who)
        assert receipt.result == 31
    assert owed() == 1_196_941
    desk.evm.warp_to(max(escrow.call("refundableAt", number) for number in (first, second)))
    escrow.transact("refundMany", [first, second], sender=MALLORY)
    assert owed() == 1_196_941
    # 2 000 040 in, 500 000 out, 303 000 and 101 spent: 1 196 939, and 2 µ of dust.
    assert (desk.free(1), desk.locked(1)) == (1_196_939, 0)
    assert desk.system.balance(escrow) == 1_196_941 + 777
    escrow.transact("withdraw", 1, 1_196_939, ANN.address, sender=ANN)
    assert owed() == 2
    assert (
        escrow.transact("recoverSurplus", currency.address, EVE.address, sender=desk.system.admin).result
        == 777
    )
    assert (desk.system.balance(EVE), desk.system.balance(escrow), owed()) == (777, 2, 2)


# What was donated


def test_recover_surplus__of_the_currency__reaches_donations_only() -> None:
    desk = open_desk()
    desk.pay([(desk.opened(), 1_000)])
    currency, admin = desk.system.currency.address, desk.system.admin
    with reverts("Escrow_ZeroAmount"):
        desk.escrow.transact("recoverSurplus", currency, EVE.address, sender=admin)
    desk.system.mint(desk.escrow.address, 1)
    before = desk.picture()
    with reverts("Escrow_ZeroAddress"):
        desk.escrow.transact("recoverSurplus", currency, ZERO, sender=admin)
    receipt = desk.escrow.transact("recoverSurplus", currency, EVE.address, sender=admin)
    assert receipt.result == 1 == desk.system.balance(EVE)
    assert receipt.event("SurplusRecovered").args == {"token": currency, "to": EVE.address, "amount": 1}
    after = desk.picture()
    assert (before.pop("currency"), before) == (after.pop("currency") + 1, after)
    with reverts("Escrow_ZeroAmount"):
        desk.escrow.transact("recoverSurplus", currency, EVE.address, sender=admin)
    desk.check_solvent()


def test_recover_surplus__of_another_token__all_of_it_and_no_currency() -> None:
    desk = open_desk()
    token = desk.system.token
    desk.system.token.transact("drip", desk.escrow.address, 5_000, sender=MALLORY)
    before = desk.picture()
    receipt = desk.escrow.transact("recoverSurplus", token.address, EVE.address, sender=desk.system.admin)
    assert (receipt.result, token.call("balanceOf", EVE.address)) == (5_000, 5_000)
    assert desk.picture() == before
    with reverts("Escrow_ZeroAmount"):
        desk.escrow.transact("recoverSurplus", token.address, EVE.address, sender=desk.system.admin)


def test_recover_surplus__by_a_stranger__refused() -> None:
    desk = open_desk()
    desk.system.mint(desk.escrow.address, 5)
    for caller in (MALLORY, ANN, OTTO, SAM):
        with reverts("AccessManagedUnauthorized", caller=caller.address):
            desk.escrow.transact("recoverSurplus", desk.system.currency.address, EVE.address, sender=caller)
    assert desk.system.balance(EVE) == 0
