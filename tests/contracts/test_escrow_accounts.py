"""Accounts, deposits, withdrawals, claims, allowances: who may, how often, and with which currency."""

from __future__ import annotations

from typing import Any

import eth_abi
import pytest

from tallystick.chain.contracts import load
from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, MALLORY, PAULA, SAM, Desk, deploy_escrow, open_desk
from tests.support.evm import Evm, account, reverts
from tests.support.system import DOLLAR, Parameters

REF = b"\x11" * 32
ADMIN = account("admin")
ZERO = "0x" + "00" * 20
REENTRANT = keccak256(b"ReentrancyGuardReentrantCall()")[:4]


# Accounts


def test_create_account__anyone_for_anyone__numbers_rise_from_one() -> None:
    desk = open_desk()
    receipt = desk.escrow.transact("createAccount", PAULA.address, sender=MALLORY)
    assert receipt.result == 4 == desk.escrow.call("accountCount")
    assert receipt.event("AccountCreated").args == {"account": 4, "owner": PAULA.address}
    assert desk.escrow.call("ownerOf", 4) == PAULA.address
    assert desk.escrow.call("ownerOf", 0) == desk.escrow.call("ownerOf", 5) == ZERO


def test_create_account__for_nobody__refused() -> None:
    desk = open_desk()
    with reverts("Escrow_ZeroAddress"):
        desk.escrow.transact("createAccount", ZERO, sender=ANN)
    assert desk.escrow.call("accountCount") == 3


# Deposits


def test_deposit__by_a_stranger__credits_the_account_and_not_the_stranger() -> None:
    desk = open_desk()
    desk.system.fund(MALLORY, 700, desk.escrow)
    before = desk.free(1)
    receipt = desk.escrow.transact("deposit", 1, 700, sender=MALLORY)
    assert receipt.event("Deposited").args == {"account": 1, "from": MALLORY.address, "amount": 700}
    assert desk.free(1) == before + 700
    assert desk.system.balance(MALLORY) == 0
    desk.check_solvent()


@pytest.mark.parametrize("number", [0, 4, 2**32 - 1])
def test_deposit__unknown_account__refused_and_nothing_pulled(number: int) -> None:
    desk = open_desk()
    desk.system.fund(MALLORY, 700, desk.escrow)
    with reverts("Escrow_UnknownAccount", account=number):
        desk.escrow.transact("deposit", number, 700, sender=MALLORY)
    with reverts("Escrow_UnknownAccount", account=number):
        desk.escrow.transact("depositFor", number, 700, REF, sender=MALLORY)
    assert desk.system.balance(MALLORY) == 700
    assert not desk.escrow.call("referenceUsed", MALLORY.address, REF)


def test_deposit__zero__refused() -> None:
    desk = open_desk()
    with reverts("Escrow_ZeroAmount"):
        desk.escrow.transact("deposit", 1, 0, sender=ANN)
    with reverts("Escrow_ZeroAmount"):
        desk.escrow.transact("depositFor", 1, 0, REF, sender=ANN)
    assert not desk.escrow.call("referenceUsed", ANN.address, REF)


def test_deposit__more_than_the_caller_has__refused() -> None:
    desk = open_desk()
    desk.system.fund(MALLORY, 700, desk.escrow)
    with reverts("ERC20InsufficientBalance", balance=700, needed=701):
        desk.escrow.transact("deposit", 1, 701, sender=MALLORY)


def test_deposit__all_that_the_type_holds__and_not_one_more() -> None:
    desk = open_desk(money=0)
    desk.system.fund(MALLORY, 2**128 + 5, desk.escrow)
    desk.escrow.transact("deposit", 1, 2**128 - 1, sender=MALLORY)
    with reverts("SafeCastOverflowedUintDowncast", bits=128, value=2**128):
        desk.escrow.transact("deposit", 1, 1, sender=MALLORY)
    desk.escrow.transact("withdraw", 1, 2**128 - 1, ANN.address, sender=ANN)
    assert desk.system.balance(ANN) == 2**128 - 1
    assert desk.free(1) == 0


def test_deposit_for__same_caller_and_reference__credits_once() -> None:
    desk = open_desk()
    desk.system.fund(MALLORY, 1_000, desk.escrow)
    before = desk.free(1)
    receipt = desk.escrow.transact("depositFor", 1, 300, REF, sender=MALLORY)
    assert receipt.event("DepositedFor").args == {
        "account": 1,
        "from": MALLORY.address,
        "amount": 300,
        "ref": REF,
    }
    for number, amount in ((1, 300), (1, 1), (3, 300)):
        with reverts("Escrow_ReferenceUsed", caller=MALLORY.address, ref=REF):
            desk.escrow.transact("depositFor", number, amount, REF, sender=MALLORY)
    assert desk.free(1) == before + 300
    desk.escrow.transact("depositFor", 1, 300, b"\x12" * 32, sender=MALLORY)
    assert desk.free(1) == before + 600


def test_deposit_for__somebody_else_used_the_reference__still_credits() -> None:
    """Nobody can burn another's reference."""
    desk = open_desk()
    for caller in (MALLORY, PAULA):
        desk.system.fund(caller, 10, desk.escrow)
        desk.escrow.transact("depositFor", 2, 10, REF, sender=caller)
    assert desk.free(2) == 20


def test_deposit_for__failed_transfer__leaves_the_reference_unused() -> None:
    desk = open_desk()
    desk.system.fund(MALLORY, 10, desk.escrow)
    desk.system.currency.transact("setPaused", True, sender=desk.system.admin)
    with reverts("TestDollar_Paused"):
        desk.escrow.transact("depositFor", 2, 10, REF, sender=MALLORY)
    desk.system.currency.transact("setPaused", False, sender=desk.system.admin)
    desk.escrow.transact("depositFor", 2, 10, REF, sender=MALLORY)
    assert desk.free(2) == 10


def test_deposit__currency_keeps_a_part__refused_with_both_figures() -> None:
    desk = open_desk()
    money = desk.evm.deploy("FeeOnTransferDollar")
    escrow = deploy_escrow(desk.system, currency=money.address)
    escrow.transact("createAccount", MALLORY.address, sender=MALLORY)
    money.transact("mint", MALLORY.address, 1_000, sender=MALLORY)
    money.transact("approve", escrow.address, 1_000, sender=MALLORY)
    with reverts("Escrow_WrongAmountReceived", expected=1_000, received=990):
        escrow.transact("deposit", 1, 1_000, sender=MALLORY)
    with reverts("Escrow_WrongAmountReceived", expected=1_000, received=990):
        escrow.transact("depositFor", 1, 1_000, REF, sender=MALLORY)
    assert not escrow.call("referenceUsed", MALLORY.address, REF)
    assert (money.call("balanceOf", MALLORY.address), escrow.call("balanceOf", 1)) == (1_000, (0, 0))
    money.transact("setFee", 0, sender=MALLORY)
    escrow.transact("deposit", 1, 1_000, sender=MALLORY)
    assert escrow.call("balanceOf", 1) == (1_000, 0)


def test_donation__straight_to_the_contract__belongs_to_nobody_and_distorts_nothing() -> None:
    desk = open_desk()
    before = desk.picture()
    desk.system.mint(desk.escrow.address, 5_000)
    after = desk.picture()
    assert after.pop("currency") == before.pop("currency") + 5_000
    assert after == before
    desk.system.fund(MALLORY, 7, desk.escrow)
    desk.escrow.transact("deposit", 2, 7, sender=MALLORY)
    assert desk.free(2) == 7
    assert desk.escrow.call("collectFees", sender=MALLORY) == 0


# Withdrawals


def test_withdraw__owner__pays_the_address_of_its_choice() -> None:
    desk = open_desk()
    before = desk.free(1)
    receipt = desk.escrow.transact("withdraw", 1, 123, PAULA.address, sender=ANN)
    assert receipt.event("Withdrawn").args == {"account": 1, "to": PAULA.address, "amount": 123}
    assert (desk.system.balance(PAULA), desk.free(1)) == (123, before - 123)
    desk.check_solvent()


@pytest.mark.parametrize("number", [0, 1, 2, 4])
def test_withdraw_and_claim__by_a_stranger__refused(number: int) -> None:
    desk = open_desk()
    with reverts("Escrow_NotOwner", account=number, caller=MALLORY.address):
        desk.escrow.transact("withdraw", number, 1, MALLORY.address, sender=MALLORY)
    with reverts("Escrow_NotOwner", account=number, caller=MALLORY.address):
        desk.escrow.transact("claim", number, MALLORY.address, sender=MALLORY)


def test_withdraw__more_than_is_free__refused_and_what_is_locked_stays() -> None:
    desk = open_desk()
    desk.opened(budget=1_000_000)
    free = desk.free(1)
    with reverts("Escrow_NotEnoughFree", account=1, free=free, wanted=free + 1):
        desk.escrow.transact("withdraw", 1, free + 1, ANN.address, sender=ANN)
    desk.escrow.transact("withdraw", 1, free, ANN.address, sender=ANN)
    assert (desk.free(1), desk.locked(1)) == (0, 1_000_000)
    with reverts("Escrow_NotEnoughFree", account=1, free=0, wanted=1):
        desk.escrow.transact("withdraw", 1, 1, ANN.address, sender=ANN)
    desk.check_solvent()


def test_withdraw__the_largest_number__refused() -> None:
    desk = open_desk()
    with reverts("Escrow_NotEnoughFree", wanted=2**256 - 1):
        desk.escrow.transact("withdraw", 1, 2**256 - 1, ANN.address, sender=ANN)


def test_withdraw__nothing_or_to_nobody__refused() -> None:
    desk = open_desk()
    with reverts("Escrow_ZeroAmount"):
        desk.escrow.transact("withdraw", 1, 0, ANN.address, sender=ANN)
    with reverts("Escrow_ZeroAddress"):
        desk.escrow.transact("withdraw", 1, 1, ZERO, sender=ANN)
    with reverts("Escrow_ZeroAddress"):
        desk.escrow.transact("claim", 1, ZERO, sender=ANN)


# Claims


def test_claim__what_was_earned__once() -> None:
    desk = open_desk()
    agreement = desk.opened()
    desk.pay([(agreement, 100_000)])
    receipt = desk.escrow.transact("claim", 2, SAM.address, sender=PAULA)
    assert receipt.event("Claimed").args == {"account": 2, "to": SAM.address, "amount": 95_000}
    assert receipt.result == desk.system.balance(SAM) == 95_000
    assert desk.escrow.call("earningsOf", 2) == (95_000, 95_000, 5_000)
    with reverts("Escrow_NothingToClaim", account=2):
        desk.escrow.transact("claim", 2, SAM.address, sender=PAULA)
    desk.pay([(agreement, 100_020)])  # 20 µ more, of which the fee is 5 001 - 5 000
    assert desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA).result == 19
    desk.check_solvent()


def test_claim__payee_is_blacklisted__delays_only_that_payee() -> None:
    desk = open_desk()
    first, second = desk.opened(), desk.opened(payee=3)
    desk.pay([(first, 1_000), (second, 1_000)])
    desk.system.currency.transact("blacklist", PAULA.address, True, sender=desk.system.admin)
    with reverts("TestDollar_Blacklisted", holder=PAULA.address):
        desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA)
    assert desk.escrow.call("earningsOf", 2) == (950, 0, 50)
    assert desk.escrow.transact("claim", 3, SAM.address, sender=SAM).result == 950
    desk.pay([(first, 2_000)])  # settling goes on
    friend = account("friend")
    assert desk.escrow.transact("claim", 2, friend.address, sender=PAULA).result == 1_900
    assert desk.system.balance(friend) == 1_900


# Allowances


def test_allow__sets_and_overwrites() -> None:
    desk = open_desk()
    for amount in (2**128 - 1, 0, 5):
        receipt = desk.escrow.transact("allow", 3, 1, 1, amount, REF, sender=SAM)
        assert receipt.event("AllowanceSet").args == {
            "funder": 3,
            "customer": 1,
            "policy": 1,
            "amount": amount,
            "ref": REF,
        }
        assert desk.escrow.call("allowanceOf", 3, 1, 1) == (amount, 0)


def test_allow_and_revoke__not_by_the_funders_owner__refused() -> None:
    desk = open_desk()
    for caller in (MALLORY, ANN):
        with reverts("Escrow_NotOwner", account=3, caller=caller.address):
            desk.escrow.transact("allow", 3, 1, 1, 5, REF, sender=caller)
        with reverts("Escrow_NotOwner", account=3, caller=caller.address):
            desk.escrow.transact("revoke", 3, 1, 1, sender=caller)
    with reverts("Escrow_UnknownAccount", account=9):
        desk.escrow.transact("allow", 3, 9, 1, 5, REF, sender=SAM)


@pytest.mark.parametrize("policy", [0, 2, 65_535])
def test_allow__under_a_policy_not_written_yet__refused(policy: int) -> None:
    """Whoever adds policies could otherwise write the terms afterwards."""
    desk = open_desk()
    with reverts("Escrow_UnknownPolicy", policy=policy):
        desk.escrow.transact("allow", 3, 1, policy, 5, REF, sender=SAM)
    assert desk.escrow.call("allowanceOf", 3, 1, policy) == (0, 0)


def test_revoke__remembers_the_newest_agreement() -> None:
    desk = open_desk()
    desk.opened()
    desk.opened()
    desk.escrow.transact("allow", 3, 1, 1, 5, REF, sender=SAM)
    receipt = desk.escrow.transact("revoke", 3, 1, 1, sender=SAM)
    assert receipt.event("AllowanceRevoked").args == {"funder": 3, "customer": 1, "policy": 1, "sequence": 2}
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (0, 2)
    assert desk.escrow.call("allowanceOf", 3, 1, 2) == (0, 0)


# The constructor


def test_constructor__currency_without_code_or_with_18_decimals__refused() -> None:
    desk = open_desk()
    for unfit in (MALLORY.address, desk.system.token.address):
        with reverts("Escrow_UnfitCurrency", currency=unfit):
            deploy_escrow(desk.system, currency=unfit)


def test_constructor__fees_above_2000_bps_together__refused() -> None:
    desk = open_desk()
    with reverts("Escrow_FeesTooHigh", total=2_001):
        deploy_escrow(desk.system, feeProvider=1_000, feeCustomer=1_001)
    escrow = deploy_escrow(desk.system, feeProvider=1_000, feeCustomer=1_000, postGrace=1, settleGrace=2)
    assert escrow.call("fees") == (1_000, 1_000)
    assert (escrow.call("POST_GRACE"), escrow.call("SETTLE_GRACE")) == (1, 2)
    assert escrow.call("LEDGER") == desk.ledger.address
    assert escrow.call("FEE_SPLITTER") == desk.system.splitter.address
    assert escrow.call("CURRENCY") == desk.system.currency.address


# A currency that calls back


_NO_STAKE = Parameters(min_provider=0, min_verifier=0, min_relayer=0)


def _hostile_desk() -> Desk:
    """Ann has 50 000 µ free; Paula has earned 950, 50 of fees wait; the currency owns account 4 with 100 µ."""
    desk = open_desk(
        _NO_STAKE,
        evm=Evm(),
        currency="ReentrantDollar",
        money=100_000,
        stake=100_000,
        stakeMultiple=60_000,
    )
    money = desk.system.currency
    agreement = desk.opened(budget=50_000)
    desk.pay([(agreement, 1_000)], value=1_000)
    desk.escrow.transact("createAccount", money.address, sender=ANN)
    desk.system.fund(ANN, 1_000, desk.escrow)
    desk.escrow.transact("deposit", 4, 100, sender=ANN)
    # Account 5 is a split that has earned 95; 77 µ are donated.
    desk.escrow.transact("createSplit", [PAULA.address, SAM.address], [1, 1], sender=ANN)
    shared = desk.opened(budget=5_000, payee=5)
    desk.pay([(shared, 100)], value=100)
    desk.system.mint(desk.escrow.address, 77)
    return desk


_OUTER: dict[str, tuple[Any, ...]] = {
    "deposit": (ANN, 1, 10),
    "depositFor": (ANN, 1, 10, REF),
    "withdraw": (ANN, 1, 10, ANN.address),
    "claim": (PAULA, 2, PAULA.address),
    "collectFees": (MALLORY,),
    "claimShare": (PAULA, 5, 0, [PAULA.address, SAM.address], [1, 1], PAULA.address),
    "depositWithPermit": (ANN, 1, 10, 2**40, 27, REF, REF),
    "recoverSurplus": (ADMIN, None, SAM.address),
}
_INNER: dict[str, tuple[Any, ...]] = {
    "createAccount": (ANN.address,),
    "deposit": (1, 1),
    "depositFor": (1, 1, REF),
    "withdraw": (4, 100, MALLORY.address),
    "claim": (4, MALLORY.address),
    "allow": (4, 1, 1, 1, REF),
    "revoke": (4, 1, 1),
    "open": ([], []),
    "cancelNonces": (0, 1),
    "close": (1,),
    "refund": (1,),
    "retryRelease": (1,),
    "settle": ((1, 0, 0, 0), b"", 0),
    "collectFees": (),
    "poke": ([],),
    "settleSigned": ([],),
    "setDowntime": (1, 1),
    "settleRelease": ((1, 0, 0, 0), 1, 1),
    "hold": (1,),
    "unhold": (1, 0),
    "finaliseRelease": (1, 0, True),
    "raiseRefundFloor": (1, 1),
    "createSplit": ([ANN.address], [1]),
    "claimShare": (5, 0, [PAULA.address, SAM.address], [1, 1], MALLORY.address),
    "depositWithPermit": (1, 1, 2**40, 27, REF, REF),
    "depositWithAuthorization": (ANN.address, 1, 1, REF, 0, 2**40, 27, REF, REF),
    "topUpSigned": (1, 1, 0, b""),
    "begin": (1, ANN.address),
    "refundEarly": (1, 0, b""),
    "refundMany": ([],),
}
# Behind roles: a currency that has them is a worse one still.
_INNER_RESTRICTED: dict[str, tuple[Any, ...]] = {
    "setFees": (0, 0),
    "pauseOpening": (1,),
    "resumeOpening": (),
    "freeze": (1,),
    "clear": (1, 0),
    "executeRuling": ((1, 0, True, False, 0, 0, 0, 0, 0, 0, ZERO, ZERO, 0, 0),),
    "recoverSurplus": (None, MALLORY.address),
}


def _offers(desk: Desk) -> dict[str, tuple[Any, ...]]:
    """The two functions that take Terms."""
    terms, none = tuple(desk.terms()), (b"", b"", b"", b"")
    return {"topUp": (1, 1, terms, none[:2]), "replace": (1, 1, terms, none)}


@pytest.mark.parametrize("early", [False, True])
def test_reentrancy__every_entry_from_within_every_transfer__refused(early: bool) -> None:
    desk = _hostile_desk()
    money, admin = desk.system.currency, desk.system.admin
    desk.system.authority.transact("grantRole", 0, money.address, 0, sender=admin)
    snapshot = desk.evm.snapshot()
    inners = _INNER | _INNER_RESTRICTED | _offers(desk)
    for outer, (caller, *values) in _OUTER.items():
        for inner, inner_values in inners.items():
            desk.evm.revert(snapshot)
            named = [money.address if value is None else value for value in inner_values]
            calldata = desk.escrow.encode(inner, *named)
            money.transact("arm", desk.escrow.address, calldata, early, sender=MALLORY)
            named = [money.address if value is None else value for value in values]
            desk.escrow.transact(outer, *named, sender=admin if caller is ADMIN else caller)
            outcome = money.call("calls"), money.call("succeeded"), money.call("returned")
            assert outcome == (1, False, REENTRANT), f"{inner} within {outer}"
            if outer == "recoverSurplus":
                assert desk.system.balance(SAM) == 77
            else:
                assert desk.system.balance(desk.escrow) == desk.liabilities() + 77
            assert desk.escrow.call("liabilities") == desk.liabilities()


def test_reentrancy__the_list_of_entries__is_whole() -> None:
    """Every function of the Escrow that can change something is tried above."""
    desk = _hostile_desk()
    entries = {part["name"] for part in load("Escrow").abi if _writes(part)}
    inherited = {"setAuthority"}  # AccessManaged's own: the authority alone, and it moves no money
    assert entries - inherited == set(_INNER | _INNER_RESTRICTED | _offers(desk))


def _writes(part: Any) -> bool:
    return part["type"] == "function" and part["stateMutability"] not in ("view", "pure")


def test_reentrancy__settling_through_the_ledger_within_a_withdrawal__refused() -> None:
    desk = _hostile_desk()
    agreement = desk.known[0]
    batch = desk.post([(agreement, 5_000)], value=5_000)
    desk.evm.warp(86_400)
    calldata = desk.ledger.encode("settle", batch.number, batch.figures)
    desk.system.currency.transact("arm", desk.ledger.address, calldata, False, sender=MALLORY)
    desk.escrow.transact("withdraw", 1, 10, ANN.address, sender=ANN)
    assert desk.system.currency.call("returned") == REENTRANT
    assert desk.agreement(agreement)["paid"] == 1_000
    desk.settle(batch)
    assert desk.agreement(agreement)["paid"] == 5_000


@pytest.mark.parametrize("early", [False, True])
def test_views__read_within_a_transfer__never_show_more_than_there_is(early: bool) -> None:
    """Money going out is off the books before it leaves; money coming in is on them only when it is there."""
    desk = _hostile_desk()
    money, escrow = desk.system.currency, desk.escrow
    free, snapshot = desk.free(1), desk.evm.snapshot()
    accrued = escrow.call("feeTotals")[0]
    expected: dict[tuple[str, str, tuple[int, ...]], list[int]] = {
        ("deposit", "balanceOf", (1,)): [free, 55_000],
        ("depositFor", "balanceOf", (1,)): [free, 55_000],
        ("withdraw", "balanceOf", (1,)): [free - 10, 55_000],
        ("claim", "earningsOf", (2,)): [950, 950, 50],
        ("collectFees", "feeTotals", ()): [accrued, accrued],
    }
    for (outer, view, view_values), words in expected.items():
        desk.evm.revert(snapshot)
        caller, *values = _OUTER[outer]
        money.transact("arm", escrow.address, escrow.encode(view, *view_values), early, sender=MALLORY)
        escrow.transact(outer, *values, sender=caller)
        assert money.call("succeeded")
        seen = eth_abi.decode(["uint256"] * len(words), money.call("returned"))
        assert list(seen) == words, f"{view} within {outer}"


def test_currency_that_is_paused__stops_no_settlement_opening_or_close() -> None:
    """B04 and invariant 4: nothing that opens, settles or closes calls the currency."""
    desk = open_desk()
    running = desk.opened()
    desk.system.currency.transact("setPaused", True, sender=desk.system.admin)
    other = desk.opened()
    desk.pay([(running, 5)])
    desk.escrow.transact("close", other, sender=ANN)
    desk.evm.warp_to(desk.escrow.call("refundableAt", other))
    desk.escrow.transact("refund", other, sender=MALLORY)
    assert (desk.free(1), desk.locked(1)) == (100_000 * DOLLAR - 1_000_000, 1_000_000)
    assert desk.received(2) == 5
