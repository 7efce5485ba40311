"""Every way into the Escrow, by its whole ABI: none while the currency calls, none at the extension's own address."""

from __future__ import annotations

from typing import Any

import pyrevm
import pytest

from tallystick.chain.abi import Parameter
from tallystick.chain.contracts import load
from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, MALLORY, OTTO, PAULA, SAM, Desk, deploy_escrow, open_desk
from tests.support.evm import Evm, Reverted, account, reverts
from tests.support.system import Parameters

REF = b"\x11" * 32
ZERO = "0x" + "00" * 20
REENTRANT = keccak256(b"ReentrancyGuardReentrantCall()")[:4]
EVE, IDA, JON, KIM = (account(name) for name in ("eve", "ida", "jon", "kim"))


def changing(artifact: str) -> list[str]:
    """Names of the functions that change something. `setAuthority` answers to the authority alone."""
    return sorted(
        entry["name"]
        for entry in load(artifact).abi
        if entry["type"] == "function"
        and entry["stateMutability"] not in ("view", "pure")
        and entry["name"] != "setAuthority"
    )


def nothing(parameter: Parameter) -> Any:
    """Zero, empty, or a struct of those."""
    if parameter.type.endswith("[]"):
        return []
    if parameter.components:
        return tuple(nothing(part) for part in parameter.components)
    if parameter.type == "address":
        return ZERO
    if parameter.type == "bool":
        return False
    if parameter.type == "string":
        return ""
    if parameter.type == "bytes":
        return b""
    if parameter.type.startswith("bytes"):
        return bytes(int(parameter.type[5:]))
    return 0


def empty_call(artifact: str, name: str) -> bytes:
    function = load(artifact).function(name)
    return function.encode(*[nothing(part) for part in function.inputs])


@pytest.mark.parametrize("name", changing("EscrowExtension"))
def test_extension__at_its_own_address__changes_nothing(name: str) -> None:
    desk = open_desk()
    extension = desk.escrow.call("EXTENSION")
    data = empty_call("EscrowExtension", name)
    for sender in (MALLORY, desk.system.admin):
        with reverts("Escrow_NotHere"):
            desk.evm.transact(extension, data, sender=sender)


def test_extension__whatever_else_the_escrow_does__is_not_there_at_all() -> None:
    desk = open_desk()
    extension = desk.escrow.call("EXTENSION")
    own = changing("EscrowExtension")
    rest = [name for name in changing("Escrow") if name not in own]
    assert {"deposit", "withdraw", "claim", "open", "close", "refund", "settle", "replace"} <= set(rest)
    for name in rest:
        with pytest.raises(Reverted):
            desk.evm.transact(extension, empty_call("Escrow", name), sender=MALLORY)
    with reverts("AccessManagedUnauthorized", caller=MALLORY.address):
        desk.evm.transact(extension, empty_call("EscrowExtension", "setAuthority"), sender=MALLORY)


def test_extension__ledgers_entries_at_the_main_address__by_the_ledger_only() -> None:
    desk = open_desk()
    for name in (
        "settle",
        "settleSigned",
        "setDowntime",
        "settleRelease",
        "finaliseRelease",
        "raiseRefundFloor",
    ):
        for sender in (MALLORY, ANN, OTTO, desk.system.admin):
            with reverts("Escrow_NotLedger", caller=sender.address):
                desk.evm.transact(desk.escrow.address, empty_call("Escrow", name), sender=sender)


def hostile() -> tuple[Desk, dict[str, tuple[Any, ...]], list[str]]:
    """An Escrow whose currency is its ledger, has every role and calls back; what moves money, and every way in.

    Ann has 49 500 µ free, Paula has earned 475, Ida and Jon 475 together, 50 of fees wait, 5 are donated.
    """
    base = open_desk(
        Parameters(min_provider=0, min_verifier=0, min_relayer=0),
        evm=Evm(),
        currency="ReentrantDollar",
        money=0,
        stake=0,
    )
    money = base.system.currency
    base.system.authority.transact("grantRole", 0, money.address, 0, sender=base.system.admin)
    staking = base.evm.deploy("HostileStaking", OTTO.address)
    desk = Desk(base.system, deploy_escrow(base.system, ledger=money.address, staking=staking.address))
    escrow = desk.escrow
    for owner in (ANN, PAULA, SAM):
        escrow.transact("createAccount", owner.address, sender=MALLORY)
    desk.system.fund(ANN, 60_000, escrow)
    escrow.transact("deposit", 1, 50_000, sender=ANN)
    parts = ([IDA.address, JON.address], [1, 1])
    split = escrow.transact("createSplit", *parts, sender=MALLORY).result
    rows = [(number, 500) for number in (desk.opened(budget=500), desk.opened(budget=500, payee=split))]
    data = b"".join(number.to_bytes(8, "big") + units.to_bytes(10, "big") for number, units in rows)
    settle = escrow.encode("settle", (1, desk.now, 2_000, 0), data, 0)
    money.transact("execute", escrow.address, settle, sender=MALLORY)
    assert [escrow.call("earningsOf", number)[0] for number in (2, split)] == [475, 475]
    desk.system.mint(escrow.address, 5)
    outer = {
        "deposit": (ANN, 1, 10),
        "depositFor": (ANN, 1, 10, REF),
        "depositWithPermit": (ANN, 1, 10, 0, 0, bytes(32), bytes(32)),
        "withdraw": (ANN, 1, 10, ANN.address),
        "claim": (PAULA, 2, PAULA.address),
        "claimShare": (JON, split, 1, *parts, KIM.address),
        "collectFees": (MALLORY,),
        "recoverSurplus": (desk.system.admin, money.address, EVE.address),
    }
    return desk, outer, changing("Escrow")


@pytest.mark.parametrize("early", [False, True])
def test_reentrancy__every_entry_of_the_abi_within_every_transfer__refused(early: bool) -> None:
    desk, outer, inner = hostile()
    money = desk.system.currency
    snapshot = desk.evm.snapshot()
    assert len(inner) == 39
    for entry, (caller, *values) in outer.items():
        for name in inner:
            desk.evm.revert(snapshot)
            money.transact("arm", desk.escrow.address, empty_call("Escrow", name), early, sender=MALLORY)
            desk.escrow.transact(entry, *values, sender=caller)
            outcome = money.call("calls"), money.call("succeeded"), money.call("returned")
            assert outcome == (1, False, REENTRANT), f"{name} within {entry}"


def test_views__read_within_a_share_or_a_recovery__never_show_more_than_there_is() -> None:
    """Money going out is off the books before it leaves."""
    desk, outer, _ = hostile()
    money, escrow = desk.system.currency, desk.escrow
    snapshot = desk.evm.snapshot()
    owing = escrow.call("liabilities")
    assert owing == 50_000
    # A half of 475 is 237.
    for entry, left in (("claimShare", owing - 237), ("recoverSurplus", owing), ("withdraw", owing - 10)):
        desk.evm.revert(snapshot)
        money.transact("arm", escrow.address, escrow.encode("liabilities"), True, sender=MALLORY)
        caller, *values = outer[entry]
        escrow.transact(entry, *values, sender=caller)
        assert (money.call("calls"), money.call("succeeded")) == (1, True)
        assert int.from_bytes(money.call("returned"), "big") == left, entry
    desk.evm.revert(snapshot)
    split = outer["claimShare"][1]
    money.transact("arm", escrow.address, escrow.encode("sharePaid", split, 1), True, sender=MALLORY)
    caller, *values = outer["claimShare"]
    assert escrow.transact("claimShare", *values, sender=caller).result == 237
    assert int.from_bytes(money.call("returned"), "big") == 237


def test_extension__its_views_at_its_own_address__know_nothing_of_the_escrow() -> None:
    desk = open_desk()
    agreement = desk.opened()
    split = desk.escrow.transact("createSplit", [IDA.address], [1], sender=MALLORY).result
    extension = desk.evm.at("EscrowExtension", desk.escrow.call("EXTENSION"))
    assert desk.escrow.call("liabilities") > 0
    assert extension.call("liabilities") == 0
    assert extension.call("agreementOf", agreement)["status"] == 0
    assert extension.call("splitContent", split) == bytes(32)
    assert desk.system.balance(extension) == 0


# A currency whose ERC-3009 calls back

_BALANCE, _SUCCEEDED, _RETURNED = 2, 0, 1  # its slots


def calling_back(target: str, data: bytes, early: bool) -> bytes:
    """Code of a currency that credits its caller and calls `target` in `receiveWithAuthorization`; else tells slot 2.

    Nine words of arguments tell that call from `decimals` and `balanceOf`; what came of it stays in slots 0 and 1.
    """
    size = len(data).to_bytes(2, "big").hex()
    credit = "60443560025401600255"  # slot 2 += the third argument
    call = (
        "60206000" f"61{size}" "60006000" f"73{target[2:]}" "5af1"  # (gas, target, 0, data), one word back
        "600055" "600051600155"
    )  # fmt: skip
    body = call + credit if early else credit + call
    head = "366101001060135760025460005260206000f35b"
    place = (len(head + body) // 2 + 10).to_bytes(2, "big").hex()
    return bytes.fromhex(head + f"61{size}61{place}600039" + body + "00") + data


@pytest.mark.parametrize("early", [False, True])
def test_reentrancy__every_entry_of_the_abi_within_an_authorised_deposit__refused(early: bool) -> None:
    base = open_desk(evm=Evm())
    money = account("a currency").address
    base.evm._revm.insert_account_info(money, pyrevm.AccountInfo(code=calling_back(ZERO, b"", early)))
    base.system.authority.transact("grantRole", 0, money, 0, sender=base.system.admin)
    staking = base.evm.deploy("HostileStaking", OTTO.address)
    escrow = deploy_escrow(base.system, currency=money, ledger=money, staking=staking.address)
    escrow.transact("createAccount", ANN.address, sender=MALLORY)
    credited = 0
    for count, name in enumerate(changing("Escrow"), 1):
        code = calling_back(escrow.address, empty_call("Escrow", name), early)
        base.evm._revm.insert_account_info(money, pyrevm.AccountInfo(code=code))
        ref = count.to_bytes(32, "big")
        values = (EVE.address, 1, count, ref, 0, 2**256 - 1, 27, bytes(32), bytes(32))
        escrow.transact("depositWithAuthorization", *values, sender=MALLORY)
        credited += count
        assert base.evm.storage(money, _SUCCEEDED) == 0, name
        assert base.evm.storage(money, _RETURNED).to_bytes(32, "big")[:4] == REENTRANT, name
        assert base.evm.storage(money, _BALANCE) == credited == escrow.call("liabilities")
        assert escrow.call("balanceOf", 1) == (credited, 0)
