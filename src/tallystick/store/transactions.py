"""Where the transaction engine keeps its transactions: the tables `transactions` and `attempts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from tallystick.chain.engine import FINAL, MINED, QUEUED, SENT, Attempt, Intent, Logical
from tallystick.chain.fees import GasFees

from .database import Database
from .tables import attempts, transactions

__all__ = ["SqlTransactionStore", "add_intent", "transaction_by_key"]

_UNFINISHED = (QUEUED, SENT, MINED)


def add_intent(connection: Connection, sender: bytes, intent: Intent, now: int) -> None:
    """Asks for a transaction within the caller's own database transaction. Nothing when its key is known."""
    if connection.execute(select(transactions.c.id).where(transactions.c.key == intent.key)).first():
        return
    connection.execute(
        insert(transactions).values(
            key=intent.key,
            kind=intent.kind,
            sender=sender,
            target=intent.target,
            data=intent.data,
            gas_limit=intent.gas_limit,
            state=QUEUED,
            created_at=now,
        )
    )


def transaction_by_key(connection: Connection, key: str) -> Logical | None:
    """The transaction called `key`, with its attempts."""
    found = _load(connection, select(transactions).where(transactions.c.key == key))
    return found[0] if found else None


class SqlTransactionStore:
    """The `TransactionStore` of one sender. Every call is one durable database transaction."""

    def __init__(self, database: Database, sender: bytes) -> None:
        self._database = database
        self._sender = sender

    def unfinished(self) -> list[Logical]:
        """See TransactionStore."""
        wanted = select(transactions).where(
            transactions.c.sender == self._sender, transactions.c.state.in_(_UNFINISHED)
        )
        with self._database.read() as connection:
            return _load(connection, wanted.order_by(transactions.c.id))

    def highest_nonce(self) -> int | None:
        """See TransactionStore. Nonces that were given up count: the chain has gone past them."""
        mine = transactions.c.sender == self._sender
        wanted = select(func.max(attempts.c.nonce)).join_from(attempts, transactions).where(mine)
        with self._database.read() as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def add_attempt(self, transaction: int, gas_limit: int, attempt: Attempt) -> None:
        """See TransactionStore."""
        with self._database.write() as connection:
            connection.execute(
                insert(attempts).values(
                    transaction_id=transaction,
                    nonce=attempt.nonce,
                    hash=attempt.hash,
                    raw=attempt.raw,
                    max_fee=attempt.fees.max_fee,
                    priority_fee=attempt.fees.priority_fee,
                    block=attempt.block,
                    created_at=attempt.created_at,
                )
            )
            _set(connection, transaction, state=SENT, nonce=attempt.nonce, gas_limit=gas_limit)

    def mark_sent(self, attempt: bytes, at: int) -> None:
        """See TransactionStore."""
        with self._database.write() as connection:
            connection.execute(update(attempts).where(attempts.c.hash == attempt).values(sent_at=at))

    def mark_mined(self, transaction: int, receipt: Mapping[str, Any]) -> None:
        """See TransactionStore."""
        with self._database.write() as connection:
            _set(
                connection,
                transaction,
                state=MINED,
                receipt=dict(receipt),
                block_number=receipt["block"],
                block_hash=bytes.fromhex(receipt["blockHash"][2:]),
                problem="",
            )

    def mark_unmined(self, transaction: int) -> None:
        """See TransactionStore."""
        with self._database.write() as connection:
            _set(connection, transaction, state=SENT, receipt=None, block_number=None, block_hash=None)

    def finish(self, transaction: int, state: str, problem: str = "") -> None:
        """See TransactionStore."""
        with self._database.write() as connection:
            _set(connection, transaction, state=state, problem=problem)

    def give_up_nonce(self, transaction: int) -> None:
        """See TransactionStore."""
        with self._database.write() as connection:
            _set(connection, transaction, state=QUEUED, nonce=None, receipt=None, problem="nonce_lost")

    def note(self, transaction: int, problem: str) -> None:
        """See TransactionStore."""
        with self._database.write() as connection:
            _set(connection, transaction, problem=problem)


def _set(connection: Connection, transaction: int, **values: Any) -> None:
    changed = connection.execute(
        update(transactions)
        .where(transactions.c.id == transaction, transactions.c.state != FINAL)
        .values(**values)
    )
    assert changed.rowcount == 1, f"transaction {transaction} is final or unknown"


def _load(connection: Connection, wanted: Select[Any]) -> list[Logical]:
    rows = connection.execute(wanted).all()
    tries: dict[int, list[Attempt]] = {row.id: [] for row in rows}
    if tries:
        theirs = select(attempts).where(attempts.c.transaction_id.in_(tries)).order_by(attempts.c.id)
        for row in connection.execute(theirs):
            tries[row.transaction_id].append(_attempt(row))
    return [_logical(row, tuple(tries[row.id])) for row in rows]


def _attempt(row: Row[Any]) -> Attempt:
    fees = GasFees(row.max_fee, row.priority_fee)
    return Attempt(row.nonce, row.hash, row.raw, fees, row.block, row.created_at, row.sent_at)


def _logical(row: Row[Any], tries: tuple[Attempt, ...]) -> Logical:
    return Logical(
        id=row.id,
        key=row.key,
        kind=row.kind,
        target=row.target,
        data=row.data,
        gas_limit=row.gas_limit,
        nonce=row.nonce,
        state=row.state,
        receipt=row.receipt,
        problem=row.problem,
        created_at=row.created_at,
        attempts=tries,
    )
