"""Session keys: granted once, for listed agreements or up to a total, until an expiry, revoked within the hour."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.escrow import ANN, LEDGER, MALLORY, SAM
from tests.support.evm import Bound, account, reverts
from tests.support.receipts import Bench, open_bench

KEY = account("session")
ZERO = "0x" + "00" * 20


def keys_of(bench: Bench) -> Bound:
    return bench.system.session_keys


def grant(bench: Bench, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "account": 1,
        "key": KEY.address,
        "expiresAt": bench.now + 1_000,
        "total": 500,
        "agreements": [],
    } | changes
    receipt = keys_of(bench).transact("grant", *fields.values(), sender=ANN)
    return dict(receipt.event("SessionGranted").args)


def test_grant__up_to_a_total__kept_and_told() -> None:
    bench = open_bench()
    told = grant(bench)
    expires = bench.now + 1_000
    assert told == {"account": 1, "key": KEY.address, "expiresAt": expires, "listed": False, "total": 500}
    assert keys_of(bench).call("sessionOf", 1, KEY.address) == {
        "validFrom": bench.now, "expiresAt": expires, "revokedAt": 0, "listed": False, "total": 500, "spent": 0,
    }  # fmt: skip
    for agreement in (0, 7, 2**64 - 1):
        assert keys_of(bench).call("acceptable", 1, KEY.address, agreement, bench.now) == 500
    assert keys_of(bench).call("acceptable", 2, KEY.address, 7, bench.now) == 0


def test_grant__for_listed_agreements__and_more_later() -> None:
    bench = open_bench()
    keys = keys_of(bench)
    assert grant(bench, total=0, agreements=[7, 8])["listed"] is True

    def good() -> list[int]:
        return [n for n in (7, 8, 9) if keys.call("acceptable", 1, KEY.address, n, bench.now) == 2**64 - 1]

    assert good() == [7, 8]
    receipt = keys.transact("list", 1, KEY.address, [9], sender=ANN)
    assert receipt.event("SessionListed").args == {"account": 1, "key": KEY.address, "agreement": 9}
    assert good() == [7, 8, 9]
    assert keys.call("isListed", 1, KEY.address, 9) is True
    assert keys.call("isListed", 1, KEY.address, 10) is False


def test_acceptable__at_any_time__from_the_grant_to_the_expiry() -> None:
    bench = open_bench()
    grant(bench)
    times = (-1, 0, 999, 1_000)
    at = {after: keys_of(bench).call("acceptable", 1, KEY.address, 7, bench.now + after) for after in times}
    assert at == {-1: 0, 0: 500, 999: 500, 1_000: 0}


@pytest.mark.parametrize(
    "changes",
    [
        {"total": 0},  # neither
        {"agreements": [7]},  # both
        {"expiresAt": 0},
    ],
)
def test_grant__that_says_nothing_or_two_things__refused(changes: dict[str, Any]) -> None:
    bench = open_bench()
    with reverts("SessionKeys_BadGrant"):
        grant(bench, **changes)
    with reverts("SessionKeys_BadGrant"):
        grant(bench, expiresAt=bench.now)


def test_grant__twice_zero_or_too_much__refused() -> None:
    bench = open_bench()
    with reverts("SessionKeys_ZeroKey"):
        grant(bench, key=ZERO)
    with reverts("SessionKeys_TooManyItems", items=257):
        grant(bench, total=0, agreements=list(range(257)))
    grant(bench, total=0, agreements=list(range(256)))
    with reverts("SessionKeys_AlreadyGranted", account=1, key=KEY.address):
        grant(bench)
    bench.evm.warp(10**6)
    with reverts("SessionKeys_AlreadyGranted"):
        grant(bench)


def test_every_entry__by_a_stranger__refused() -> None:
    bench = open_bench()
    grant(bench)
    keys = keys_of(bench)
    for name, values in (
        ("grant", (1, MALLORY.address, bench.now + 9, 1, [])),
        ("list", (1, KEY.address, [7])),
        ("revoke", (1, KEY.address)),
    ):
        for who in (MALLORY, SAM, KEY):
            with reverts("SessionKeys_NotOwner", account=1, caller=who.address):
                keys.transact(name, *values, sender=who)
    for who in (ANN, KEY, MALLORY):
        with reverts("SessionKeys_NotLedger", caller=who.address):
            keys.transact("spend", 1, KEY.address, 1, sender=who)
    with reverts("SessionKeys_NotOwner", account=99):
        keys.transact("revoke", 99, KEY.address, sender=ANN)


def test_list__unknown_with_a_total_or_revoked__refused() -> None:
    bench = open_bench()
    keys, other = keys_of(bench), account("other key")
    with reverts("SessionKeys_Unknown", account=1, key=KEY.address):
        keys.transact("list", 1, KEY.address, [7], sender=ANN)
    grant(bench)
    with reverts("SessionKeys_BadGrant"):
        keys.transact("list", 1, KEY.address, [7], sender=ANN)
    grant(bench, key=other.address, total=0, agreements=[7])
    keys.transact("revoke", 1, other.address, sender=ANN)
    with reverts("SessionKeys_AlreadyRevoked", key=other.address):
        keys.transact("list", 1, other.address, [8], sender=ANN)


def test_revoke__once__ends_an_hour_later_and_never_comes_back() -> None:
    bench = open_bench()
    keys = keys_of(bench)
    with reverts("SessionKeys_Unknown"):
        keys.transact("revoke", 1, KEY.address, sender=ANN)
    grant(bench, expiresAt=bench.now + 10**6)
    ends = bench.now + 3_600
    receipt = keys.transact("revoke", 1, KEY.address, sender=ANN)
    assert receipt.event("SessionRevoked").args == {"account": 1, "key": KEY.address, "revokedAt": ends}
    assert keys.call("acceptable", 1, KEY.address, 7, ends - 1) == 500
    assert keys.call("acceptable", 1, KEY.address, 7, ends) == 0
    with reverts("SessionKeys_AlreadyRevoked", revokedAt=ends):
        keys.transact("revoke", 1, KEY.address, sender=ANN)
    with reverts("SessionKeys_AlreadyGranted"):
        grant(bench)


def test_spend__by_the_ledger__up_to_the_total() -> None:
    bench = open_bench()
    keys = bench.evm.deploy("SessionKeys", bench.escrow.address, LEDGER.address)
    listed = account("other key")
    keys.transact("grant", 1, KEY.address, bench.now + 9, 500, [], sender=ANN)
    keys.transact("grant", 1, listed.address, bench.now + 9, 0, [7], sender=ANN)
    receipt = keys.transact("spend", 1, KEY.address, 499, sender=LEDGER)
    assert receipt.event("SessionSpent").args == {"account": 1, "key": KEY.address, "spent": 499}
    with reverts("SessionKeys_AboveTotal", account=1, key=KEY.address, left=1, wanted=2):
        keys.transact("spend", 1, KEY.address, 2, sender=LEDGER)
    keys.transact("spend", 1, KEY.address, 1, sender=LEDGER)
    assert keys.call("acceptable", 1, KEY.address, 7, bench.now) == 0
    assert keys.transact("spend", 1, listed.address, 2**56 - 1, sender=LEDGER).logs == ()
    with reverts("SessionKeys_AboveTotal", account=2, left=0, wanted=1):
        keys.transact("spend", 2, KEY.address, 1, sender=LEDGER)


def test_links__as_deployed() -> None:
    bench = open_bench()
    keys = keys_of(bench)
    assert keys.call("ESCROW") == bench.escrow.address
    assert keys.call("LEDGER") == bench.ledger.address
    assert keys.call("REVOCATION_DELAY") == 3_600
