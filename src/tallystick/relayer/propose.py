"""Takes what verifiers reject to the Court: one proposal for each quorum of INVALID verdicts.

    waiting --a quorum, and something to show--> proposing --seen final (follow)--> proposed
                                                                    over: the agreement was closed before

INVALID never rides in a batch. What is shown is the posted leaf with the rejected output, else the signed receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, select, update

from tallystick.chain.engine import REFUSED, REVERTED, Intent, Notice, TransactionEngine
from tallystick.chain.rpc import Head
from tallystick.protocol.backing import Item, Leaf, Signed, verdicts_in_order
from tallystick.protocol.enums import Status
from tallystick.protocol.figures import encode_figure, leaves
from tallystick.protocol.judge import Figure, Opinion, rejected
from tallystick.protocol.merkle import proof
from tallystick.protocol.reasons import DisputeReason
from tallystick.store.database import Database
from tallystick.store.tables import agreements, batch_leaves, batches, challenges, rejections, transactions

from .asking import Asker
from .contracts import Contracts, LeafClaim
from .evidence import receipts_behind, verdicts_behind
from .mirror import Mirror
from .submit import retry_delay

__all__ = ["Proposer", "propose_key"]

AT_ONCE: Final = 16
LOOK_AGAIN: Final = 60
"""Chain seconds until a rejection that cannot be proposed yet is looked at again."""

_ON_CHAIN: Final = ("posted", "settling", "settled")


class _Waiting(NamedTuple):
    agreement: int
    valid_units: int
    output_root: bytes
    state: str
    tries: int
    problem: str
    open: bool


def propose_key(agreement: int, valid_units: int, output_root: bytes, attempt: int) -> str:
    """The key of the logical transaction that proposes a rejection."""
    return f"propose:{agreement}:{valid_units}:{output_root.hex()[:16]}:{attempt}"


class Proposer:
    """Looks after the rejections of this relayer's store."""

    def __init__(
        self,
        database: Database,
        contracts: Contracts,
        engine: TransactionEngine,
        *,
        notice: Notice,
        reached: Callable[[str], None],
    ) -> None:
        self._database = database
        self._contracts = contracts
        self._notice = notice
        self._asker = Asker("propose", database, contracts, engine, reached)

    def step(self, head: Head) -> None:
        """Asks for the proposals that are due. Raises ChainError when the chain cannot be read."""
        if self._contracts.court is None:
            return
        for row in self._due(head.timestamp):
            if row.state == "proposing":
                self._follow_up(row, head.timestamp)
            elif not row.open:
                self._note(row, head.timestamp, state="over")
                self._tell("proposal_over", row)
            else:  # also of a frozen agreement: newer figures can be rejected while an older ruling cools
                self._propose(row, head.timestamp)

    def _due(self, now: int) -> list[_Waiting]:
        r = rejections.c
        wanted = (
            select(r.agreement, r.valid_units, r.output_root, r.state, r.tries, r.problem)
            .add_columns(agreements.c.status == int(Status.OPEN))
            .join_from(rejections, agreements, agreements.c.agreement == r.agreement)
            .where(r.state.in_(("waiting", "proposing")), r.retry_at <= now)
            .order_by(r.retry_at, r.agreement, r.valid_units)
            .limit(AT_ONCE)
        )
        with self._database.read() as connection:
            return [_Waiting(*row) for row in connection.execute(wanted)]

    def _follow_up(self, row: _Waiting, now: int) -> None:
        """A proposal that failed is made anew, after a while; one that went well is told by its final event."""
        key = propose_key(row.agreement, row.valid_units, row.output_root, row.tries)
        wanted = select(transactions.c.state, transactions.c.problem).where(transactions.c.key == key)
        with self._database.read() as connection:
            asked = connection.execute(wanted).first()
        if asked is not None and asked.state in (REFUSED, REVERTED):
            values = {"state": "waiting", "tries": row.tries + 1, "problem": asked.problem}
            self._note(row, now + retry_delay(row.tries), **values)
            self._tell("proposal_retry", row, problem=asked.problem)

    def _propose(self, row: _Waiting, now: int) -> None:
        with self._database.read() as connection:
            verdicts = quorum_against(connection, row.agreement, row.valid_units, row.output_root)
            claim = _claim(connection, row) if verdicts else None
        if not verdicts or claim is None:
            self._note(row, now + LOOK_AGAIN)
            return
        assert self._contracts.court is not None
        reason = int(DisputeReason.REJECTED_BY_VERIFIERS)
        call = self._contracts.propose_call(row.agreement, row.valid_units, claim, verdicts, reason)
        key = propose_key(row.agreement, row.valid_units, row.output_root, row.tries)
        intent = Intent(key, "propose", self._contracts.court, call)
        problem = self._asker.refusal(intent)
        if problem:
            self._note(row, now + LOOK_AGAIN, problem=problem)
            if problem != row.problem:
                self._tell("proposal_refused", row, problem=problem)
            return
        with self._asker.asked(intent, now) as connection:
            connection.execute(update(rejections).where(*_mine(row)).values(state="proposing"))
        self._tell("proposal_asked", row, verifiers=[one.operator for one in verdicts])

    def _note(self, row: _Waiting, retry_at: int, **values: Any) -> None:
        if "problem" in values:
            values["problem"] = values["problem"][:500]
        with self._database.write() as connection:
            connection.execute(update(rejections).where(*_mine(row)).values(retry_at=retry_at, **values))

    def _tell(self, event: str, row: _Waiting, **details: Any) -> None:
        self._notice(event, agreement=row.agreement, valid_units=row.valid_units, **details)


def quorum_against(
    connection: Connection, agreement: int, valid_units: int, output_root: bytes
) -> Sequence[Signed]:
    """The verdicts that reject this, one of each verifier, rising; empty while they are no quorum of the policy."""
    mirror = Mirror()
    mirror.refresh(connection)
    row = mirror.agreements(connection, [agreement]).get(agreement)
    rule = None if row is None else mirror.policy(connection, row.policy)
    if rule is None:
        return ()
    stored = verdicts_behind(connection, agreement, valid_units, output_root, valid=False)
    counted = verdicts_in_order(stored, rule)
    figure = Figure(agreement, valid_units, output_root)
    opinions = [Opinion(figure, False, one.operator) for one in counted]
    return counted if rejected(rule, figure, opinions) else ()


def _claim(connection: Connection, row: _Waiting) -> LeafClaim | Item | None:
    """A posted leaf of the rejected output above what is valid, the newest; else such a receipt; None without
    either."""
    void = select(challenges.c.batch).where(
        challenges.c.batch == batch_leaves.c.batch,
        challenges.c.idx == batch_leaves.c.idx,
        challenges.c.state == "void",
    )
    leaf, of = batch_leaves.c, batches.c
    wanted = (
        select(leaf.batch, leaf.idx, leaf.units, leaf.output_root, of.figures, of.outputs)
        .join_from(batch_leaves, batches)
        .where(
            leaf.agreement == row.agreement,
            leaf.output_root == row.output_root,
            leaf.units > row.valid_units,
            of.state.in_(_ON_CHAIN),
            ~void.correlate(batch_leaves).exists(),
        )
        .order_by(leaf.units.desc())
        .limit(1)
    )
    found = connection.execute(wanted).first()
    if found is not None:
        siblings = proof(leaves(found.figures, found.outputs), found.idx)
        figure = encode_figure(row.agreement, found.units)
        return LeafClaim(int(found.batch), found.idx, figure, found.output_root, tuple(siblings))
    above = Leaf(0, 0, row.agreement, row.valid_units + 1, row.output_root, 0)
    for receipt, signature in receipts_behind(connection, above):
        return Item(receipt, signature)
    return None


def _mine(row: _Waiting) -> tuple[Any, ...]:
    r = rejections.c
    return (
        r.agreement == row.agreement,
        r.valid_units == row.valid_units,
        r.output_root == row.output_root,
    )
