"""Has the fees of final work counted for rewards, for all payees, once a period.

`plan_call` decides, `Checkpointer` acts. The table `rewards` says, by final events, who is worth a look; the newest
block says what a checkpoint would find, so that nothing is sent for what somebody else has counted meanwhile. The
transaction and the marks on its accounts are one commit. What the network's day has no room for stays unmarked, and is
taken up when the next day begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, select, update

from tallystick.chain.engine import QUEUED, REFUSED, REVERTED, SENT, Intent, Notice, TransactionEngine
from tallystick.chain.errors import ContractRefused, NodeRefused
from tallystick.chain.rpc import Head
from tallystick.protocol.constants import DAY, MAX_REWARD_ITEMS
from tallystick.store.database import Database
from tallystick.store.tables import rewards, transactions

from .asking import Asker
from .contracts import Contracts
from .rewards import DueAccount, due_accounts
from .submit import retry_delay

__all__ = [
    "MAX_TRIES",
    "PAUSE",
    "Checkpointer",
    "Plan",
    "Standing",
    "offset_of",
    "period_of",
    "plan_call",
]

PAUSE: Final = 600
"""Seconds of chain time between two looks, unless one was too short for all that was due, or a period begins."""

MAX_TRIES: Final = 8
"""Transactions of one period that fail before the rest waits for the next; about twenty minutes of chain time."""


class Standing(NamedTuple):
    """A due account by the newest block: µ that a checkpoint would count, and whether it would forfeit some."""

    account: int
    waiting: int
    forfeits: bool


class Plan(NamedTuple):
    """`call`: the accounts to name, in order. `done`: what needs no further look in this period, be it named, if its
    whole fees fit, or with nothing to count. `left_over`: µ that the day has no room for."""

    call: list[int]
    done: list[int]
    left_over: int


def offset_of(operator: int) -> int:
    """Seconds after midnight at which this relayer's periods begin: one to thirty minutes, so that of several relayers
    the later ones find the work done."""
    return 60 + operator * 97 % 1_740


def period_of(now: int, interval: int, offset: int) -> int:
    """When the period of `now` began: periods of `interval` seconds, counted from 1970, `offset` seconds late."""
    return (now - offset) // interval * interval + offset


def plan_call(found: Sequence[Standing], left: int) -> Plan:
    """Whom the next call names when `left` µ still count today. Forfeiting needs no room."""
    call: list[int] = []
    done: list[int] = []
    left_over = 0
    for account, waiting, forfeits in found:
        fits = min(waiting, left)
        if forfeits or fits:
            call.append(account)
        if fits == waiting:
            done.append(account)
        left -= fits
        left_over += waiting - fits
    return Plan(call, done, left_over)


class _Period(NamedTuple):
    """Transactions of a period: how many, how many of them failed, when the last that failed was asked for; and
    whether any, of whatever period, is in no block yet."""

    asked: int
    failed: int
    failed_at: int
    under_way: bool


class Checkpointer:
    """Asks for the checkpoints of all payees that this database knows, one call a round."""

    def __init__(
        self,
        database: Database,
        contracts: Contracts,
        engine: TransactionEngine,
        operator: int,
        *,
        interval: int,
        least: int,
        gas: int,
        notice: Notice,
        reached: Callable[[str], None],
    ) -> None:
        """`interval`: chain seconds of a period; 0: nothing is asked for. `least`: µ of an account's new fees that are
        worth a transaction at once. `gas`: estimated gas of one transaction at most."""
        self._database = database
        self._contracts = contracts
        self._engine = engine
        self._interval = interval
        self._offset = offset_of(operator)
        self._least = least
        self._gas = gas
        self._notice = notice
        self._asker = Asker("checkpoint", database, contracts, engine, reached)
        self._look_at = 0

    def step(self, head: Head) -> None:
        """Asks for the next call if one is due. Raises ChainError when the chain cannot be read."""
        target, now = self._contracts.rewards, head.timestamp
        if target is None or not self._interval or now < self._look_at:
            return
        period = period_of(now, self._interval, self._offset)
        with self._database.read() as connection:
            before = _period(connection, period)
            if before.under_way or _must_wait(before, now):
                return
            due = due_accounts(connection, period, self._least, MAX_REWARD_ITEMS)
        if not due:
            self._look_at = min(now + PAUSE, period + self._interval)
            return
        left, found = self._ask_chain(due)
        plan = plan_call(found, left)
        if not plan.call:
            self._pass_over(plan.done, period)
            if plan.left_over:
                self._look_at = (now // DAY + 1) * DAY + self._offset
                self._notice("checkpoint_waits", fees=plan.left_over, until=self._look_at)
            return
        try:
            call, data = self._fitting(target, plan.call)
        except ContractRefused as refusal:
            # An account that the contract refuses by itself keeps nobody else waiting.
            problem = f"{refusal.code}: {refusal.message}"
            self._notice("checkpoint_refused", account=plan.call[0], problem=problem)
            self._pass_over(plan.call[:1], period)
            return
        intent = Intent(f"checkpoint:{period}:{before.asked}", "checkpoint", target, data)
        named = set(call)
        done = [account for account in plan.done if account in named]
        with self._asker.asked(intent, now) as connection:
            _mark(connection, done, period, intent.key)
        self._notice("checkpoint_asked", accounts=len(call), left_over=plan.left_over)

    def _ask_chain(self, due: Sequence[DueAccount]) -> tuple[int, list[Standing]]:
        """What the newest block says of them: a stranger's checkpoint may not be final yet."""
        left, standings = self._contracts.reward_standings([one.account for one in due])
        return left, [
            Standing(one.account, chain.waiting, chain.fees < one.counted)
            for one, chain in zip(due, standings, strict=True)
        ]

    def _fitting(self, target: bytes, accounts: Sequence[int]) -> tuple[list[int], bytes]:
        """As many of them, from the first on, as the contract takes and the gas allows, with the calldata. Raises
        ContractRefused when the first alone is refused."""
        call = list(accounts)
        while True:
            data = self._contracts.checkpoint_call(call)
            try:
                gas = self._contracts.estimate(target, data, self._engine.sender)
            except (ContractRefused, NodeRefused):
                if len(call) == 1:
                    raise
                call = call[: len(call) // 2]
                continue
            if gas <= self._gas or len(call) == 1:
                return call, data
            call = call[: max(1, min(len(call) - 1, len(call) * self._gas // gas))]

    def _pass_over(self, accounts: Sequence[int], period: int) -> None:
        if accounts:
            with self._database.write() as connection:
                _mark(connection, accounts, period, None)


def _mark(connection: Connection, accounts: Sequence[int], period: int, key: str | None) -> None:
    values = {"asked_for": period, "asked_key": key}
    connection.execute(update(rewards).where(rewards.c.account.in_(accounts)).values(**values))


def _period(connection: Connection, period: int) -> _Period:
    c = transactions.c
    mine = c.key.startswith(f"checkpoint:{period}:", autoescape=True)
    rows = connection.execute(select(c.state, c.created_at).where(c.kind == "checkpoint", mine)).all()
    failed = [row.created_at for row in rows if row.state in (REFUSED, REVERTED)]
    waiting = select(c.id).where(c.kind == "checkpoint", c.state.in_((QUEUED, SENT))).limit(1)
    under_way = connection.execute(waiting).first() is not None
    return _Period(len(rows), len(failed), max(failed, default=0), under_way)


def _must_wait(before: _Period, now: int) -> bool:
    return before.failed > 0 and (
        before.failed >= MAX_TRIES or now < before.failed_at + retry_delay(before.failed)
    )
