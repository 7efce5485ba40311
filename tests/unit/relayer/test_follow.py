"""The follower: final events into the mirror, rows and cursor together, whatever the node does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from tests.support.fake_chain import FakeChain, FakeEndpoint

from tallystick.chain.errors import NodeRefused, NodeUnreachable
from tallystick.chain.event_types import (
    EscrowClosed,
    EscrowCloseRequested,
    EscrowFigureSkipped,
    EscrowOpened,
    EscrowSettled,
    Event,
    Place,
    PolicyBookPolicyRetired,
    ReceiptLedgerBatchSettled,
    StakingKeyAuthorised,
    StakingKeyRevoked,
)
from tallystick.chain.rpc import RpcPool
from tallystick.protocol.eip712 import Terms
from tallystick.protocol.enums import CloseReason, KeyKind, SkipReason
from tallystick.relayer.apply import apply_events
from tallystick.relayer.follow import ChainRewritten, Follower
from tallystick.store.database import Database, get_meta
from tallystick.store.tables import (
    attempts,
    batches,
    dead_letters,
    figures,
    metadata,
    operator_keys,
    transactions,
)

OURS, STRANGERS = b"\x0a" * 32, b"\x0b" * 32
NUMBER = 7 << 32 | 5
KEY = b"\x01" * 20


def at(block: int, index: int = 0, transaction: bytes = OURS) -> Place:
    return Place(block, "0x" + "00" * 32, "0x" + transaction.hex(), index)


def opened(number: int = NUMBER, block: int = 1) -> EscrowOpened:
    terms = Terms(1, 2, 3, 4, 0, 1, 500, 100, 600_000, 10**9, 10**9, 50, 9_000, bytes(32), 0, 0, 99)
    return EscrowOpened(at(block), number, 500 << 16 | 100, 60, terms)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "relayer.sqlite3")
    yield database
    database.close()


def apply(database: Database, *events: Event, now: int = 1_000) -> None:
    with database.write() as connection:
        apply_events(connection, events, now)


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(select(metadata.tables[table])).mappings()]


# -- handlers ------------------------------------------------------------------------------------------------


def test_apply_events__opened_settled_stopped_closed__agreement_follows(database: Database) -> None:
    apply(database, opened())
    (row,) = rows(database, "agreements")
    assert (row["fee_provider"], row["fee_customer"], row["start"], row["funder"]) == (500, 100, 60, 2)
    assert (row["status"], row["stop_at"], row["paid"], row["opened_block"]) == (1, 0, 0, 1)
    apply(
        database,
        EscrowSettled(at(3), NUMBER, 900),
        EscrowSettled(at(2), NUMBER, 500),  # out of order in the answer, in order of the chain in the mirror
        EscrowCloseRequested(at(4), NUMBER, 4_000, CloseReason.CLOSED_BY_CUSTOMER),
    )
    (row,) = rows(database, "agreements")
    assert (row["paid"], row["stop_at"], row["status"]) == (900, 4_000, 1)
    apply(database, EscrowClosed(at(5), NUMBER, 900, 100, CloseReason.CLOSED_BY_CUSTOMER))
    assert rows(database, "agreements")[0]["status"] == 2


def test_apply_events__opened_again__changes_nothing(database: Database) -> None:
    apply(database, opened(), EscrowSettled(at(2), NUMBER, 900))
    apply(database, opened())
    assert rows(database, "agreements")[0]["paid"] == 900


def test_apply_events__key_authorised_and_revoked__keeps_both_times(database: Database) -> None:
    apply(
        database,
        StakingKeyAuthorised(at(1), 3, KeyKind.DEVICE, KEY, 100),
        StakingKeyRevoked(at(2), 3, KeyKind.DEVICE, KEY, 900),
        StakingKeyAuthorised(at(3), 3, KeyKind.VERIFIER, KEY, 200),
    )
    with database.read() as connection:
        found = connection.execute(select(operator_keys).order_by(operator_keys.c.kind)).all()
    assert [tuple(row) for row in found] == [(3, 0, KEY, 100, 900), (3, 1, KEY, 200, 0)]


def test_apply_events__policy_retired_that_is_unknown__is_no_error(database: Database) -> None:
    apply(database, PolicyBookPolicyRetired(at(1), 9))
    assert rows(database, "policies") == []


@pytest.fixture
def settling(database: Database) -> Database:
    """One agreement with a figure in batch 77, whose settlement is transaction OURS."""
    apply(database, opened())
    figure = {
        "agreement": NUMBER, "units": 10, "output_root": bytes(32), "receipt_hash": bytes(32),
        "ready_at": 5, "batched_units": 10,
    }  # fmt: skip
    batch = {
        "batch": "77", "policy": 1, "operator": 1, "nonce": 0, "value": 6, "deadline": 9, "figures": b"",
        "outputs": b"", "root": bytes(32), "figures_hash": bytes(32), "state": "settling", "created_at": 5,
    }  # fmt: skip
    transaction = {
        "id": 1, "key": "settle:77:0", "kind": "settle", "sender": KEY, "target": KEY, "data": b"",
        "state": "mined", "created_at": 5, "nonce": 0,
    }  # fmt: skip
    attempt = {
        "transaction_id": 1, "nonce": 0, "hash": OURS, "raw": b"", "max_fee": 1, "priority_fee": 1, "block": 1,
        "created_at": 5,
    }  # fmt: skip
    with database.write() as connection:
        for table, row in (
            (figures, figure), (batches, batch), (transactions, transaction), (attempts, attempt),
        ):  # fmt: skip
            connection.execute(insert(table).values(row))
    return database


def test_apply_events__our_settlement__ends_the_batch_with_what_it_moved(settling: Database) -> None:
    apply(settling, ReceiptLedgerBatchSettled(at(9), 77, 6))
    (row,) = rows(settling, "batches")
    assert (row["state"], row["moved"]) == ("settled", 6)


def test_apply_events__strangers_settlement__moves_but_does_not_end_the_batch(settling: Database) -> None:
    apply(settling, ReceiptLedgerBatchSettled(at(9, 1, STRANGERS), 77, 3))
    (row,) = rows(settling, "batches")
    assert (row["state"], row["moved"]) == ("settling", 3)


def test_apply_events__skipped_above_the_value__waits_again(settling: Database) -> None:
    apply(settling, EscrowFigureSkipped(at(9), NUMBER, 10, SkipReason.ABOVE_DECLARED_VALUE), now=444)
    (row,) = rows(settling, "figures")
    assert (row["batched_units"], row["ready_at"]) == (0, 444)
    assert rows(settling, "dead_letters") == []


def test_apply_events__skipped_because_closed__is_set_aside_once(settling: Database) -> None:
    skipped = EscrowFigureSkipped(at(9), NUMBER, 10, SkipReason.CLOSED)
    apply(settling, skipped)
    apply(settling, skipped)
    with settling.read() as connection:
        (letter,) = connection.execute(select(dead_letters)).all()
    assert (letter.agreement, letter.units, letter.reason) == (NUMBER, 10, "closed")


@pytest.mark.parametrize("reason", [SkipReason.STALE, SkipReason.CAPPED_AT_BUDGET])
def test_apply_events__skipped_for_nothing_left__is_no_loss(settling: Database, reason: SkipReason) -> None:
    apply(settling, EscrowFigureSkipped(at(9), NUMBER, 10, reason))
    assert rows(settling, "dead_letters") == []
    assert rows(settling, "figures")[0]["batched_units"] == 10


def test_apply_events__skipped_in_a_strangers_transaction__is_ignored(settling: Database) -> None:
    apply(settling, EscrowFigureSkipped(at(9, 0, STRANGERS), NUMBER, 10, SkipReason.CLOSED))
    assert rows(settling, "dead_letters") == []


# -- the loop ------------------------------------------------------------------------------------------------


class LoggingEndpoint(FakeEndpoint):
    """Answers eth_getLogs with one Settled event a block, for as many blocks as it can bear."""

    bears = answers_in_time = 10**9
    ranges: Sequence[tuple[int, int]] = ()

    def _answer(self, method: str, params: Sequence[Any]) -> Any:
        if method != "eth_getLogs":
            return super()._answer(method, params)
        start, end = (int(params[0][key], 16) for key in ("fromBlock", "toBlock"))
        self.ranges = [*self.ranges, (start, end)]
        if end - start + 1 > self.answers_in_time:
            raise NodeUnreachable("timed out")
        if end - start + 1 > self.bears:
            return {"error": {"code": -32602, "message": "query returned more than 10000 results"}}
        return {"result": []}


class Desk:
    def __init__(self, database: Database, log_range: int = 10, first_block: int = 3) -> None:
        self.chain = FakeChain()
        self.node = LoggingEndpoint(self.chain)
        self.pool = RpcPool([self.node], 31337)
        self.database = database
        self.log_range = log_range
        self.first_block = first_block
        self.start()

    def start(self) -> None:
        addresses = {
            name: bytes(19) + bytes([place])
            for place, name in enumerate(("Escrow", "ReceiptLedger", "Staking", "PolicyBook"), 1)
        }
        self.follower = Follower(
            self.pool, self.database, addresses, self.first_block, log_range=self.log_range,
            notice=lambda event, **details: None, reached=lambda place: None,
        )  # fmt: skip

    def step(self, ranges: int = 10) -> bool:
        return self.follower.step(self.pool.head(), ranges)

    def meta(self, key: str) -> str | None:
        with self.database.read() as connection:
            return get_meta(connection, key)


def mined(desk: Desk, blocks: int) -> None:
    for _ in range(blocks):
        desk.chain.mine()


def test_step__long_chain__reads_final_blocks_in_bounded_ranges(database: Database) -> None:
    desk = Desk(database)
    mined(desk, 27)  # final: up to 25
    assert desk.step()
    assert desk.node.ranges == [(3, 12), (13, 22), (23, 25)]
    assert desk.meta("followed_block") == "25"
    assert desk.meta("chain_time") == str(desk.chain.head.timestamp)
    assert desk.step()
    assert len(desk.node.ranges) == 3


def test_step__very_long_chain__goes_on_where_it_stopped(database: Database) -> None:
    desk = Desk(database)
    mined(desk, 62)
    assert not desk.step(ranges=2)
    assert desk.meta("followed_block") == "22"
    desk.start()
    desk.node.ranges = []
    assert not desk.step(ranges=1)
    assert desk.node.ranges == [(23, 32)]


def test_step__only_newer_blocks_that_are_not_final__time_moves_and_the_cursor_stays(
    database: Database,
) -> None:
    desk = Desk(database)
    mined(desk, 10)
    desk.step()
    desk.chain.finality = 5
    mined(desk, 2)
    desk.step()
    assert desk.meta("followed_block") == "8"
    assert desk.meta("chain_time") == str(desk.chain.head.timestamp)


def test_step__node_bears_smaller_ranges_only__halves_until_it_answers(database: Database) -> None:
    desk = Desk(database, log_range=100)
    desk.node.bears = 20
    mined(desk, 120)
    while not desk.step():
        pass
    assert desk.meta("followed_block") == "118"
    answered = [(start, end) for start, end in desk.node.ranges if end - start + 1 <= 20]
    assert answered[0][0] == 3
    assert all(after[0] == before[1] + 1 for before, after in pairwise(answered))
    assert answered[-1][1] == 118


def test_step__long_ranges_take_too_long__asks_for_shorter_ones_and_catches_up(database: Database) -> None:
    desk = Desk(database, log_range=100)
    desk.node.answers_in_time = 30
    mined(desk, 120)
    failures = 0
    while desk.meta("followed_block") != "118" and failures < 20:
        try:
            desk.step()
        except NodeUnreachable:
            failures += 1
    assert desk.meta("followed_block") == "118"
    assert 0 < failures < 20
    answered = [(start, end) for start, end in desk.node.ranges if end - start + 1 <= 30]
    assert answered[0][0] == 3
    assert all(after[0] == before[1] + 1 for before, after in pairwise(answered))


def test_step__node_refuses_even_a_small_range__is_an_error(database: Database) -> None:
    desk = Desk(database)
    desk.node.bears = 0
    mined(desk, 27)
    with pytest.raises(NodeRefused):
        desk.step()
    assert desk.meta("followed_block") is None


def test_step__final_history_changed_since_the_last_start__stops(database: Database) -> None:
    desk = Desk(database)
    mined(desk, 10)
    desk.step()
    desk.chain.reorg(8)
    desk.start()
    with pytest.raises(ChainRewritten):
        desk.step()
    assert desk.meta("followed_block") == "8"


def test_step__final_history_changes_under_way__stops_before_it_mixes_two_chains(database: Database) -> None:
    """As when the pool fails over to another network with the same chain id."""
    desk = Desk(database)
    mined(desk, 10)
    desk.step()
    desk.chain.reorg(8)
    mined(desk, 5)
    with pytest.raises(ChainRewritten):
        desk.step()
    assert desk.meta("followed_block") == "8"
