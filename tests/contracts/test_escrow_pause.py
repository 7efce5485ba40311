"""The guardian's pause of openings: how long, how often, and what it never touches; the extension by itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, SAM, Desk, deploy_escrow, open_desk
from tests.support.evm import Account, Receipt, account, reverts
from tests.support.system import DOLLAR

GUARD = account("guardian")
MAX_PAUSE = 259_200
REST = 30 * DAY


def guarded() -> Desk:
    """A desk whose pauses are behind a role of their own, which GUARD has."""
    desk = open_desk()
    authority, admin = desk.system.authority, desk.system.admin
    names = [desk.escrow.encode("pauseOpening", 1)[:4], desk.escrow.encode("resumeOpening")[:4]]
    authority.transact("setTargetFunctionRole", desk.escrow.address, names, 5, sender=admin)
    authority.transact("grantRole", 5, GUARD.address, 0, sender=admin)
    return desk


def pause(desk: Desk, seconds: int, sender: Account = GUARD) -> Receipt:
    return desk.escrow.transact("pauseOpening", seconds, sender=sender)


def resume(desk: Desk, sender: Account = GUARD) -> Receipt:
    return desk.escrow.transact("resumeOpening", sender=sender)


def test_pause__stops_openings__and_ends_by_itself() -> None:
    desk = guarded()
    until = desk.now + 3_600
    assert pause(desk, 3_600).event("OpeningPaused").args == {"until": until}
    assert desk.escrow.call("openingPause") == (until, until + REST)
    for now in (desk.now, until - 1):
        desk.evm.warp_to(now)
        for sender in (MALLORY, ANN, OTTO):
            with reverts("Escrow_OpeningPaused", until=until):
                desk.open(desk.terms(), sender=sender)
        with reverts("Escrow_OpeningPaused", until=until):
            desk.escrow.transact("open", [], [], sender=ANN)
    desk.evm.warp_to(until)
    assert desk.opened()


def test_pause__longer_than_the_longest__refused() -> None:
    desk = guarded()
    for seconds in (MAX_PAUSE + 1, 2**32 - 1):
        with reverts("Escrow_PauseRefused", until=desk.now + seconds, notBefore=0):
            pause(desk, seconds)
    pause(desk, MAX_PAUSE)
    assert desk.escrow.call("MAX_PAUSE") == MAX_PAUSE


def test_pause__again__not_within_thirty_days_of_the_last_one_s_end() -> None:
    desk = guarded()
    pause(desk, 100)
    again = desk.now + 100 + REST
    for now in (desk.now, desk.now + 50, desk.now + 100, again - 1):
        desk.evm.warp_to(now)
        with reverts("Escrow_PauseRefused", until=now + 5, notBefore=again):
            pause(desk, 5)
    desk.evm.warp_to(again)
    pause(desk, 5)


def test_resume__early__counts_as_the_end() -> None:
    desk = guarded()
    pause(desk, MAX_PAUSE)
    desk.evm.warp(60)
    assert len(resume(desk).events("OpeningResumed")) == 1
    assert desk.escrow.call("openingPause") == (desk.now, desk.now + REST)
    assert desk.opened()
    with reverts("Escrow_NotPaused"):
        resume(desk)
    desk.evm.warp(REST - 1)
    with reverts("Escrow_PauseRefused"):
        pause(desk, 1)
    desk.evm.warp(1)
    pause(desk, 1)


def test_resume__of_what_is_over__does_not_put_off_the_next_pause() -> None:
    desk = guarded()
    with reverts("Escrow_NotPaused"):
        resume(desk)
    pause(desk, 10)
    desk.evm.warp(10)
    with reverts("Escrow_NotPaused"):
        resume(desk)


@pytest.mark.parametrize("who", [ANN, OTTO, MALLORY, SAM])
def test_pause__without_the_role__refused(who: Account) -> None:
    desk = guarded()
    with reverts("AccessManagedUnauthorized", caller=who.address):
        pause(desk, 1, who)
    pause(desk, 100)
    with reverts("AccessManagedUnauthorized", caller=who.address):
        resume(desk, who)
    with reverts("AccessManagedUnauthorized", caller=GUARD.address):
        desk.escrow.transact("setFees", 0, 0, sender=GUARD)


def test_pause__every_exit_goes_on() -> None:
    """Settle, clocks, close, refund, withdraw, claim, collect, deposit, top up: nothing else can be paused."""
    desk = guarded()
    metered, lease = desk.opened(), desk.lease()
    batch = desk.post([(metered, 1_000)])
    desk.evm.warp(DAY)
    pause(desk, MAX_PAUSE)
    assert desk.settle(batch).result == 1_000
    assert desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA).result == 950
    desk.escrow.transact("withdraw", 1, 5, ANN.address, sender=ANN)
    desk.escrow.transact("deposit", 1, 5, sender=ANN)
    desk.escrow.transact("collectFees", sender=MALLORY)
    desk.escrow.transact("createAccount", MALLORY.address, sender=MALLORY)
    desk.escrow.transact("allow", 3, 1, 1, 5, bytes(32), sender=SAM)
    for agreement in (metered,):
        desk.escrow.transact("close", agreement, sender=ANN)
        desk.evm.warp(3_600)
        desk.escrow.transact("refundEarly", agreement, 0, b"", sender=OTTO)
    desk.evm.warp(MAX_PAUSE - 3_600 - 1)
    desk.escrow.transact("poke", [lease], sender=MALLORY)
    desk.check_solvent()


def test_refund__under_a_pause__runs() -> None:
    desk = guarded()
    metered = desk.opened()
    desk.evm.warp_to(desk.escrow.call("refundableAt", metered))
    pause(desk, MAX_PAUSE)
    desk.escrow.transact("refund", metered, sender=MALLORY)
    desk.escrow.transact("withdraw", 1, 100_000 * DOLLAR, ANN.address, sender=ANN)


# Fees are behind a role of their own, delayed or not


def test_set_fees__delayed__goes_through_the_extension_as_scheduled() -> None:
    """AccessManager's delay: the operation is consumed by the Escrow, of which the extension is a part."""
    desk = open_desk()
    authority, admin = desk.system.authority, desk.system.admin
    data = desk.escrow.encode("setFees", 700, 0)
    authority.transact("setTargetFunctionRole", desk.escrow.address, [data[:4]], 6, sender=admin)
    authority.transact("grantRole", 6, GUARD.address, 3_600, sender=admin)
    with reverts("AccessManagerNotScheduled"):
        desk.escrow.transact("setFees", 700, 0, sender=GUARD)
    authority.transact("schedule", desk.escrow.address, data, 0, sender=GUARD)
    with reverts("AccessManagerNotReady"):
        desk.escrow.transact("setFees", 700, 0, sender=GUARD)
    desk.evm.warp(3_600)
    desk.escrow.transact("setFees", 700, 0, sender=GUARD)
    assert desk.escrow.call("fees") == (700, 0)
    with reverts("AccessManagerNotScheduled"):
        desk.escrow.transact("setFees", 700, 0, sender=GUARD)


# The extension


def test_extension__at_its_own_address__changes_nothing() -> None:
    desk = open_desk()
    extension = desk.evm.at("EscrowExtension", desk.escrow.call("EXTENSION"))
    terms, none = tuple(desk.terms()), (b"", b"")
    calls: dict[str, tuple[Any, ...]] = {
        "createSplit": ([ANN.address], [1]),
        "claimShare": (1, 0, [ANN.address], [1], ANN.address),
        "depositWithPermit": (1, 1, 2**40, 27, bytes(32), bytes(32)),
        "depositWithAuthorization": (ANN.address, 1, 1, bytes(32), 0, 2**40, 27, bytes(32), bytes(32)),
        "allow": (1, 1, 1, 1, bytes(32)),
        "revoke": (1, 1, 1),
        "recoverSurplus": (desk.system.currency.address, ANN.address),
        "topUp": (1, 1, terms, none),
        "topUpSigned": (1, 1, 2**40 - 1, b""),
        "begin": (1, ANN.address),
        "refundEarly": (1, 0, b""),
        "refundMany": ([],),
        "retryRelease": (1,),
        "slashAgreement": (1, 0, 0, ANN.address, 0, 0),
        "setDowntime": (1, 1),
        "settleRelease": ((1, 0, 0, 0), 1, 1),
        "finaliseRelease": (1, 0, True),
        "raiseRefundFloor": (1, 1),
        "setFees": (0, 0),
        "pauseOpening": (1,),
        "resumeOpening": (),
    }
    writes = {
        part["name"]
        for part in extension.contract.abi
        if part["type"] == "function" and part["stateMutability"] not in ("view", "pure")
    }
    assert writes - {"setAuthority"} == set(calls)
    for sender in (MALLORY, desk.system.admin):
        for name, values in calls.items():
            with reverts("Escrow_NotHere"):
                extension.transact(name, *values, sender=sender)


def test_escrow__that_is_not_where_its_parameters_say__cannot_be_created() -> None:
    desk = open_desk()
    with reverts("Escrow_NotHere"):
        deploy_escrow(desk.system, escrow=MALLORY.address)


def test_fallback__what_neither_part_knows__reverts_with_nothing() -> None:
    desk = open_desk()
    for data in (b"", b"\x01", b"\xde\xad\xbe\xef", b"\xde\xad\xbe\xef" + bytes(64)):
        with reverts("reverted"):
            desk.evm.transact(desk.escrow.address, data, sender=MALLORY)
