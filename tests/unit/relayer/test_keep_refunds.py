"""Refunds that the keeper asks for: many in one transaction, and those that must wait are not among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tallystick.chain.errors import ContractRefused
from tallystick.chain.rpc import Head
from tallystick.relayer.keep import HELD_PAUSE, REFUNDS, Keeper
from tallystick.store.database import Database
from tallystick.store.tables import agreements, policies, transactions

ESCROW = b"\x05" * 20
NOW = 10_000_000
DUE = REFUNDS + 16


class FakeContracts:
    """Refuses to refund those in `held`, and counts what it was asked."""

    escrow = ESCROW
    ledger = b"\x06" * 20

    def __init__(self) -> None:
        self.held: set[int] = set()
        self.closed: set[int] = set()
        self.asked: list[int] = []

    def graces(self) -> int:
        return 100

    def refund_call(self, agreement: int) -> bytes:
        return agreement.to_bytes(8, "big")

    def refund_many_call(self, agreements: list[int]) -> bytes:
        return json.dumps(agreements).encode()

    def simulate(self, _target: bytes, data: bytes, _sender: bytes) -> None:
        number = int.from_bytes(data, "big")
        self.asked.append(number)
        if number in self.held:
            raise ContractRefused("Escrow_Held", "It is held", {})
        if number in self.closed:
            raise ContractRefused("Escrow_NotOpen", "It is closed", {})


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.contracts = FakeContracts()
        self.told: list[str] = []
        engine = SimpleNamespace(sender=b"\x07" * 20, check=lambda target, data: None)
        self.keeper = Keeper(
            database, self.contracts, engine, 1,  # type: ignore[arg-type]
            refunds=True, notice=lambda event, **details: self.told.append(event), reached=lambda place: None,
        )  # fmt: skip

    def step(self, later: int = 0) -> None:
        self.keeper.step(Head(1, bytes(32), NOW + later, 0))

    def asked(self) -> list[list[int]]:
        """The agreements of each transaction."""
        with self.database.read() as connection:
            found = connection.execute(select(transactions.c.data).order_by(transactions.c.id)).scalars()
            return [json.loads(data) for data in found]

    def mined(self) -> None:
        """What was asked for is in a block, which is not final yet: the mirror still has them open."""
        self.contracts.closed |= {number for numbers in self.asked() for number in numbers}
        with self.database.write() as connection:
            connection.execute(update(transactions).values(state="mined"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = Database.open(tmp_path / "relayer.sqlite3")
    policy: dict[str, Any] = dict.fromkeys(
        ("kind", "quorum", "coverage_bps", "stake_multiple", "value_cap", "response_window",
         "notice", "retired"), 0
    )  # fmt: skip
    policy |= {"policy": 1, "relayer": 1, "challenge_window": 50, "self_post_window": 80, "verifiers": []}
    row: dict[str, Any] = dict.fromkeys(
        ("customer", "funder", "operator", "payee", "mode", "unit_price", "fee_provider", "fee_customer",
         "start", "opened_block"), 1
    )  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(policies), [policy])
        connection.execute(
            insert(agreements),
            [
                {**row, "agreement": number, "policy": 1, "status": 1, "budget": 9, "expiry": 1_000 + number}
                for number in range(1, DUE + 1)
            ],
        )
    yield Desk(database)
    database.close()


def test_step__many_are_due__go_in_one_transaction_and_the_next_waits_for_its_block(desk: Desk) -> None:
    desk.step()
    desk.step(later=HELD_PAUSE)
    assert desk.asked() == [list(range(1, REFUNDS + 1))]
    desk.mined()
    desk.step(later=HELD_PAUSE)
    desk.step(later=HELD_PAUSE + 1)
    assert desk.asked()[1:] == [list(range(REFUNDS + 1, DUE + 1))]


def test_step__refunded_but_not_final__is_not_asked_for_again_nor_told(desk: Desk) -> None:
    desk.step()
    desk.mined()
    desk.step(later=1)
    desk.mined()
    for later in (2, HELD_PAUSE + 2, 2 * HELD_PAUSE + 4):
        desk.step(later=later)
    assert len(desk.asked()) == 2
    assert "refund_waits" not in desk.told


def test_step__some_are_held__others_are_refunded_and_they_are_asked_about_later(desk: Desk) -> None:
    desk.contracts.held = {1, 3}
    for later in range(4):
        desk.step(later=later)
    assert desk.asked() == [[2, *range(4, REFUNDS + 1)]]
    assert [desk.contracts.asked.count(number) for number in (1, 3)] == [1, 1]
    assert desk.told.count("refund_waits") == 2
    desk.contracts.held = set()
    for later in range(4, 10):
        desk.mined()
        desk.step(later=later)
    assert [1, 3] not in desk.asked(), "not before their pause is over"
    desk.step(later=HELD_PAUSE)
    assert desk.asked()[-1] == [1, 3]
    assert sorted(number for numbers in desk.asked() for number in numbers) == list(range(1, DUE + 1))
