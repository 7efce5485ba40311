"""Posts credentials and revocations that were handed in: `plan_call` decides, `CredentialPoster` acts.

    waiting --queued with its transaction--> posting --seen final (follow)--> posted | refused

Rows and transaction are one commit. A call that fails as a whole (one item never makes it fail: `Credentials` leaves it
out and says why) takes its rows back to waiting, a few times; then they are refused with `not_posted`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from tallystick.chain.engine import REFUSED as CALL_REFUSED
from tallystick.chain.engine import REVERTED, Intent, Notice, TransactionEngine
from tallystick.chain.rpc import Head
from tallystick.protocol.eip712 import Credential, Revocation
from tallystick.protocol.enums import CredentialFault
from tallystick.store.database import Database
from tallystick.store.tables import statements, transactions

from .asking import Asker
from .contracts import Contracts
from .statements import POSTING, REFUSED, WAITING
from .submit import retry_delay

__all__ = ["CALL_ITEMS", "MAX_TRIES", "CredentialPoster", "WaitingStatement", "plan_call"]

CALL_ITEMS: Final = 100
"""Items in one call: 3.8 million gas, or about 6 when each has a value; a transaction may use 16.7."""

MAX_WAITING: Final = 4_096
"""Statements looked at in one round, oldest first."""

MAX_TRIES: Final = 8
"""Calls that fail as a whole before their items are given up; about twenty minutes of chain time."""

NOT_POSTED: Final = "not_posted"
EXPIRED: Final = CredentialFault.EXPIRED.name.lower()


class WaitingStatement(NamedTuple):
    """A credential or revocation that waits. Times in chain seconds."""

    seq: int
    revocation: bool
    record: bytes
    received_at: int
    retry_at: int


def plan_call(waiting: Sequence[WaitingStatement], now: int, age: int) -> list[WaitingStatement]:
    """The next call's items, oldest first, all of one kind of call; empty when none is due at `now`.

    A call is due when CALL_ITEMS statements wait, or the oldest for `age` seconds. Nothing overtakes an older statement
    of its record: its nonce is higher, and would make the older one stale.

    Args:
        waiting: In the order of their arrival.
    """
    ready = [one for one in waiting if one.retry_at <= now]
    if not ready or (len(ready) < CALL_ITEMS and now - ready[0].received_at < age):
        return []
    passed_over: set[bytes] = set()
    call: list[WaitingStatement] = []
    for one in waiting:
        fits = one.retry_at <= now and (not call or one.revocation == call[0].revocation)
        if fits and one.record not in passed_over:
            call.append(one)
            if len(call) == CALL_ITEMS:
                break
        else:
            passed_over.add(one.record)
    return call


class CredentialPoster:
    """Asks for the posting of what waits, one call a round."""

    def __init__(
        self,
        database: Database,
        contracts: Contracts,
        engine: TransactionEngine,
        *,
        age: int,
        notice: Notice,
        reached: Callable[[str], None],
    ) -> None:
        """`age`: chain seconds that the oldest statement may wait for others to share its transaction."""
        self._database = database
        self._contracts = contracts
        self._age = age
        self._notice = notice
        self._reached = reached
        self._asker = Asker("credentials", database, contracts, engine, reached)

    def step(self, head: Head) -> None:
        """Takes back what failed, gives up what has expired, then asks for a call if one is due."""
        now = head.timestamp
        with self._database.read() as connection:
            failed = _failed_calls(connection)
        for key, problem in failed:
            self._take_back(key, problem, now)
        self._drop_expired(now)
        with self._database.read() as connection:
            call = plan_call(_waiting(connection), now, self._age)
        if call:
            self._ask(call, now)

    def _ask(self, call: Sequence[WaitingStatement], now: int) -> None:
        with self._database.read() as connection:
            data = self._call_data(connection, call)
            number = 1 + (connection.execute(select(func.max(transactions.c.id))).scalar_one() or 0)
        kind = "revocations" if call[0].revocation else "credentials"
        intent = Intent(f"{kind}:{number}", kind, self._contracts.credentials, data)
        rows = [{"wanted": one.seq, "at": place} for place, one in enumerate(call)]
        mark = update(statements).where(statements.c.seq == bindparam("wanted"))
        values = {"state": POSTING, "call_key": intent.key, "place": bindparam("at")}
        with self._asker.asked(intent, now) as connection:
            connection.execute(mark.values(**values), rows)
        self._notice("credentials_asked", key=intent.key, items=len(call))

    def _call_data(self, connection: Connection, call: Sequence[WaitingStatement]) -> bytes:
        wanted = select(statements).where(statements.c.seq.in_([one.seq for one in call]))
        rows = connection.execute(wanted.order_by(statements.c.seq)).all()
        signatures = [row.signature for row in rows]
        places = [(row.issuer, row.kind, row.subject, row.binding) for row in rows]
        if call[0].revocation:
            revocations = [Revocation(*at, row.nonce) for at, row in zip(places, rows, strict=True)]
            return self._contracts.revoke_call(revocations, signatures)
        credentials = [
            Credential(*at, row.value, row.expires_at, row.nonce)
            for at, row in zip(places, rows, strict=True)
        ]
        return self._contracts.credentials_call(credentials, signatures)

    def _take_back(self, key: str, problem: str, now: int) -> None:
        mine = (statements.c.call_key == key, statements.c.state == POSTING)
        tries = statements.c.tries + 1
        self._reached("credentials.before")
        with self._database.write() as connection:
            most = connection.execute(select(func.max(tries)).where(*mine)).scalar_one()
            given_up = update(statements).where(*mine, tries >= MAX_TRIES)
            lost = connection.execute(given_up.values(state=REFUSED, reason=NOT_POSTED, tries=tries)).rowcount
            again = {"state": WAITING, "tries": tries, "retry_at": now + retry_delay(most)}
            kept = connection.execute(update(statements).where(*mine).values(**again)).rowcount
        self._notice("credentials_failed", key=key, problem=problem, tried_again=kept, given_up=lost)
        self._reached("credentials.after")

    def _drop_expired(self, now: int) -> None:
        over = (
            statements.c.state == WAITING,
            statements.c.revocation.is_(False),
            statements.c.expires_at <= now,
        )
        with self._database.read() as connection:
            if connection.execute(select(statements.c.seq).where(*over).limit(1)).first() is None:
                return
        with self._database.write() as connection:
            connection.execute(update(statements).where(*over).values(state=REFUSED, reason=EXPIRED))


def _waiting(connection: Connection) -> list[WaitingStatement]:
    c = statements.c
    wanted = select(c.seq, c.revocation, c.record, c.received_at, c.retry_at).where(c.state == WAITING)
    return [WaitingStatement(*row) for row in connection.execute(wanted.order_by(c.seq).limit(MAX_WAITING))]


def _failed_calls(connection: Connection) -> list[tuple[str, str]]:
    """Keys and problems of calls that ended without being mined well, and whose items still count on them."""
    wanted = (
        select(transactions.c.key, transactions.c.problem)
        .join_from(statements, transactions, transactions.c.key == statements.c.call_key)
        .where(statements.c.state == POSTING, transactions.c.state.in_((CALL_REFUSED, REVERTED)))
        .distinct()
    )
    return [(row[0], row[1]) for row in connection.execute(wanted.order_by(transactions.c.id))]
