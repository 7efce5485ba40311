"""Clocks of leases that the keeper has paid: those that are due up to the horizon, now and then, 256 at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tallystick.chain.rpc import Head
from tallystick.protocol.enums import Mode
from tallystick.relayer.keep import POKE_PAUSE, Keeper
from tallystick.relayer.leases import Clock, agreement_end, funded_until
from tallystick.store.database import Database
from tallystick.store.tables import agreements, lease_pokes, policies, transactions

ESCROW = b"\x05" * 20
INTERVAL = 5_000
LAG = 100 + 50 + 30  # report time, challenge window, SETTLE_GRACE


# -- the clock -------------------------------------------------------------------------------------------------------

# 100 µ a second, 100 000 µ, from 1 000 s: its money lasts 1 000 s
CLOCK = Clock(1, 100_000_000, 100_000, 1_000, 2_000, 0, 0)


@pytest.mark.parametrize(
    ("clock", "horizon", "due"),
    [
        (CLOCK, 999, 0),
        (CLOCK, 1_000, 0),
        (CLOCK, 1_001, 100),
        (CLOCK, 1_999, 99_900),
        (CLOCK, 5_000, 100_000),
        (CLOCK._replace(downtime=10), 1_010, 0),
        (CLOCK._replace(downtime=10), 1_011, 100),
        (
            CLOCK._replace(downtime=10),
            5_000,
            99_000,
        ),  # downtime lowers the bill and does not lengthen the lease
        (CLOCK._replace(paid=150), 1_002, 50),
        (CLOCK._replace(paid=150), 1_001, 0),  # nothing paid is taken back
        (CLOCK._replace(end=1_500), 5_000, 50_000),
        (CLOCK._replace(unit_price=1), 1_999, 0),  # 999 s come to 0.000999 µ
    ],
)
def test_due__clock_at_a_horizon__by_hand(clock: Clock, horizon: int, due: int) -> None:
    assert clock.due(horizon) == due


def test_funded_until__worked_numbers__are_the_whole_seconds_that_the_budget_buys() -> None:
    assert funded_until(Mode.LEASE, 1_000, 100_000, 100_000_000) == 2_000
    assert funded_until(Mode.LEASE, 1_000, 99_999, 100_000_000) == 1_999
    assert funded_until(Mode.METERED, 1_000, 100_000, 100_000_000) == 0


@pytest.mark.parametrize(
    ("expiry", "stop", "funded", "end"),
    [(9, 0, 0, 9), (9, 5, 0, 5), (9, 0, 7, 7), (9, 0, 12, 9), (9, 5, 7, 5), (9, 8, 7, 7)],
)
def test_agreement_end__earliest_of_expiry_stop_and_money(
    expiry: int, stop: int, funded: int, end: int
) -> None:
    assert agreement_end(expiry, stop, funded) == end


# -- the keeper ------------------------------------------------------------------------------------------------------


class FakeContracts:
    escrow = ESCROW
    ledger = b"\x06" * 20

    def settle_grace(self) -> int:
        return 30

    def poke_call(self, numbers: list[int]) -> bytes:
        return repr(list(numbers)).encode()


class Desk:
    """Policies 1 (served) and 2 (not). Leases are of 100 µ a second, from 1 000 s, with money for 100 000 s."""

    def __init__(self, database: Database) -> None:
        self.database = database
        engine = SimpleNamespace(sender=b"\x07" * 20, check=lambda target, data: None)
        self.keeper = Keeper(
            database, FakeContracts(), engine, 1,  # type: ignore[arg-type]
            refunds=False, poke_interval=INTERVAL, policies=(1,),
            notice=lambda event, **details: None, reached=lambda place: None,
        )  # fmt: skip

    def lease(self, number: int, **changes: Any) -> None:
        row: dict[str, Any] = dict.fromkeys(
            ("customer", "funder", "operator", "payee", "policy", "status", "opened_block"), 1
        )
        row |= {"mode": 1, "unit_price": 100_000_000, "budget": 10**7, "start": 1_000, "expiry": 10**9}
        row |= {"fee_provider": 0, "fee_customer": 0, "funded_until": 101_000, "agreement": number}
        with self.database.write() as connection:
            connection.execute(insert(agreements).values(row | changes))

    def step(self, now: int) -> None:
        self.keeper.step(Head(1, bytes(32), now, 0))

    def mined(self, number: int, paid: int) -> None:
        """The pokes are mined, and the follower has read what a lease was paid."""
        with self.database.write() as connection:
            connection.execute(update(transactions).values(state="mined"))
            connection.execute(update(agreements).where(agreements.c.agreement == number).values(paid=paid))

    def pokes(self) -> list[bytes]:
        with self.database.read() as connection:
            wanted = (
                select(transactions.c.data).where(transactions.c.kind == "poke").order_by(transactions.c.id)
            )
            return list(connection.execute(wanted).scalars())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = Database.open(tmp_path / "relayer.sqlite3")
    policy: dict[str, Any] = dict.fromkeys(
        ("kind", "quorum", "coverage_bps", "stake_multiple", "value_cap", "response_window",
         "notice", "retired"), 0
    )  # fmt: skip
    policy |= {
        "relayer": 1,
        "challenge_window": 50,
        "self_post_window": 80,
        "report_time": 100,
        "verifiers": [],
    }
    with database.write() as connection:
        connection.execute(insert(policies), [{**policy, "policy": number} for number in (1, 2)])
    yield Desk(database)
    database.close()


def test_step__leases_with_something_due__are_poked_in_one_transaction_and_others_are_not(desk: Desk) -> None:
    desk.lease(1)
    desk.lease(2, paid=100)  # paid up to the horizon
    desk.lease(3, downtime=1)
    desk.lease(4, policy=2)  # another relayer's
    desk.lease(5, status=2)
    desk.lease(6, mode=0, funded_until=0)
    desk.lease(7)
    desk.step(1_000 + LAG)
    assert desk.pokes() == []  # the clocks have earned nothing up to the horizon
    desk.step(1_000 + LAG + POKE_PAUSE - 1)
    assert desk.pokes() == []  # not looked at
    desk.step(1_000 + LAG + POKE_PAUSE)
    assert desk.pokes() == [b"[1, 2, 3, 7]"]


def test_step__first_second_beyond_the_horizon__is_due(desk: Desk) -> None:
    desk.lease(1)
    desk.lease(2, paid=100)
    desk.lease(3, downtime=1)
    desk.step(1_001 + LAG)
    assert desk.pokes() == [b"[1]"]


def test_step__poked_once__is_left_alone_for_the_interval(desk: Desk) -> None:
    desk.lease(1)
    now = 2_000 + LAG
    desk.step(now)
    desk.mined(1, 100_000)
    for later in (POKE_PAUSE, INTERVAL - 1):
        desk.step(now + later)
    assert len(desk.pokes()) == 1
    desk.step(now + INTERVAL - 1 + POKE_PAUSE)
    assert desk.pokes() == [b"[1]", b"[1]"]


def test_step__a_poke_waits_for_its_block__no_other_is_asked_for(desk: Desk) -> None:
    desk.lease(1)
    now = 2_000 + LAG
    desk.step(now)
    desk.step(now + INTERVAL + POKE_PAUSE)
    assert len(desk.pokes()) == 1


def test_step__more_than_one_call_takes__go_one_after_the_other_without_a_pause(desk: Desk) -> None:
    for number in range(1, 301):
        desk.lease(number)
    desk.step(2_000 + LAG)
    desk.mined(1, 0)
    desk.step(2_001 + LAG)
    asked = [json.loads(data) for data in desk.pokes()]
    assert [len(part) for part in asked] == [256, 44]
    assert sorted(asked[0] + asked[1]) == list(range(1, 301))


def test_step__paid_up_and_ended__is_not_poked_again(desk: Desk) -> None:
    desk.lease(1, paid=10**7)
    desk.step(10**6)
    assert desk.pokes() == []


def test_step__dies_at_the_commit__asks_once(desk: Desk) -> None:
    """The mark on the leases and the transaction are one commit: neither is there without the other."""
    desk.lease(1)

    def dies(place: str) -> None:
        raise KeyboardInterrupt(place)

    desk.keeper._asker._reached = dies
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt, match="before"):
            desk.step(2_000 + LAG)
        desk.keeper._look_at = 0
    with desk.database.read() as connection:
        assert connection.execute(select(lease_pokes)).all() == []
    assert desk.pokes() == []
