"""What a watcher does about what it found, decided before anything is sent. Pure.

Each step is one that the chain allows now, as far as the state that was read says; whoever sends it simulates it first.
Nothing is kept between two rounds: the chain tells what was challenged, by whom, and how it ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from tallystick.protocol.enums import DisputeState

from .judging import Finding, Standing

__all__ = ["Challenge", "Deed", "DisputeStep", "Situation", "Step", "plan"]

PATIENCE: Final = (3, 4)
"""Share of a window after which a leaf is challenged whose source does not answer: who hides must not outlast it."""


class Deed(StrEnum):
    """What can be done."""

    CHALLENGE = "challenge"
    VOID = "void"
    DISMISS = "dismiss"
    DISPUTE = "dispute"
    EXECUTE = "execute"


class Challenge(NamedTuple):
    """A challenge that is not over. `ends_at` 0: it waits for a place."""

    mine: bool
    bond: int
    ends_at: int


class DisputeStep(NamedTuple):
    """A dispute that this watcher opened, as it stands: its number and state."""

    number: int
    state: int


class Situation(NamedTuple):
    """What the chain says at `now` (seconds), by leaf (batch, index) or agreement.

    Attributes:
        windows: When each batch's window ends, and how long it is.
        cancelled: Batches that are cancelled.
        blocked: Leaves that are under challenge or void.
        tried: Leaves that were challenged once, by anyone: none is challenged twice.
        running: Challenges that are not over.
        moot: Own ones among them that have lost their object: the agreement is closed, or the batch cancelled.
        disputed: Agreements that are frozen by a dispute.
        disputes: What this watcher opened, by (agreement, attacked units).
        bonds: µ that a backing challenge under a policy needs. `dispute_bonds`: a dispute of an agreement.
        purse: µ that may be put into bonds now.
    """

    now: int
    windows: Mapping[int, tuple[int, int]]
    cancelled: frozenset[int]
    blocked: frozenset[tuple[int, int]]
    tried: frozenset[tuple[int, int]]
    running: Mapping[tuple[int, int], Challenge]
    moot: frozenset[tuple[int, int]]
    disputed: frozenset[int]
    disputes: Mapping[tuple[int, int], DisputeStep]
    bonds: Mapping[int, int]
    dispute_bonds: Mapping[int, int]
    purse: int


class Step(NamedTuple):
    """One thing to do. `bond`: µ that it puts down; `number`: of a dispute."""

    deed: Deed
    finding: Finding | None = None
    place: tuple[int, int] = (0, 0)
    bond: int = 0
    number: int = 0


def plan(findings: Sequence[Finding], at: Situation) -> list[Step]:
    """Ends first, since they bring money back; then challenges, those first whose window ends first; then disputes."""
    steps = [*_ends(at), *_executions(at)]
    purse = at.purse
    wanted = sorted(
        (one for one in findings if _challengeable(one, at)),
        key=lambda one: (at.windows[one.leaf.batch][0], one.leaf.batch, one.leaf.idx),
    )
    for one in wanted:
        bond = at.bonds[one.policy]
        if bond <= purse:
            purse -= bond
            steps.append(Step(Deed.CHALLENGE, one, (one.leaf.batch, one.leaf.idx), bond))
    opened: set[int] = set()
    for one in findings:
        if not _disputable(one, at) or one.leaf.agreement in opened:
            continue
        bond = at.dispute_bonds[one.leaf.agreement]
        if bond <= purse:
            purse -= bond
            opened.add(one.leaf.agreement)
            steps.append(Step(Deed.DISPUTE, one, (one.leaf.batch, one.leaf.idx), bond))
    return steps


def _challengeable(one: Finding, at: Situation) -> bool:
    place = (one.leaf.batch, one.leaf.idx)
    if one.standing not in (Standing.WRONG, Standing.UNSEEN) or one.leaf.batch in at.cancelled:
        return False
    ends, length = at.windows[one.leaf.batch]
    if at.now >= ends or place in at.tried or place in at.blocked:
        return False
    part, whole = PATIENCE
    return one.standing is Standing.WRONG or at.now >= ends - length + length * part // whole


def _disputable(one: Finding, at: Situation) -> bool:
    """A figure above the truth whose leaf stands. The highest of an agreement would do; the first is as good, since a
    ruling below it closes the agreement."""
    leaf = one.leaf
    return (
        one.standing is Standing.OVERSTATED
        and leaf.batch not in at.cancelled
        and (leaf.batch, leaf.idx) not in at.blocked
        and leaf.agreement not in at.disputed
        and (leaf.agreement, leaf.units) not in at.disputes
        and leaf.agreement in at.dispute_bonds
    )


def _ends(at: Situation) -> list[Step]:
    """Own challenges whose time to answer is over, or that have lost their object."""
    steps: list[Step] = []
    for place, challenge in sorted(at.running.items()):
        if not challenge.mine:
            continue
        if place in at.moot:
            steps.append(Step(Deed.DISMISS, None, place))
        elif challenge.ends_at and at.now >= challenge.ends_at:
            steps.append(Step(Deed.VOID, None, place))
    return steps


def _executions(at: Situation) -> list[Step]:
    return [
        Step(Deed.EXECUTE, number=one.number)
        for one in sorted(at.disputes.values())
        if one.state == DisputeState.RULED
    ]
