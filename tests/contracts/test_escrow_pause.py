"""What stands behind roles in the Escrow: the guardian's pause of openings, and the Court's slash of a pledge.

MAX_PAUSE is 259 200 s, and 30 days lie between a pause's end and the next. Coverage is 1 000 bps, so a budget of
100 000 000 µ has a pledge of 10 000 000.
"""

from __future__ import annotations

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.enums import Status
from tests.support.escrow import (
    ANN,
    DAY,
    MALLORY,
    OTTO,
    PAULA,
    RITA,
    SAM,
    SIGNER,
    Desk,
    deploy_escrow,
    open_desk,
    refusals,
)
from tests.support.evm import Receipt, account, reverts
from tests.support.system import DOLLAR

MAX_PAUSE = 259_200
RESPITE = 30 * DAY
LAG = 259_200
AFTER = 432_000
PRICE = 100_000_000
MONEY = 100_000 * DOLLAR
STAKE = 100_000 * DOLLAR
GUARDIAN, COURT, CAROL = account("guardian"), account("court"), account("carol")
HELD = 1 << 2  # bit of the hot slot
FROZEN = 1 << 11


def seat_roles(desk: Desk) -> Desk:
    """A guardian of the pause (role 5)."""
    authority, admin = desk.system.authority, desk.system.admin
    selectors = [desk.escrow.encode(*call)[:4] for call in (("pauseOpening", 0), ("resumeOpening",))]
    authority.transact("setTargetFunctionRole", desk.escrow.address, selectors, 5, sender=admin)
    authority.transact("grantRole", 5, GUARDIAN.address, 0, sender=admin)
    return desk


@pytest.fixture
def desk() -> Desk:
    return seat_roles(open_desk())


def pause(desk: Desk, duration: int = MAX_PAUSE) -> Receipt:
    return desk.escrow.transact("pauseOpening", duration, sender=GUARDIAN)


def resume(desk: Desk) -> Receipt:
    return desk.escrow.transact("resumeOpening", sender=GUARDIAN)


def check_paused(desk: Desk, until: int) -> None:
    with reverts("Escrow_OpeningPaused", until=until):
        desk.open(desk.terms())


# Pausing


def test_pause__stops_openings_to_the_second_and_ends_by_itself(desk: Desk) -> None:
    assert desk.escrow.call("openingPause") == (0, 0)
    until = desk.now + MAX_PAUSE
    assert pause(desk).event("OpeningPaused").args == {"until": until}
    assert desk.escrow.call("openingPause") == (until, until + RESPITE)
    for moment in (desk.now, until - 1):
        desk.evm.warp_to(moment)
        check_paused(desk, until)
        with reverts("Escrow_OpeningPaused", until=until):
            desk.open()  # nothing at all
    desk.evm.warp_to(until)
    assert refusals(desk.open(desk.terms())) == []


def test_pause__spends_nothing_of_an_offer(desk: Desk) -> None:
    terms = desk.terms(deadline=desk.now + 10_000)
    signatures = desk.signed(terms)
    pause(desk, 100)
    with reverts("Escrow_OpeningPaused"):
        desk.open_with([(terms, signatures)])
    desk.evm.warp(100)
    assert refusals(desk.open_with([(terms, signatures)])) == []


@pytest.mark.parametrize("duration", [MAX_PAUSE + 1, 2**32 - 1])
def test_pause__longer_than_the_longest__refused(desk: Desk, duration: int) -> None:
    assert desk.escrow.call("MAX_PAUSE") == MAX_PAUSE
    with reverts("Escrow_PauseRefused", until=desk.now + duration, notBefore=0):
        pause(desk, duration)
    assert refusals(desk.open(desk.terms())) == []


def test_pause__again__thirty_days_after_its_end_and_not_a_second_sooner(desk: Desk) -> None:
    pause(desk, 100)
    ready = desk.now + 100 + RESPITE
    for moment in (desk.now, desk.now + 99, desk.now + 100, ready - 1):
        desk.evm.warp_to(moment)
        with reverts("Escrow_PauseRefused", until=moment + 1, notBefore=ready):
            pause(desk, 1)
    desk.evm.warp_to(ready)
    pause(desk, 1)
    assert desk.escrow.call("openingPause") == (ready + 1, ready + 1 + RESPITE)


def test_pause__for_no_time__stops_nothing_and_still_starts_the_thirty_days(desk: Desk) -> None:
    pause(desk, 0)
    assert refusals(desk.open(desk.terms())) == []
    with reverts("Escrow_PauseRefused", notBefore=desk.now + RESPITE):
        pause(desk, 1)


def test_resume__opens_at_once_and_the_thirty_days_count_from_there(desk: Desk) -> None:
    pause(desk)
    desk.evm.warp(10)
    assert len(resume(desk).events("OpeningResumed")) == 1
    resumed = desk.now
    assert desk.escrow.call("openingPause") == (resumed, resumed + RESPITE)
    assert refusals(desk.open(desk.terms())) == []
    desk.evm.warp_to(resumed + RESPITE - 1)
    with reverts("Escrow_PauseRefused", notBefore=resumed + RESPITE):
        pause(desk, 1)
    desk.evm.warp(1)
    pause(desk, 1)


def test_resume__of_what_is_not_paused__refused_and_moves_no_end(desk: Desk) -> None:
    with reverts("Escrow_NotPaused"):
        resume(desk)
    pause(desk, 100)
    until = desk.now + 100
    desk.evm.warp(100)
    for _ in range(2):
        with reverts("Escrow_NotPaused"):
            resume(desk)
        assert desk.escrow.call("openingPause") == (until, until + RESPITE)
        desk.evm.warp(1_000)


def test_pause__by_anybody_else__refused(desk: Desk) -> None:
    for who in (ANN, OTTO, PAULA, RITA, SAM, SIGNER, MALLORY, COURT, desk.system.admin):
        for name, values in (("pauseOpening", (1,)), ("resumeOpening", ())):
            with reverts("AccessManagedUnauthorized", caller=who.address):
                desk.escrow.transact(name, *values, sender=who)


def test_pause__of_one_escrow__leaves_another_open(desk: Desk) -> None:
    """The state is the Escrow's own, though its extension's code sets it."""
    other = Desk(desk.system, deploy_escrow(desk.system))
    pause(desk)
    assert other.escrow.call("openingPause") == (0, 0)


# What goes on meanwhile


def paused(desk: Desk) -> int:
    """Pauses for as long as can be; when it ends."""
    pause(desk)
    until = desk.now + MAX_PAUSE
    check_paused(desk, until)
    return until


def test_paused__money_in_and_out(desk: Desk) -> None:
    escrow = desk.escrow
    members, weights = [CAROL.address, PAULA.address], [700, 300]
    split = escrow.transact("createSplit", members, weights, sender=MALLORY).result
    desk.pay([(desk.opened(payee=split), 100_000), (desk.opened(), 100_000)])
    until = paused(desk)
    desk.system.fund(ANN, 5_000, escrow)
    escrow.transact("deposit", 1, 3_000, sender=ANN)
    escrow.transact("depositFor", 1, 2_000, b"\1" * 32, sender=ANN)
    assert desk.free(1) == MONEY - 2_000_000 + 5_000
    escrow.transact("withdraw", 1, desk.free(1), ANN.address, sender=ANN)
    assert desk.system.balance(ANN) == MONEY - 2_000_000 + 5_000
    # 100 000 less 500 bps: 95 000; 700 : 300 of the split's are 66 500 and 28 500.
    assert escrow.transact("claim", 2, PAULA.address, sender=PAULA).result == 95_000
    shares = [
        escrow.transact("claimShare", split, index, members, weights, who.address, sender=who).result
        for index, who in enumerate((CAROL, PAULA))
    ]
    assert shares == [66_500, 28_500]
    assert escrow.transact("collectFees", sender=MALLORY).result == 10_000
    escrow.transact("createAccount", CAROL.address, sender=CAROL)
    escrow.transact("cancelNonces", 0, 1, sender=CAROL)
    escrow.transact("allow", 3, 1, 1, 500, bytes(32), sender=SAM)
    escrow.transact("revoke", 3, 1, 1, sender=SAM)
    check_paused(desk, until)
    desk.check_solvent()


def test_paused__posting_settling_and_clocks(desk: Desk) -> None:
    metered = desk.opened()
    lease = desk.opened(mode=1, unit_price=PRICE)
    desk.evm.warp(LAG)
    until = paused(desk)
    batch = desk.post([(metered, 250_000), (lease, 100)])
    desk.evm.warp(DAY)
    assert desk.settle(batch).result == 250_000
    # 86 400 s past the horizon, 10 000 s of money, 100 s not served.
    assert desk.escrow.transact("poke", [lease], sender=MALLORY).result == 990_000
    check_paused(desk, until)


def test_paused__ends_and_refunds(desk: Desk) -> None:
    due, listed = desk.opened(), desk.opened()
    for number in (due, listed):
        desk.escrow.transact("close", number, sender=OTTO)
    desk.evm.warp(AFTER)
    running, stopped = desk.opened(), desk.opened()
    until = paused(desk)
    desk.escrow.transact("close", running, sender=ANN)
    desk.escrow.transact("close", stopped, sender=OTTO)
    back = [
        desk.escrow.transact("refund", due, sender=MALLORY),
        desk.escrow.transact("refundMany", [listed], sender=MALLORY),
        desk.escrow.transact("refundEarly", stopped, 0, b"", sender=OTTO),
    ]
    assert [receipt.event("Closed").args["refunded"] for receipt in back] == [1_000_000] * 3
    desk.evm.warp(3_600)
    desk.escrow.transact("refundEarly", running, 0, b"", sender=OTTO)
    assert (desk.free(1), desk.locked(1), desk.pledged()) == (MONEY, 0, 0)
    check_paused(desk, until)


def test_paused__top_ups_and_replacements(desk: Desk) -> None:
    """A replacement is the way out of the agreement that it ends, and no new custom: it stays open."""
    terms = desk.terms(max_budget=1_500_000)
    signatures = desk.signed(terms)
    (agreement,) = desk.open_with([(terms, signatures)]).result
    until = paused(desk)
    desk.escrow.transact("topUp", agreement, 1_500_000, tuple(terms), signatures, sender=ANN)
    deadline = desk.now + 60
    more = eip712.TopUp(agreement, 2_000_000, deadline)
    signature = OTTO.sign(eip712.digest(desk.domain(), more.hash_struct()))
    desk.escrow.transact("topUpSigned", agreement, 2_000_000, deadline, signature, sender=ANN)
    assert desk.locked(1) == 2_000_000
    new = desk.terms(budget=500_000)
    digest = eip712.digest(desk.domain(), eip712.Replacement(agreement, 300_000, new).hash_struct())
    four = (ANN.sign(digest), b"", OTTO.sign(digest), b"")
    receipt = desk.escrow.transact("replace", agreement, 300_000, tuple(new), four, sender=MALLORY)
    assert desk.agreement(agreement)["status"] == Status.CLOSED
    assert desk.agreement(receipt.result)["status"] == Status.OPEN
    assert (desk.free(1), desk.locked(1)) == (MONEY - 300_000 - 500_000, 500_000)
    check_paused(desk, until)


def test_guardian__can_do_nothing_else(desk: Desk) -> None:
    agreement = desk.opened()
    lease = desk.opened(mode=1)
    desk.evm.warp(10)
    pause(desk)
    before = desk.picture()
    me = GUARDIAN.address
    order = (1, desk.now, 2**64 - 1, 0)
    for name, values in (
        ("setFees", (0, 0)),
        ("recoverSurplus", (desk.system.currency.address, me)),
    ):
        with reverts("AccessManagedUnauthorized", caller=me):
            desk.escrow.transact(name, *values, sender=GUARDIAN)
    for name, values in (
        ("settle", (order, bytes(18), 0)),
        ("settleSigned", ([(agreement, 1, desk.now, 1)],)),
        ("setDowntime", (lease, 1)),
        ("settleRelease", (order, agreement, 1)),
        ("finaliseRelease", (agreement, 0, True)),
        ("raiseRefundFloor", (1, desk.now + 10**6)),
    ):
        with reverts("Escrow_NotLedger", caller=me):
            desk.escrow.transact(name, *values, sender=GUARDIAN)
    for name, account_number, values in (
        ("withdraw", 1, (1, me)),
        ("claim", 2, (me,)),
        ("allow", 1, (2, 1, 1, bytes(32))),
        ("revoke", 1, (2, 1)),
    ):
        with reverts("Escrow_NotOwner", account=account_number, caller=me):
            desk.escrow.transact(name, account_number, *values, sender=GUARDIAN)
    for name, values in (("freeze", (agreement,)), ("clear", (agreement, desk.now))):
        with reverts("Escrow_NotCourt", caller=me):
            desk.escrow.transact(name, *values, sender=GUARDIAN)
    with reverts("Escrow_NotParty", agreement=agreement, caller=me):
        desk.escrow.transact("close", agreement, sender=GUARDIAN)
    with reverts("Escrow_NotRefundableYet", agreement=agreement):
        desk.escrow.transact("refund", agreement, sender=GUARDIAN)
    desk.evm.warp_to(desk.agreement(agreement)["end"])
    with reverts("Escrow_BadSignature", agreement=agreement, signer=OTTO.address):
        desk.escrow.transact("refundEarly", agreement, desk.now, b"", sender=GUARDIAN)
    assert desk.picture() == before
