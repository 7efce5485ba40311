"""Settles batches whose window has passed, in their order; has the clocks of leases paid now and then; refunds what may
be refunded when asked to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, case, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tallystick.chain.engine import Intent, Notice, TransactionEngine
from tallystick.chain.errors import ContractRefused
from tallystick.chain.rpc import Head
from tallystick.protocol.enums import Mode, Status
from tallystick.store.database import Database
from tallystick.store.tables import agreements, batches, lease_pokes, policies, transactions

from .asking import Asker
from .contracts import Contracts
from .leases import END, Clock
from .submit import settle_key

__all__ = ["Keeper", "Refundable", "due_clocks", "due_refunds", "may_settle"]

POKES: Final = 256
"""Leases in one `poke`, the most that the contract takes."""

POKE_PAUSE: Final = 600
"""Seconds of chain time between two looks at the leases, unless one was too short for all that was due."""

REFUNDS: Final = 64
"""Refunds in one transaction; each is simulated by itself before."""

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
    """Asks for settlements and for the clocks of leases, and for refunds when `refunds` is set."""

    def __init__(
        self,
        database: Database,
        contracts: Contracts,
        engine: TransactionEngine,
        operator: int,
        *,
        refunds: bool,
        poke_interval: int = 0,
        policies: Sequence[int] = (),
        notice: Notice,
        reached: Callable[[str], None],
    ) -> None:
        """`poke_interval`: chain seconds between two payments of a lease of `policies`; 0: leases are left alone."""
        self._database = database
        self._contracts = contracts
        self._engine = engine
        self._operator = operator
        self._refunds = refunds
        self._poke_interval = poke_interval
        self._policies = tuple(policies)
        self._notice = notice
        self._asker = Asker("keep", database, contracts, engine, reached)
        self._graces: int | None = None
        self._settle_grace: int | None = None
        self._look_at = 0
        self._held_until: dict[int, int] = {}

    def step(self, head: Head) -> None:
        """Asks for what is due. Raises ChainError when the chain cannot be read."""
        for row in self._due_batches(head.timestamp):
            self._settle(row, head.timestamp)
        if self._poke_interval:
            self._poke(head.timestamp)
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
        with self._asker.asked(intent, now) as connection:
            connection.execute(update(batches).where(batches.c.batch == row.batch).values(state="settling"))
        self._notice("batch_settling", batch=row.batch)

    def _poke(self, now: int) -> None:
        """Has the clocks paid that earned something up to their horizon, those first that wait longest."""
        if now < self._look_at:
            return
        if self._settle_grace is None:
            self._settle_grace = self._contracts.settle_grace()
        with self._database.read() as connection:
            if _under_way(connection, "poke"):
                return
            due = due_clocks(connection, self._policies, self._settle_grace, now, now - self._poke_interval)
        if len(due) < POKES:
            self._look_at = now + min(POKE_PAUSE, self._poke_interval)
        if not due:
            return
        call = self._contracts.poke_call(sorted(due))
        intent = Intent(f"poke:{now}:{due[0]}", "poke", self._contracts.escrow, call)
        with self._asker.asked(intent, now) as connection:
            asked = upsert(lease_pokes).values([{"agreement": one, "asked_at": now} for one in due])
            values = {"asked_at": asked.excluded.asked_at}
            connection.execute(asked.on_conflict_do_update(index_elements=["agreement"], set_=values))
        self._notice("poke_asked", leases=len(due))

    def _refund(self, now: int) -> None:
        """Refunds what is due, and what the contract would not hold back: each is asked about before all are sent."""
        if self._graces is None:
            self._graces = self._contracts.graces()
        self._held_until = {one: until for one, until in self._held_until.items() if until > now}
        with self._database.read() as connection:
            if _under_way(connection, "refund"):
                return
            due = due_refunds(open_agreements(connection, now, len(self._held_until)), self._graces, now)
        ready: list[int] = []
        for agreement in [one for one in due if one not in self._held_until][:REFUNDS]:
            try:
                call = self._contracts.refund_call(agreement)
                self._contracts.simulate(self._contracts.escrow, call, self._engine.sender)
                ready.append(agreement)
            except ContractRefused as refusal:
                self._held_until[agreement] = now + HELD_PAUSE
                if refusal.code != "Escrow_NotOpen":  # refunded, and not final yet
                    self._notice("refund_waits", agreement=agreement, reason=refusal.code)
        if not ready:
            return
        call = self._contracts.refund_many_call(sorted(ready))
        intent = Intent(f"refund:{now}:{ready[0]}", "refund", self._contracts.escrow, call)
        with self._asker.asked(intent, now):
            pass
        self._notice("refund_asked", agreements=len(ready))


def _under_way(connection: Connection, kind: str) -> bool:
    """Whether a transaction of that kind is not in a block yet."""
    waiting = (transactions.c.state.in_(("queued", "sent")), transactions.c.kind == kind)
    return connection.execute(select(transactions.c.id).where(*waiting).limit(1)).first() is not None


def due_clocks(
    connection: Connection, served: Sequence[int], settle_grace: int, now: int, asked_before: int
) -> list[int]:
    """At most POKES open leases of the policies `served` whose clock has earned something up to its horizon, and for
    which nothing was asked since `asked_before`; those that wait longest first."""
    asked_at = func.coalesce(lease_pokes.c.asked_at, 0)
    lag = policies.c.report_time + policies.c.challenge_window + settle_grace
    columns = (
        *(agreements.c.agreement, agreements.c.unit_price, agreements.c.budget, agreements.c.start),
        *(END, agreements.c.downtime, agreements.c.paid),
    )
    wanted = (
        select(*columns, lag)
        .join_from(agreements, policies, agreements.c.policy == policies.c.policy)
        .outerjoin(lease_pokes, lease_pokes.c.agreement == agreements.c.agreement)
        .where(
            agreements.c.policy.in_(served),
            agreements.c.status == Status.OPEN,
            agreements.c.mode == Mode.LEASE,
            agreements.c.start < now - lag,
            lease_pokes.c.asked_at.is_(None) | (asked_at <= asked_before),
        )
        .order_by(asked_at, agreements.c.agreement)
    )
    due: list[int] = []
    with connection.execution_options(yield_per=1_000).execute(wanted) as rows:
        for *clock, behind in rows:
            if Clock(*clock).due(now - behind) > 0:
                due.append(clock[0])
                if len(due) == POKES:
                    break
    return due


def open_agreements(connection: Connection, now: int, more: int = 0) -> list[Refundable]:
    """Open agreements that ended before `now`, oldest end first: 256 and `more`."""
    longest = case(
        (policies.c.challenge_window > policies.c.self_post_window, policies.c.challenge_window),
        else_=policies.c.self_post_window,
    )
    wanted = (
        select(agreements.c.agreement, END, longest)
        .join_from(agreements, policies, agreements.c.policy == policies.c.policy)
        .where(agreements.c.status == Status.OPEN, now > END)
        .order_by(END)
        .limit(256 + more)
    )
    return [Refundable(*row) for row in connection.execute(wanted)]
