"""Takes batches from planned to settled, as their transactions go: `next_step` decides, `Submitter` acts.

    planned --post mined--> posted --settlement asked for (keep)--> settling --seen final (follow)--> settled

A reorg that takes the post out of its block takes the batch back to planned; the engine sends the same bytes
again. A post that failed is looked up on the chain before anything else: posted already, taken by a stranger
(lost: the figures wait again), too late (a new deadline), or to be tried again after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Text, cast, literal, select, update

from tallystick.chain.engine import (
    FINAL,
    MINED,
    QUEUED,
    REFUSED,
    REVERTED,
    SENT,
    Intent,
    Notice,
    TransactionEngine,
)
from tallystick.chain.rpc import Head
from tallystick.protocol.eip712 import BatchHeader
from tallystick.store.database import Database
from tallystick.store.tables import batches, transactions
from tallystick.store.transactions import add_intent

from .apply import wake_figures
from .batch import UNSETTLED, post_key
from .contracts import Contracts, PostedBatch

__all__ = ["Step", "Submitter", "judge_failed_post", "next_step", "retry_delay", "settle_key", "take_over"]

FIRST_RETRY: Final = 5
LAST_RETRY: Final = 600


class Step(StrEnum):
    """What is to be done with a batch."""

    NOTHING = "nothing"
    POSTED = "posted"  # its post is mined
    BACK_TO_PLANNED = "back_to_planned"  # a reorg undid its post
    JUDGE_POST = "judge_post"  # its post failed: ask the chain
    RETRY_SETTLE = "retry_settle"  # its settlement failed
    POST_AGAIN = "post_again"
    NEW_DEADLINE = "new_deadline"
    LOST = "lost"


def settle_key(batch: int | str, attempt: int) -> str:
    """The key of a batch's logical transaction that settles it."""
    return f"settle:{batch}:{attempt}"


class Outcome(NamedTuple):
    """What became of a transaction so far: its state, its receipt once it is in a block, what went wrong."""

    state: str
    receipt: Mapping[str, Any] | None = None
    problem: str = ""


class Standing(NamedTuple):
    """An unsettled batch and how its two transactions stand."""

    batch: str
    state: str
    retry_at: int
    post: Outcome | None
    settle: Outcome | None


def next_step(state: str, post: Outcome | None, settle: Outcome | None) -> Step:
    """What the states of a batch's two transactions mean for it."""
    failed = post is not None and post.state in (REFUSED, REVERTED)
    if state == "planned":
        if _mined_well(post):
            return Step.POSTED
        return Step.JUDGE_POST if failed else Step.NOTHING
    if post is not None and not failed and not _mined_well(post):
        return Step.BACK_TO_PLANNED
    if state == "settling" and settle is not None and settle.state in (REFUSED, REVERTED):
        return Step.RETRY_SETTLE
    return Step.NOTHING


def judge_failed_post(
    on_chain: PostedBatch | None, figures_hash: bytes, root: bytes, deadline: int, now: int
) -> Step:
    """What to do with a batch whose post failed, from what the chain has under its number."""
    if on_chain is not None:
        ours = on_chain.figures_hash == figures_hash and on_chain.root == root
        return Step.POSTED if ours else Step.LOST
    return Step.NEW_DEADLINE if now > deadline else Step.POST_AGAIN


def retry_delay(tries: int) -> int:
    """Seconds of chain time before try number `tries` (from 0): doubling, at most ten minutes."""
    return int(min(FIRST_RETRY * 2 ** min(tries, 10), LAST_RETRY))


def _mined_well(transaction: Outcome | None) -> bool:
    return (
        transaction is not None
        and transaction.state in (MINED, FINAL)
        and transaction.receipt is not None
        and transaction.receipt["status"] == 1
    )


class Submitter:
    """Moves the batches of one operator on."""

    def __init__(
        self,
        database: Database,
        contracts: Contracts,
        engine: TransactionEngine,
        operator: int,
        *,
        post_deadline: int,
        notice: Notice,
        reached: Callable[[str], None],
    ) -> None:
        """`post_deadline` in seconds of chain time, for batches that get a new one."""
        self._database = database
        self._contracts = contracts
        self._engine = engine
        self._operator = operator
        self._post_deadline = post_deadline
        self._notice = notice
        self._reached = reached

    def step(self, head: Head) -> None:
        """Looks at every unsettled batch once. Raises ChainError when a failed post cannot be looked up."""
        with self._database.read() as connection:
            found = _standings(connection, self._operator)
        for one in found:
            step = next_step(one.state, one.post, one.settle)
            waits = step in (Step.JUDGE_POST, Step.RETRY_SETTLE) and head.timestamp < one.retry_at
            if step is not Step.NOTHING and not waits:
                self._act(step, one, head.timestamp)

    def _act(self, step: Step, one: Standing, now: int) -> None:
        with self._database.read() as connection:
            row = connection.execute(select(batches).where(batches.c.batch == one.batch)).one()
        problem, posted_at = "", None
        if step is Step.POSTED:
            assert one.post is not None
            assert one.post.receipt is not None
            posted_at = one.post.receipt["timestamp"]
        elif step is Step.JUDGE_POST:
            assert one.post is not None
            problem = one.post.problem
            step, posted_at = self._judge(row, now)
        elif step is Step.RETRY_SETTLE:
            assert one.settle is not None
            problem = one.settle.problem
        if step is Step.NOTHING:
            return
        self._reached("submit.before")
        with self._database.write() as connection:
            self._write(connection, step, row, posted_at, problem, now)
        self._reached("submit.after")
        self._notice("batch_" + step.value, batch=row.batch, problem=problem)

    def _judge(self, row: Row[Any], now: int) -> tuple[Step, int | None]:
        """What to do with a failed post, and when it was posted if it was. Nobody is believed before finality:
        no transaction of ours would tell that a reorg took back what another one posted."""
        on_chain = self._contracts.posted(int(row.batch))
        step = judge_failed_post(on_chain, row.figures_hash, row.root, row.deadline, now)
        if step in (Step.LOST, Step.POSTED):
            on_chain = self._contracts.posted(int(row.batch), "finalized")
            if judge_failed_post(on_chain, row.figures_hash, row.root, row.deadline, now) is not step:
                return Step.NOTHING, None
        return step, None if on_chain is None else on_chain.posted_at

    def _write(
        self, connection: Connection, step: Step, row: Row[Any], posted_at: int | None, problem: str, now: int
    ) -> None:
        values: dict[str, Any] = {"problem": problem}
        if step is Step.POSTED:
            values |= {"state": "posted", "posted_at": posted_at, "problem": ""}
        elif step is Step.BACK_TO_PLANNED:
            values |= {"state": "planned", "posted_at": None}
        elif step is Step.LOST:
            values |= {"state": "lost"}
        elif step in (Step.POST_AGAIN, Step.NEW_DEADLINE):
            deadline = now + self._post_deadline if step is Step.NEW_DEADLINE else row.deadline
            tries = row.post_tries + 1
            header = BatchHeader(row.policy, row.value, row.nonce, deadline)
            call = self._contracts.post_call(header, row.figures, row.outputs)
            intent = Intent(post_key(row.batch, tries), "post", self._contracts.ledger, call)
            values |= {"deadline": deadline, "post_tries": tries, "retry_at": now + retry_delay(tries)}
            add_intent(connection, self._engine.sender, intent, now)
        elif step is Step.RETRY_SETTLE:
            tries = row.settle_tries + 1
            values |= {"state": "posted", "settle_tries": tries, "retry_at": now + retry_delay(tries)}
        connection.execute(update(batches).where(batches.c.batch == row.batch).values(**values))
        if step is Step.LOST:
            wake_figures(connection, row.batch, now)


def _standings(connection: Connection, operator: int) -> list[Standing]:
    """All unsettled batches, in the order of their nonces, without their bytes: there may be many."""
    post, settle = transactions.alias("post"), transactions.alias("settle")
    post_name = literal("post:") + batches.c.batch + ":" + cast(batches.c.post_tries, Text)
    settle_name = literal("settle:") + batches.c.batch + ":" + cast(batches.c.settle_tries, Text)
    wanted = (
        select(
            *(batches.c.batch, batches.c.state, batches.c.retry_at),
            *(post.c.state, post.c.receipt, post.c.problem),
            *(settle.c.state, settle.c.receipt, settle.c.problem),
        )
        .outerjoin_from(batches, post, post.c.key == post_name)
        .outerjoin(settle, settle.c.key == settle_name)
        .where(batches.c.operator == operator, batches.c.state.in_(UNSETTLED))
        .order_by(batches.c.policy, batches.c.nonce)
    )
    return [
        Standing(
            *row[:3],
            Outcome(*row[3:6]) if row[3] is not None else None,
            Outcome(*row[6:9]) if row[6] is not None else None,
        )
        for row in connection.execute(wanted)
    ]


def take_over(database: Database, sender: bytes) -> int:
    """Ends what other keys of this database left unfinished, so that `sender` asks for it anew. Returns how many.

    What such a key has signed may still be mined, and does no harm: a batch is posted once and a figure paid once.
    A post that is young counts when the chain says so in its final state (see `Submitter`).
    """
    others = (transactions.c.sender != sender, transactions.c.state.in_((QUEUED, SENT, MINED)))
    with database.read() as connection:
        keys = connection.execute(select(transactions.c.key).where(*others)).scalars().all()
    if not keys:
        return 0
    with database.write() as connection:
        for key in keys:
            kind, _, rest = key.partition(":")
            if kind == "post":
                wanted = (batches.c.batch == rest.partition(":")[0], batches.c.state.in_(UNSETTLED))
                connection.execute(update(batches).where(*wanted).values(state="planned", posted_at=None))
        values = {"state": REFUSED, "problem": "another_key: the relayer was given another key meanwhile"}
        connection.execute(update(transactions).where(*others).values(**values))
    return len(keys)
