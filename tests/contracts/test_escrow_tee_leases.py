"""A lease under a TEE policy: its clock waits for a device that was attested for it.

Such a lease of these tests costs 100 µ a second and has 1 000 000 µ, so 10 000 s from its beginning on, of a term of
100 000 s. LAG is 259 200 s; a refund comes 432 000 s after the end; the notice is 3 600 s; the fee is 500 bps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tallystick.protocol.enums import CloseReason, CredentialKind, SkipReason
from tests.support.escrow import ANN, LEDGER, MALLORY, OTTO, PAULA, RITA, Desk, open_desk, open_solo, skips
from tests.support.evm import Account, Evm, Receipt, account, reverts
from tests.support.receipts import DEVICE
from tests.support.system import DOLLAR

LAG = 259_200
AFTER = 432_000
NOTICE = 3_600
PRICE = 100_000_000
MONEY = 100_000 * DOLLAR
FROZEN = 1 << 11  # bit of the hot slot
ISSUER, IMPOSTOR = account("issuer"), account("impostor")
OTHER_DEVICE = account("another device")
MEASUREMENT = b"\x3e" * 32


@dataclass
class Room:
    """A desk, and a TEE policy of its book."""

    desk: Desk
    policy: int

    def leased(self, **changes: Any) -> int:
        fields = {"mode": 1, "unit_price": PRICE, "budget": 1_000_000, "policy": self.policy}
        return self.desk.opened(**(fields | changes))

    def attest(self, lease: int, *, by: Account = ISSUER, **changes: Any) -> None:
        """The issuer posts a TEE credential of the device for that lease, good for 1 000 s, or with these changes."""
        fields: dict[str, Any] = {
            "issuer": by.address,
            "kind": int(CredentialKind.TEE),
            "subject": DEVICE.address,
            "binding": lease.to_bytes(32, "big"),
            "value": MEASUREMENT,
            "expiresAt": self.desk.now + 1_000,
            "nonce": 1,
        } | changes
        credentials = self.desk.system.credentials
        receipt = credentials.transact("post", [tuple(fields.values())], [b""], sender=by)
        assert receipt.events("CredentialRefused") == []

    def begin(self, lease: int, device: Account = DEVICE, sender: Account = OTTO) -> Receipt:
        return self.desk.escrow.transact("begin", lease, device.address, sender=sender)

    def begun(self, **changes: Any) -> int:
        lease = self.leased(**changes)
        self.attest(lease)
        self.begin(lease)
        return lease

    def check_not_attested(self, lease: int, device: Account = DEVICE) -> None:
        with reverts("Escrow_DeviceNotAttested", agreement=lease, device=device.address):
            self.begin(lease, device)

    def poke(self, lease: int) -> Receipt:
        return self.desk.escrow.transact("poke", [lease], sender=MALLORY)

    def close(self, lease: int, who: Account) -> int:
        receipt = self.desk.escrow.transact("close", lease, sender=who)
        return int(receipt.event("CloseRequested").args["stopAt"])

    def refunded(self, lease: int, end: int) -> tuple[int, int, int]:
        """(paid, refunded, reason) of a refund 432 000 s after the end, and not a second before."""
        self.desk.evm.warp_to(end + AFTER - 1)
        with reverts("Escrow_NotRefundableYet", agreement=lease, refundableAt=end + AFTER):
            self.desk.escrow.transact("refund", lease, sender=MALLORY)
        self.desk.evm.warp(1)
        closed = self.desk.escrow.transact("refund", lease, sender=MALLORY).event("Closed").args
        self.desk.check_solvent()
        return closed["paid"], closed["refunded"], closed["reason"]


def open_room(desk: Desk | None = None, **policy: Any) -> Room:
    desk = desk or open_desk()
    terms = {"kind": 3, "issuer": ISSUER.address, "measurement": MEASUREMENT} | policy
    return Room(desk, desk.system.add_policy(relayer=2, **terms))


# Before it begins


def test_unbegun__has_no_start_and_pays_nothing_for_ever() -> None:
    room = open_room()
    desk, expiry = room.desk, room.desk.now + 100_000
    terms = desk.terms(mode=1, unit_price=PRICE, policy=room.policy, start=desk.now + 7)
    receipt = desk.open(terms)
    assert receipt.event("Opened").args["start"] == expiry
    (lease,) = receipt.result
    view = desk.agreement(lease)
    assert (view["start"], view["end"], view["downtime"], view["paid"]) == (expiry, expiry, 0, 0)
    assert desk.escrow.call("paidUntil", lease) == expiry
    for moment in (desk.now, expiry, expiry + LAG + 50_000):
        desk.evm.warp_to(moment)
        assert skips(room.poke(lease)) == [(lease, 0, SkipReason.STALE)]
    assert room.refunded(lease, expiry) == (0, 1_000_000, CloseReason.EXPIRED)
    assert (desk.free(1), desk.pledged()) == (MONEY, 0)


def test_unbegun__no_signed_second_and_no_downtime() -> None:
    """Nothing of it has elapsed, whatever both sides sign. What downtime would overwrite is the earliest start."""
    desk, _ = open_solo()
    room = open_room(desk)
    lease = room.leased(start=desk.now + 5_000)
    desk.evm.warp(10_000)
    for units, reason in ((0, SkipReason.STALE), (1, SkipReason.DOWNTIME_ABOVE_ELAPSED)):
        figures = [(lease, units, desk.now, 2**64 - 1)]
        receipt = desk.escrow.transact("settleSigned", figures, sender=LEDGER)
        assert receipt.result == ([0], [0])
        assert skips(receipt) == [(lease, units, reason)]
    above = [(lease, 1, SkipReason.DOWNTIME_ABOVE_ELAPSED)]
    assert skips(desk.settle_directly([(lease, 1)], policy=room.policy)) == above
    assert skips(desk.escrow.transact("setDowntime", lease, 1, sender=LEDGER)) == above
    assert desk.agreement(lease)["downtime"] == 0


def test_metered_and_leases_of_other_policies__start_by_themselves() -> None:
    room = open_room()
    desk = room.desk
    ordinary, metered = desk.opened(mode=1, unit_price=PRICE), desk.opened(policy=room.policy)
    for number in (ordinary, metered):
        assert desk.agreement(number)["start"] == desk.now
        room.attest(number)
        with reverts("Escrow_AlreadyBegun", agreement=number):
            room.begin(number)


# Beginning


def test_begin__starts_the_clock_and_the_money_now() -> None:
    """Begun 2 000 s after its opening: 10 000 s from there, 1 000 000 µ."""
    room = open_room()
    desk, lease = room.desk, room.leased()
    desk.evm.warp(2_000)
    room.attest(lease)
    assert room.begin(lease).event("Begun").args == {
        "agreement": lease,
        "device": DEVICE.address,
        "start": desk.now,
    }
    start = desk.now
    view = desk.agreement(lease)
    assert (view["start"], view["end"], view["downtime"]) == (start, start + 98_000, 0)
    assert desk.escrow.call("paidUntil", lease) == start + 10_000
    desk.evm.warp_to(start + LAG)
    assert room.poke(lease).result == 0
    desk.evm.warp(1)
    assert room.poke(lease).result == 100
    assert room.refunded(lease, start + 10_000) == (1_000_000, 0, CloseReason.EXHAUSTED)
    assert desk.escrow.call("earningsOf", 2) == (950_000, 0, 50_000)


def test_begin__before_the_earliest_start__starts_there() -> None:
    room = open_room()
    desk = room.desk
    start = desk.now + 5_000
    lease = room.leased(start=start)
    room.attest(lease)
    assert room.begin(lease).event("Begun").args["start"] == start
    assert (desk.agreement(lease)["start"], desk.agreement(lease)["downtime"]) == (start, 0)
    desk.evm.warp_to(start + LAG + 3)
    assert room.poke(lease).result == 300


def test_begin__after_the_earliest_start__starts_now() -> None:
    room = open_room()
    desk = room.desk
    lease = room.leased(start=desk.now + 500)
    room.attest(lease)
    desk.evm.warp(700)
    assert room.begin(lease).event("Begun").args["start"] == desk.now


def test_begin__late__leaves_what_the_term_leaves() -> None:
    """4 000 s before its expiry: 400 000 of 1 000 000 µ."""
    room = open_room()
    desk, lease, expiry = room.desk, room.leased(), room.desk.now + 100_000
    desk.evm.warp_to(expiry - 4_000)
    room.attest(lease)
    room.begin(lease)
    assert room.refunded(lease, expiry) == (400_000, 600_000, CloseReason.EXPIRED)


def test_begin__at_the_expiry__too_late() -> None:
    room = open_room()
    desk, lease, expiry = room.desk, room.leased(), room.desk.now + 100_000
    desk.evm.warp_to(expiry - 1)
    room.attest(lease)
    snapshot = desk.evm.snapshot()
    assert room.begin(lease).event("Begun").args["start"] == expiry - 1
    desk.evm.revert(snapshot)
    desk.evm.warp(1)
    with reverts("Escrow_Ended", agreement=lease, end=expiry):
        room.begin(lease)


@pytest.mark.parametrize("who", [ANN, PAULA, RITA, DEVICE, ISSUER, MALLORY])
def test_begin__by_another_than_the_operators_owner__refused(who: Account) -> None:
    room = open_room()
    lease = room.leased()
    room.attest(lease)
    with reverts("Escrow_NotParty", agreement=lease, caller=who.address):
        room.begin(lease, sender=who)


def test_begin__without_a_credential_for_this_device_and_lease__refused() -> None:
    room = open_room()
    lease, other = room.leased(), room.leased()
    room.check_not_attested(lease)
    room.attest(other)
    room.attest(lease, subject=OTHER_DEVICE.address)
    room.attest(lease, by=IMPOSTOR)
    room.attest(lease, kind=int(CredentialKind.HARDWARE_CLASS), binding=bytes(32))
    room.check_not_attested(lease)
    # The lower 64 bits of this binding are the number; all 256 must be.
    room.attest(lease, binding=(lease | 1 << 64).to_bytes(32, "big"))
    room.check_not_attested(lease)
    room.attest(lease)
    room.begin(lease)
    room.check_not_attested(other, OTHER_DEVICE)
    room.begin(other)


def test_begin__wrong_measurement__refused_unless_the_policy_names_none() -> None:
    room = open_room()
    lease = room.leased()
    room.attest(lease, value=b"\x3f" * 32)
    room.check_not_attested(lease)
    free = open_room(room.desk, measurement=bytes(32))
    lease = free.leased()
    room.attest(lease, value=b"\x3f" * 32)
    free.begin(lease)


def test_begin__expired_or_revoked__refused_to_the_second() -> None:
    room = open_room()
    desk = room.desk
    lease, other = room.leased(), room.leased()
    room.attest(lease, expiresAt=desk.now + 50)
    room.attest(other, expiresAt=desk.now + 50)
    desk.evm.warp(49)
    room.begin(other)
    desk.evm.warp(1)
    room.check_not_attested(lease)
    room.attest(lease, nonce=2)
    revocation = (ISSUER.address, int(CredentialKind.TEE), DEVICE.address, lease.to_bytes(32, "big"), 3)
    desk.system.credentials.transact("revoke", [revocation], [b""], sender=ISSUER)
    room.check_not_attested(lease)
    room.attest(lease, nonce=4)
    room.begin(lease)


def test_begin__twice__refused_and_the_start_stays() -> None:
    room = open_room()
    lease = room.begun()
    start = room.desk.now
    room.attest(lease, subject=OTHER_DEVICE.address)
    room.desk.evm.warp(500)
    for device in (DEVICE, OTHER_DEVICE):
        with reverts("Escrow_AlreadyBegun", agreement=lease):
            room.begin(lease, device)
    assert room.desk.agreement(lease)["start"] == start


def test_begin__credential_that_ends_afterwards__the_clock_runs_on() -> None:
    room = open_room()
    lease = room.begun()
    room.desk.evm.warp(LAG + 5_000)
    assert room.poke(lease).result == 500_000


def test_begin__frozen__refused() -> None:
    room = open_room(open_desk(evm=Evm()))
    lease = room.leased()
    room.attest(lease)
    room.desk.set_bits(lease, hot=FROZEN)
    with reverts("Escrow_Held", agreement=lease):
        room.begin(lease)


def test_begin__unknown_or_closed__refused() -> None:
    room = open_room()
    lease = room.leased()
    room.attest(lease)
    room.close(lease, OTTO)
    room.desk.escrow.transact("refundEarly", lease, 0, b"", sender=OTTO)
    for number in (lease, 99 << 32):
        with reverts("Escrow_NotOpen", agreement=number):
            room.begin(number)


# Closing


@pytest.mark.parametrize("ahead", [0, 50_000])
@pytest.mark.parametrize(
    ("who", "after", "reason"),
    [(ANN, NOTICE, CloseReason.CLOSED_BY_CUSTOMER), (OTTO, 0, CloseReason.CLOSED_BY_PROVIDER)],
)
def test_close__unbegun__ends_after_the_notice_or_at_once_and_everything_comes_back(
    who: Account, after: int, reason: int, ahead: int
) -> None:
    """However far ahead its earliest start is: it has none to wait for."""
    room = open_room()
    desk = room.desk
    lease = room.leased(start=desk.now + ahead if ahead else 0)
    desk.evm.warp(1_000)
    end = desk.now + after
    assert room.close(lease, who) == end
    assert desk.escrow.call("paidUntil", lease) == end
    desk.evm.warp_to(end + LAG + 50_000)
    assert room.poke(lease).result == 0
    assert room.refunded(lease, end) == (0, 1_000_000, reason)
    assert (desk.free(1), desk.pledged()) == (MONEY, 0)


def test_close__unbegun__the_provider_may_still_begin_within_the_notice_and_is_paid_to_its_end() -> None:
    """Begun 1 000 s after the customer's close: 2 600 s are left of the notice, 260 000 µ."""
    room = open_room()
    desk, lease = room.desk, room.leased()
    end = room.close(lease, ANN)
    desk.evm.warp(1_000)
    room.attest(lease)
    room.begin(lease)
    assert desk.escrow.call("paidUntil", lease) == end
    assert room.refunded(lease, end) == (260_000, 740_000, CloseReason.CLOSED_BY_CUSTOMER)


@pytest.mark.parametrize("who", [ANN, OTTO])
def test_begin__at_the_stop_and_after_it__refused(who: Account) -> None:
    room = open_room()
    desk, lease = room.desk, room.leased()
    end = room.close(lease, who)
    for moment in (end, end + 500):
        desk.evm.warp_to(moment)
        room.attest(lease, nonce=moment)
        with reverts("Escrow_Ended", agreement=lease, end=end):
            room.begin(lease)


def test_begin__earliest_start_at_or_after_the_stop__refused() -> None:
    """The notice ends at 3 600 s; a start at 3 599 s leaves one second, 100 µ."""
    room = open_room()
    desk, now = room.desk, room.desk.now
    late, just = room.leased(start=now + NOTICE), room.leased(start=now + NOTICE - 1)
    for lease in (late, just):
        assert room.close(lease, ANN) == now + NOTICE
        room.attest(lease)
    with reverts("Escrow_Ended", agreement=late, end=now + NOTICE):
        room.begin(late)
    room.begin(just)
    desk.evm.warp_to(now + NOTICE + AFTER)
    paid = [
        desk.escrow.transact("refund", lease, sender=MALLORY).event("Closed").args["paid"]
        for lease in (late, just)
    ]
    assert paid == [0, 100]


def test_close__begun__is_paid_to_its_stop() -> None:
    room = open_room()
    lease, start = room.begun(), room.desk.now
    room.desk.evm.warp(700)
    assert room.close(lease, OTTO) == start + 700
    assert room.refunded(lease, start + 700) == (70_000, 930_000, CloseReason.CLOSED_BY_PROVIDER)


def test_close__begun_ahead_of_its_start__ends_at_the_start() -> None:
    room = open_room()
    start = room.desk.now + 50_000
    lease = room.begun(start=start)
    assert room.close(lease, OTTO) == start
    assert room.refunded(lease, start) == (0, 1_000_000, CloseReason.CLOSED_BY_PROVIDER)


def test_refund_early__of_an_unbegun_lease__after_its_stop() -> None:
    room = open_room()
    lease = room.leased()
    with reverts("Escrow_NotEnded", agreement=lease, end=room.desk.now + 100_000):
        room.desk.escrow.transact("refundEarly", lease, 0, b"", sender=OTTO)
    room.close(lease, OTTO)
    receipt = room.desk.escrow.transact("refundEarly", lease, 0, b"", sender=OTTO)
    assert receipt.event("Closed").args["refunded"] == 1_000_000


def test_downtime__after_the_beginning__counts_from_there() -> None:
    desk, _ = open_solo()
    room = open_room(desk)
    lease = room.leased(start=desk.now + 100)
    room.attest(lease)
    room.begin(lease)
    start = desk.now + 100
    desk.evm.warp_to(start + 50)
    assert not desk.escrow.transact("setDowntime", lease, 51, sender=LEDGER).result
    assert desk.escrow.transact("setDowntime", lease, 50, sender=LEDGER).result
    assert room.refunded(lease, start + 10_000) == (995_000, 5_000, CloseReason.EXHAUSTED)
