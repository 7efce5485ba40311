"""Refunds that the keeper asks for: a few at a time, and those that must wait hold up no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tallystick.chain.errors import ContractRefused
from tallystick.chain.rpc import Head
from tallystick.relayer.keep import REFUNDS_A_STEP, Keeper
from tallystick.store.database import Database
from tallystick.store.tables import agreements, policies, transactions

ESCROW = b"\x05" * 20
NOW = 10_000_000


class FakeContracts:
    """Refuses to refund those in `held`, and counts what it was asked."""

    escrow = ESCROW
    ledger = b"\x06" * 20

    def __init__(self) -> None:
        self.held: set[int] = set()
        self.asked: list[int] = []

    def graces(self) -> int:
        return 100

    def refund_call(self, agreement: int) -> bytes:
        return agreement.to_bytes(8, "big")

    def simulate(self, _target: bytes, data: bytes, _sender: bytes) -> None:
        number = int.from_bytes(data, "big")
        self.asked.append(number)
        if number in self.held:
            raise ContractRefused("Escrow_Held", "It is held", {})


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.contracts = FakeContracts()
        engine = SimpleNamespace(sender=b"\x07" * 20, check=lambda target, data: None)
        self.keeper = Keeper(
            database, self.contracts, engine, 1,  # type: ignore[arg-type]
            refunds=True, notice=lambda event, **details: None, reached=lambda place: None,
        )  # fmt: skip

    def step(self, later: int = 0) -> None:
        self.keeper.step(Head(1, bytes(32), NOW + later, 0))

    def keys(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.execute(select(transactions.c.key).order_by(transactions.c.id)).scalars())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = Database.open(tmp_path / "relayer.sqlite3")
    policy: dict[str, Any] = dict.fromkeys(
        ("kind", "quorum", "coverage_bps", "stake_multiple", "value_cap", "response_window", "dispute_time",
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
                for number in range(1, 41)
            ],
        )
    yield Desk(database)
    database.close()


def test_step__many_are_due__a_few_wait_in_the_queue_at_a_time(desk: Desk) -> None:
    for _ in range(5):
        desk.step()
    assert desk.keys() == [f"refund:{number}:0" for number in range(1, REFUNDS_A_STEP + 1)]
    with desk.database.write() as connection:
        connection.execute(update(transactions).where(transactions.c.id <= 3).values(state="mined"))
    desk.step()
    assert desk.keys()[REFUNDS_A_STEP:] == [
        f"refund:{number}:0" for number in range(REFUNDS_A_STEP + 1, REFUNDS_A_STEP + 4)
    ]


def test_step__the_oldest_are_held__others_are_refunded_and_they_are_asked_about_later(desk: Desk) -> None:
    held = desk.contracts.held = set(range(1, REFUNDS_A_STEP + 1))
    for _ in range(4):
        desk.step()
    assert desk.keys() == [
        f"refund:{number}:0" for number in range(REFUNDS_A_STEP + 1, 2 * REFUNDS_A_STEP + 1)
    ]
    assert [desk.contracts.asked.count(number) for number in held] == [1] * REFUNDS_A_STEP
    with desk.database.write() as connection:
        connection.execute(update(transactions).values(state="final"))
    desk.contracts.held = set()
    desk.step(later=3_600)
    assert desk.keys()[REFUNDS_A_STEP:] == [f"refund:{number}:0" for number in range(1, REFUNDS_A_STEP + 1)]
