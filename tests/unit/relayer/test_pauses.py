"""The guardian's pauses: nothing is closed for posting while one lasts, and everybody is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import insert, select
from tests.support import market

from tallystick.chain.rpc import Head
from tallystick.relayer.apply import POSTING_PAUSED
from tallystick.relayer.batch import Batcher
from tallystick.relayer.config import BatchLimits
from tallystick.relayer.contracts import PostingTerms
from tallystick.relayer.metrics import Metrics
from tallystick.store.database import Database, set_meta
from tallystick.store.tables import batches, dead_letters, figures, policies

NOW = 10_000


class FakeContracts:
    ledger = b"\x06" * 20

    def posting_terms(self, _policy: int, _operator: int) -> PostingTerms:
        return PostingTerms(10**9, 10**9, 0)

    def post_call(self, *_of: Any) -> bytes:
        return b"post"

    def simulate(self, *_of: Any) -> None:
        pass


class Desk:
    """A figure of 10 units (20 µ) of agreement 101 waits since long ago."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.wall = 0.0
        engine = SimpleNamespace(sender=b"\x07" * 20, check=lambda target, data: None)
        self.batcher = Batcher(
            database, FakeContracts(), engine, 1, 9, BatchLimits(),  # type: ignore[arg-type]
            post_deadline=100, notice=lambda event, **details: self.told.append((event, details)),
            reached=lambda place: None, clock=lambda: self.wall,
        )  # fmt: skip

    def step(self, now: int) -> None:
        self.wall += 100.0
        self.batcher.step(Head(1, bytes(32), now, 0))

    def planned(self) -> int:
        with self.database.read() as connection:
            return len(connection.execute(select(batches.c.batch)).all())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = market.open_market(tmp_path)
    with database.write() as connection:
        connection.execute(
            insert(figures).values(
                agreement=101, units=10, output_root=bytes(32), receipt_hash=bytes(32), ready_at=1
            )
        )
    yield Desk(database)
    database.close()


def test_batcher__posting_paused__closes_nothing_until_the_pause_ends_by_itself(desk: Desk) -> None:
    with desk.database.write() as connection:
        set_meta(connection, POSTING_PAUSED, str(NOW))
    desk.step(NOW - 1)
    assert desk.planned() == 0
    assert desk.told == [
        ("batch_waits", {"reason": "posting_paused", "policy": 1, "seconds": 2.0, "until": NOW})
    ]
    desk.step(NOW)
    assert desk.planned() == 1


def test_batcher__posting_resumed__goes_on_at_once(desk: Desk) -> None:
    with desk.database.write() as connection:
        set_meta(connection, POSTING_PAUSED, "0")
    desk.step(NOW - 1)
    assert desk.planned() == 1


def test_batcher__one_unit_above_the_batch_cap__is_set_aside_once_and_not_posted(desk: Desk) -> None:
    with desk.database.write() as connection:
        connection.execute(policies.update().values(gross_cap=1))  # a unit is 2 µ
    desk.step(NOW)
    desk.step(NOW)
    assert desk.planned() == 0
    with desk.database.read() as connection:
        letters = connection.execute(
            select(dead_letters.c.agreement, dead_letters.c.units, dead_letters.c.reason)
        )
        assert [tuple(row) for row in letters] == [(101, 10, "above_batch_cap")]
        assert connection.execute(select(figures.c.batched_units)).scalar_one() == 10


def test_batcher__figure_above_the_batch_cap__goes_in_parts(desk: Desk) -> None:
    with desk.database.write() as connection:
        connection.execute(policies.update().values(gross_cap=7))  # 3 units of 2 µ
    desk.step(NOW)
    with desk.database.read() as connection:
        assert connection.execute(select(batches.c.value)).scalar_one() == 6
        row = connection.execute(select(figures)).one()
    assert (row.units, row.batched_units, row.ready_at) == (10, 3, NOW)
    with desk.database.write() as connection:
        connection.execute(batches.update().values(state="posted"))
    desk.step(NOW + 3_599)
    assert desk.planned() == 1  # the rest waits as a new figure does
    desk.step(NOW + 3_600)
    assert desk.planned() == 2


def test_metrics__pauses__are_one_while_they_last() -> None:
    metrics = Metrics(CollectorRegistry())
    until = (0, 0)
    metrics.watch_pauses(lambda: until)
    assert 'tallystick_paused{what="posting"} 0.0' in generate_latest(metrics.registry).decode()
    until = (5_000, 0)
    told = generate_latest(metrics.registry).decode()
    assert 'tallystick_paused{what="posting"} 1.0' in told
    assert 'tallystick_paused{what="opening"} 0.0' in told
