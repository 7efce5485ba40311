"""Answers backing challenges by itself, from the store: the bond pays whoever answers, and a void leaf costs a penalty.

    open --answer asked for--> open --seen final (follow)--> answered: a batch settled without it is settled again
      |                                                      void: its figure waits again when there is what
      +--nothing in the store backs it: told,                      backs it, else it is set aside: `leaf_void`
         and looked at again

Each answer is simulated first. One that failed is made anew from what the store has by then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, select, update

from tallystick.chain.engine import REFUSED, REVERTED, Intent, Notice, TransactionEngine
from tallystick.chain.rpc import Head
from tallystick.protocol.backing import Item
from tallystick.protocol.eip712 import Domain
from tallystick.protocol.enums import ReceiptFault
from tallystick.store.database import Database
from tallystick.store.tables import challenges, transactions

from .apply import set_aside, wake_figure
from .asking import Asker
from .contracts import Contracts
from .evidence import backing_of, leaf_at
from .mirror import Mirror
from .submit import retry_delay

__all__ = ["LOOK_AGAIN", "Answerer", "answer_key"]

LOOK_AGAIN: Final = 60
"""Chain seconds until a challenge that could not be answered is looked at again: what is missing may still come."""

AT_ONCE: Final = 16
"""Challenges looked at in one round, those that began first."""


class _Open(NamedTuple):
    batch: str
    idx: int
    agreement: int
    bond: int
    tries: int
    problem: str


def answer_key(batch: int | str, index: int, attempt: int) -> str:
    """The key of the logical transaction that answers a challenge."""
    return f"answer:{batch}:{index}:{attempt}"


class Answerer:
    """Looks after the challenges of one operator's leaves."""

    def __init__(
        self,
        database: Database,
        contracts: Contracts,
        engine: TransactionEngine,
        operator: int,
        domain: Domain,
        *,
        notice: Notice,
        reached: Callable[[str], None],
    ) -> None:
        """`domain`: of the ReceiptLedger."""
        self._database = database
        self._contracts = contracts
        self._operator = operator
        self._domain = domain
        self._notice = notice
        self._reached = reached
        self._asker = Asker("answer", database, contracts, engine, reached)

    def step(self, head: Head) -> None:
        """Asks for the answers that can be given. Raises ChainError when the chain cannot be read."""
        if self._contracts.challenges is None:
            return
        now = head.timestamp
        for row in self._due(now):
            self._look_at(row, now)
        self._see_to_void(now)

    def _due(self, now: int) -> list[_Open]:
        c = challenges.c
        wanted = (
            select(c.batch, c.idx, c.agreement, c.bond, c.tries, c.problem)
            .where(c.state == "open", c.relayer == self._operator, c.retry_at <= now)
            .order_by(c.starts_at == 0, c.starts_at, c.batch, c.idx)
            .limit(AT_ONCE)
        )
        with self._database.read() as connection:
            return [_Open(*row) for row in connection.execute(wanted)]

    def _look_at(self, row: _Open, now: int) -> None:
        key = answer_key(row.batch, row.idx, row.tries)
        with self._database.read() as connection:
            asked = connection.execute(
                select(transactions.c.state, transactions.c.problem).where(transactions.c.key == key)
            ).first()
            if asked is None:
                fault, item = self._find(connection, row, now)
        if asked is not None:
            if asked.state in (REFUSED, REVERTED):
                self._note(row, asked.problem, now + retry_delay(row.tries), tries=row.tries + 1)
                self._tell("challenge_retry", row, problem=asked.problem)
            return
        if item is None or fault != ReceiptFault.NONE:
            why = f"unanswerable: {fault.name.lower()}"
            self._note(row, why, now + LOOK_AGAIN)
            if why != row.problem:
                self._tell("challenge_unanswerable", row, reason=fault.name.lower())
            return
        self._answer(row, key, item, now)

    def _find(self, connection: Connection, row: _Open, now: int) -> tuple[ReceiptFault, Item | None]:
        mirror = Mirror()
        mirror.refresh(connection)
        leaf = leaf_at(connection, row.batch, row.idx)
        if leaf is None:
            return ReceiptFault.NOT_POSTED, None
        return backing_of(connection, mirror, self._domain, leaf, now)

    def _answer(self, row: _Open, key: str, item: Item, now: int) -> None:
        assert self._contracts.challenges is not None
        call = self._contracts.answer_call(int(row.batch), row.idx, item)
        intent = Intent(key, "answer", self._contracts.challenges, call)
        problem = self._asker.refusal(intent)
        if problem:
            self._note(row, problem, now + LOOK_AGAIN)
            if problem != row.problem:  # answered, void or dismissed by now, perhaps: final events will say
                self._tell("challenge_answer_refused", row, problem=problem)
            return
        with self._asker.asked(intent, now):
            pass
        self._tell("challenge_answer_asked", row, units=item.receipt.units)

    def _see_to_void(self, now: int) -> None:
        """Figures whose leaf is lost get another chance when there is what backs them now."""
        c = challenges.c
        lost = (c.state == "void", c.relayer == self._operator, c.seen_to.is_(False))
        with self._database.read() as connection:
            rows = connection.execute(select(c.batch, c.idx, c.agreement).where(*lost).limit(AT_ONCE)).all()
        for row in rows:
            self._reached("answer.before")
            with self._database.write() as connection:
                leaf = leaf_at(connection, row.batch, row.idx)
                mirror = Mirror()
                mirror.refresh(connection)
                backed = (
                    leaf is not None
                    and backing_of(connection, mirror, self._domain, leaf, now)[0] == ReceiptFault.NONE
                )
                if backed:
                    wake_figure(connection, row.agreement, now)
                elif leaf is not None:
                    why = f"leaf {row.idx} of batch {row.batch} was challenged and nothing could be shown for it"
                    set_aside(connection, leaf.agreement, leaf.units, "leaf_void", why, now)
                connection.execute(
                    update(challenges).where(c.batch == row.batch, c.idx == row.idx).values(seen_to=True)
                )
            self._notice("challenge_lost", batch=row.batch, index=row.idx, posted_again=backed)
            self._reached("answer.after")

    def _note(self, row: _Open, problem: str, retry_at: int, **values: Any) -> None:
        mine = (challenges.c.batch == row.batch, challenges.c.idx == row.idx)
        values |= {"problem": problem[:500], "retry_at": retry_at}
        with self._database.write() as connection:
            connection.execute(update(challenges).where(*mine).values(**values))

    def _tell(self, event: str, row: _Open, **details: Any) -> None:
        self._notice(event, batch=row.batch, index=row.idx, agreement=row.agreement, **details)
