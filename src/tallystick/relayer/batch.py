"""Which figures go into the next batch, and what it may move: `plan_batches` decides, `Batcher` acts.

A batch row, its leaves, the mark on its figures and the transaction that posts it are committed together. Its
number follows from the chain's next nonce and the batches here that are not posted yet, so after a crash the
same stored bytes go out again, and never a second batch for the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, insert, select, update

from tallystick.chain.engine import Intent, Notice, TransactionEngine
from tallystick.chain.errors import ContractRefused
from tallystick.chain.rpc import Head
from tallystick.protocol.constants import UINT64_MAX
from tallystick.protocol.eip712 import BatchHeader, batch_number
from tallystick.protocol.enums import Status
from tallystick.protocol.figures import batch_root, encode_figures, figures_hash, join_outputs
from tallystick.store.database import Database, get_meta
from tallystick.store.tables import agreements, batch_leaves, batches, challenges, figures, policies, receipts

from .apply import POSTING_PAUSED, set_aside
from .asking import Asker
from .config import BatchLimits
from .contracts import Contracts
from .leases import END
from .worth import Waiting, in_time, useful, value_of, within_cap

__all__ = ["BatchPlan", "Batcher", "leaf_capacity", "plan_batches"]

# Gas of the two transactions of a batch, rather too much than too little: measured on cold accounts.
POST_BASE: Final = 150_000
POST_LEAF: Final = 2_600
SETTLE_BASE: Final = 90_000
SETTLE_LEAF: Final = 34_000

MAX_WAITING: Final = 4_096
"""Figures looked at in one round, oldest first: memory stays flat however long the backlog."""

UNSETTLED: Final = ("planned", "posted", "settling")
FIRST_BACK_OFF: Final = 2.0
LAST_BACK_OFF: Final = 60.0


@dataclass(frozen=True)
class BatchPlan:
    """A batch to be: figures by rising agreement, µ that it may move, and which limit closed it."""

    figures: tuple[Waiting, ...]
    value: int
    criterion: str


def leaf_capacity(limits: BatchLimits) -> int:
    """Figures that fit into a batch, by size and by estimated gas of its post and of its settlement."""
    by_gas = min((limits.gas - POST_BASE) // POST_LEAF, (limits.gas - SETTLE_BASE) // SETTLE_LEAF)
    return max(min(limits.leaves, by_gas), 1)


def plan_batches(
    waiting: Sequence[Waiting], now: int, limits: BatchLimits, room: int = UINT64_MAX, limit: int = UINT64_MAX
) -> list[BatchPlan]:
    """The batches that are due at `now`, of figures under one policy.

    By age, everything that waits goes; by size or gas, full batches go and the rest waits on. Figures worth
    nothing more than what is paid or under way wait for more units; those above what one agreement may move in one
    batch go in part. Oldest figures first.

    Args:
        waiting: One figure an agreement.
        now: Seconds, the chain's clock.
        limits: Age, size and gas.
        room: µ that may go in flight now. What does not fit waits for windows to end.
        limit: µ that may ever be in flight: a figure worth more is passed over.
    """
    capped = [within_cap(figure) for figure in waiting]
    worth = {figure.agreement: value_of(figure) for figure in capped}
    usable = [
        figure
        for figure in capped
        if useful(figure) and in_time(figure, now) and worth[figure.agreement] <= limit
    ]
    usable.sort(key=lambda figure: (figure.ready_at, figure.agreement))
    if not usable:
        return []
    capacity = leaf_capacity(limits)
    if now - usable[0].ready_at >= limits.age:
        criterion, wanted = "age", len(usable)
    elif capacity < limits.leaves and len(usable) >= capacity:
        criterion, wanted = "gas", len(usable) - len(usable) % capacity
    elif len(usable) >= (limits.waiting or limits.leaves):
        criterion, wanted = "size", len(usable) - len(usable) % min(capacity, len(usable))
    else:
        return []
    plans: list[BatchPlan] = []
    for start in range(0, wanted, capacity):
        part: list[Waiting] = []
        value = 0
        for figure in usable[start : min(start + capacity, wanted)]:
            if value + worth[figure.agreement] > room:
                break
            part.append(figure)
            value += worth[figure.agreement]
        if part:
            part.sort(key=lambda figure: figure.agreement)
            plans.append(BatchPlan(tuple(part), value, criterion))
        if start + len(part) < min(start + capacity, wanted):
            break
        room -= value
    return plans


class Batcher:
    """Closes batches of one policy and asks for their posting."""

    def __init__(
        self,
        database: Database,
        contracts: Contracts,
        engine: TransactionEngine,
        policy: int,
        operator: int,
        limits: BatchLimits,
        *,
        post_deadline: int,
        notice: Notice,
        reached: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """`post_deadline` in seconds of chain time; `clock` counts real seconds, for back-offs."""
        self._database = database
        self._contracts = contracts
        self._engine = engine
        self._policy = policy
        self._operator = operator
        self._limits = limits
        self._post_deadline = post_deadline
        self._notice = notice
        self._asker = Asker("batch", database, contracts, engine, reached)
        self._clock = clock
        self._quiet_until = 0.0
        self._back_off = 0.0
        self._draining = False

    def step(self, head: Head) -> None:
        """Closes at most one batch; the next one's simulation needs it to be posted first.

        Raises ChainError when the chain cannot be read. A refused simulation is told and tried again later.
        """
        if self._clock() < self._quiet_until:
            return
        with self._database.read() as connection:
            if _unposted(connection, self._policy, self._operator):
                return
            waiting = waiting_figures(connection, self._policy)
            last = _last_nonce(connection, self._policy, self._operator)
            paused = int(get_meta(connection, POSTING_PAUSED) or 0)
        self._pass_over(waiting, head.timestamp)
        if head.timestamp < paused:
            if waiting:
                self._wait("posting_paused", until=paused)
            return
        # Once a limit has fired, all full batches of that moment go, one after the other.
        limits = replace(self._limits, waiting=0) if self._draining else self._limits
        if not plan_batches(waiting, head.timestamp, limits):
            self._draining = False
            return
        terms = self._contracts.posting_terms(self._policy, self._operator)
        plans = plan_batches(waiting, head.timestamp, limits, terms.room, terms.limit)
        if not plans:
            self._wait("no_room", limit=terms.limit, room=terms.room)
            return
        nonce = terms.nonce if last is None else max(terms.nonce, last + 1)
        header = BatchHeader(self._policy, plans[0].value, nonce, head.timestamp + self._post_deadline)
        encoded = encode_figures((each.agreement, each.units) for each in plans[0].figures)
        outputs = join_outputs([each.output_root for each in plans[0].figures])
        call = self._contracts.post_call(header, encoded, outputs)
        try:
            self._contracts.simulate(self._contracts.ledger, call, self._engine.sender)
        except ContractRefused as refusal:
            self._wait(refusal.code, problem=refusal.message)
            return
        self._quiet_until = self._back_off = 0.0
        self._draining = len(plans) > 1
        above = sum(value_of(within_cap(figure)) > terms.limit for figure in waiting)
        if above:  # no batch can hold them until the stake or the policy's cap is higher
            self._tell("above_limit", figures=above, limit=terms.limit)
        self._commit(plans[0], header, encoded, outputs, call, head.timestamp)

    def _commit(
        self,
        plan: BatchPlan,
        header: BatchHeader,
        encoded: bytes,
        outputs: bytes,
        call: bytes,
        now: int,
    ) -> None:
        number = batch_number(self._policy, self._operator, header.nonce)
        intent = Intent(post_key(number, 0), "post", self._contracts.ledger, call)
        with self._asker.asked(intent, now) as connection:
            connection.execute(
                insert(batches).values(
                    batch=str(number),
                    policy=header.policy,
                    operator=self._operator,
                    nonce=header.nonce,
                    value=header.value,
                    deadline=header.deadline,
                    figures=encoded,
                    outputs=outputs,
                    root=batch_root(encoded, outputs),
                    figures_hash=figures_hash(encoded),
                    state="planned",
                    criterion=plan.criterion,
                    created_at=now,
                )
            )
            connection.execute(insert(batch_leaves), leaf_rows(number, plan.figures))
            mark_batched(connection, plan.figures, now)
        self._notice(
            "batch_planned",
            batch=str(number),
            leaves=len(plan.figures),
            value=header.value,
            criterion=plan.criterion,
        )

    def _pass_over(self, waiting: Sequence[Waiting], now: int) -> None:
        """Figures that could move nothing wait no longer; the next units wake them up.

        Nor do those of which a single unit is above what one batch may move: no batch of this policy pays them.
        """
        worthless = [figure for figure in waiting if not useful(figure)]
        unpayable = [figure for figure in waiting if useful(figure) and not useful(within_cap(figure))]
        if worthless or unpayable:
            with self._database.write() as connection:
                for figure in unpayable:
                    why = f"one unit is above the {figure.gross_cap} µ that one batch may move"
                    set_aside(connection, figure.agreement, figure.units, "above_batch_cap", why, now)
                mark_batched(connection, worthless + unpayable, now)

    def _wait(self, reason: str, **details: Any) -> None:
        self._back_off = min(self._back_off * 2 or FIRST_BACK_OFF, LAST_BACK_OFF)
        self._quiet_until = self._clock() + self._back_off
        self._tell(reason, seconds=self._back_off, **details)

    def _tell(self, reason: str, **details: Any) -> None:
        self._notice("batch_waits", reason=reason, policy=self._policy, **details)


def post_key(batch: int | str, attempt: int) -> str:
    """The key of a batch's logical transaction that posts it."""
    return f"post:{batch}:{attempt}"


def leaf_rows(batch: int, plan: Sequence[Waiting]) -> list[Mapping[str, Any]]:
    """Rows of `batch_leaves`."""
    return [
        {
            "batch": str(batch),
            "idx": place,
            "agreement": figure.agreement,
            "units": figure.units,
            "output_root": figure.output_root,
        }
        for place, figure in enumerate(plan)
    ]


def mark_batched(connection: Connection, done: Sequence[Waiting], now: int) -> None:
    """Raises `batched_units`. A newer figure that came meanwhile begins to wait `now`."""
    newer = figures.c.units > bindparam("done")
    statement = (
        update(figures)
        .where(figures.c.agreement == bindparam("number"), figures.c.batched_units < bindparam("done"))
        .values(batched_units=bindparam("done"), ready_at=case((newer, now), else_=figures.c.ready_at))
    )
    connection.execute(statement, [{"number": each.agreement, "done": each.units} for each in done])


def waiting_figures(connection: Connection, policy: int) -> list[Waiting]:
    """Figures of open agreements that are in no batch yet, the longest waiting first, at most MAX_WAITING. A frozen
    agreement's wait until it runs on."""
    mine = _waiting(
        agreements.c.policy == policy, agreements.c.status == Status.OPEN, agreements.c.frozen.is_(False)
    )
    return [Waiting(*row) for row in connection.execute(mine)]


def _waiting(*which: ColumnElement[bool]) -> Select[Any]:
    void = select(challenges.c.batch).where(
        challenges.c.batch == batch_leaves.c.batch,
        challenges.c.idx == batch_leaves.c.idx,
        challenges.c.state == "void",
    )
    committed = (
        select(func.max(batch_leaves.c.units))
        .join_from(batch_leaves, batches)
        .where(
            batch_leaves.c.agreement == figures.c.agreement,
            batches.c.state.in_(UNSETTLED),
            ~void.correlate(batch_leaves).exists(),
        )
        .scalar_subquery()
    )
    columns = (
        figures.c.agreement,
        figures.c.units,
        figures.c.output_root,
        figures.c.ready_at,
        agreements.c.unit_price,
        agreements.c.budget,
        agreements.c.fee_customer,
        agreements.c.paid,
        func.coalesce(committed, 0),
        func.coalesce(policies.c.gross_cap, 0),
        agreements.c.mode,
        agreements.c.downtime,
        agreements.c.start,
        END,
        func.coalesce(receipts.c.period_end, 0),
    )
    return (
        select(*columns)
        .join_from(figures, agreements, figures.c.agreement == agreements.c.agreement)
        .outerjoin(receipts, receipts.c.hash == figures.c.receipt_hash)
        .outerjoin(policies, policies.c.policy == agreements.c.policy)
        .where(figures.c.units > figures.c.batched_units, *which)
        .order_by(figures.c.ready_at, figures.c.agreement)
        .limit(MAX_WAITING)
    )


def bury_closed(database: Database, now: int) -> int:
    """Sets aside what waits under closed agreements: nothing can pay it. Returns how many figures."""
    closed = _waiting(agreements.c.status == Status.CLOSED)
    with database.read() as connection:
        rows = [Waiting(*row) for row in connection.execute(closed)]
    if rows:
        with database.write() as connection:
            for row in rows:
                why = "closed before it was batched"
                set_aside(connection, row.agreement, row.units, "agreement_closed", why, now)
            mark_batched(connection, rows, now)
    return len(rows)


def _unposted(connection: Connection, policy: int, operator: int) -> bool:
    wanted = select(batches.c.batch).where(
        batches.c.policy == policy, batches.c.operator == operator, batches.c.state == "planned"
    )
    return connection.execute(wanted.limit(1)).first() is not None


def _last_nonce(connection: Connection, policy: int, operator: int) -> int | None:
    alive = case((batches.c.state != "lost", batches.c.nonce))
    wanted = select(func.max(alive)).where(batches.c.policy == policy, batches.c.operator == operator)
    return connection.execute(wanted).scalar_one_or_none()
