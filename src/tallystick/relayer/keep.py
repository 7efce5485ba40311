"""Settles batches whose window has passed, in their order, and refunds what may be refunded when asked to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, Text, case, cast, func, literal, select, update

from tallystick.chain.engine import Intent, Notice, TransactionEngine
from tallystick.chain.errors import ContractRefused
from tallystick.chain.rpc import Head
from tallystick.protocol.enums import Status
from tallystick.store.database import Database
from tallystick.store.tables import agreements, batches, policies, transactions
from tallystick.store.transactions import add_intent

from .contracts import Contracts
from .submit import settle_key

__all__ = ["Keeper", "Refundable", "due_refunds", "may_settle"]

REFUNDS_A_STEP: Final = 8
"""Refunds that may wait for their block at a time: what is asked for is read in every round."""

HELD_PAUSE: Final = 600
"""Seconds of chain time until a refund that the contract refused is looked at again."""


class Refundable(NamedTuple):
    """An open agreement. `end` and `longest_window` in seconds."""

    agreement: int
    end: int
    longest_window: int


class _Due(NamedTuple):
    batch: str
    policy: int
    state: str
    posted_at: int | None
    retry_at: int
    settle_tries: int
    challenge_window: int


def may_settle(posted_at: int | None, window: int, retry_at: int, now: int) -> bool:
    """Whether a posted batch's window has passed (`settle` asks for now >= postedAt + window)."""
    return posted_at is not None and now >= posted_at + window and now >= retry_at


def due_refunds(open_ones: Sequence[Refundable], graces: int, now: int) -> list[int]:
    """Agreements past end + graces + longest window; the contract may still hold them back."""
    return [one.agreement for one in open_ones if now >= one.end + graces + one.longest_window]


class Keeper:
    """Asks for settlements, and for refunds when `refunds` is set."""

    def __init__(
        self,
        database: Database,
        contracts: Contracts,
        engine: TransactionEngine,
        operator: int,
        *,
        refunds: bool,
        notice: Notice,
        reached: Callable[[str], None],
    ) -> None:
        self._database = database
        self._contracts = contracts
        self._engine = engine
        self._operator = operator
        self._refunds = refunds
        self._notice = notice
        self._reached = reached
        self._graces: int | None = None
        self._held_until: dict[int, int] = {}

    def step(self, head: Head) -> None:
        """Asks for what is due. Raises ChainError when the chain cannot be read."""
        for row in self._due_batches(head.timestamp):
            self._settle(row, head.timestamp)
        if self._refunds:
            self._refund(head.timestamp)

    def _due_batches(self, now: int) -> list[_Due]:
        """Posted batches whose window has passed, up to the first of their policy that must wait."""
        wanted = (
            select(
                *(batches.c.batch, batches.c.policy, batches.c.state, batches.c.posted_at),
                *(batches.c.retry_at, batches.c.settle_tries, policies.c.challenge_window),
            )
            .join_from(batches, policies, batches.c.policy == policies.c.policy)
            .where(batches.c.operator == self._operator, batches.c.state.in_(("planned", "posted")))
            .order_by(batches.c.policy, batches.c.nonce)
        )
        due: list[_Due] = []
        blocked: set[int] = set()
        with self._database.read() as connection:
            for row in map(_Due._make, connection.execute(wanted)):
                if row.policy in blocked:
                    continue
                if row.state == "posted" and may_settle(
                    row.posted_at, row.challenge_window, row.retry_at, now
                ):
                    due.append(row)
                else:
                    blocked.add(row.policy)
        return due

    def _settle(self, row: _Due, now: int) -> None:
        with self._database.read() as connection:
            figures = connection.execute(select(batches.c.figures).where(batches.c.batch == row.batch))
            call = self._contracts.settle_call(int(row.batch), figures.scalar_one())
        intent = Intent(settle_key(row.batch, row.settle_tries), "settle", self._contracts.ledger, call)
        self._engine.check(intent.target, intent.data)
        self._reached("keep.before")
        with self._database.write() as connection:
            add_intent(connection, self._engine.sender, intent, now)
            connection.execute(update(batches).where(batches.c.batch == row.batch).values(state="settling"))
        self._notice("batch_settling", batch=row.batch)
        self._reached("keep.after")

    def _refund(self, now: int) -> None:
        if self._graces is None:
            self._graces = self._contracts.graces()
        self._held_until = {one: until for one, until in self._held_until.items() if until > now}
        with self._database.read() as connection:
            room = REFUNDS_A_STEP - connection.execute(_REFUNDS_UNDER_WAY).scalar_one()
            if room <= 0:
                return
            due = due_refunds(open_agreements(connection, now, len(self._held_until)), self._graces, now)
        for agreement in [one for one in due if one not in self._held_until][:REFUNDS_A_STEP]:
            if room == 0:
                return
            call = self._contracts.refund_call(agreement)
            intent = Intent(f"refund:{agreement}:0", "refund", self._contracts.escrow, call)
            try:
                self._contracts.simulate(intent.target, call, self._engine.sender)
            except ContractRefused as refusal:
                self._held_until[agreement] = now + HELD_PAUSE
                self._notice("refund_waits", agreement=agreement, reason=refusal.code)
                continue
            room -= 1
            with self._database.write() as connection:
                add_intent(connection, self._engine.sender, intent, now)
            self._notice("refund_asked", agreement=agreement)


_REFUNDS_UNDER_WAY: Final = (
    select(func.count())
    .select_from(transactions)
    .where(transactions.c.state.in_(("queued", "sent")), transactions.c.kind == "refund")
)


def open_agreements(connection: Connection, now: int, more: int = 0) -> list[Refundable]:
    """Open agreements that ended before `now` and for which no refund was asked yet, oldest end first: 256 and
    `more`."""
    end = case((agreements.c.stop_at > 0, agreements.c.stop_at), else_=agreements.c.expiry)
    longest = case(
        (policies.c.challenge_window > policies.c.self_post_window, policies.c.challenge_window),
        else_=policies.c.self_post_window,
    )
    asked = select(transactions.c.id).where(
        transactions.c.key == literal("refund:") + cast(agreements.c.agreement, Text) + ":0"
    )
    wanted = (
        select(agreements.c.agreement, end.label("end"), longest)
        .join_from(agreements, policies, agreements.c.policy == policies.c.policy)
        .where(agreements.c.status == Status.OPEN, end < now, ~asked.exists())
        .order_by(end)
        .limit(256 + more)
    )
    return [Refundable(*row) for row in connection.execute(wanted)]
