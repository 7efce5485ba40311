"""The watcher: reads new batches, judges their leaves, says what it found, and does what its plan says, round by
round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .acting import Actor, Done
from .judging import Finding, Judge, Standing
from .ledger import BatchState, Ledger, Posted
from .plan import Deed, plan

__all__ = ["Watcher", "line_of"]

DEPTH: Final = 64
"""Blocks that are read again in each round, for reorgs."""

_ENDS: Final = (Deed.VOID.value, Deed.DISMISS.value)

Say = Callable[[str], None]


class Watcher:
    """One deployment under watch. Nothing is kept on disk: after a restart the chain tells where things stand."""

    def __init__(
        self,
        ledger: Ledger,
        judge: Judge,
        actor: Actor | None,
        *,
        first_block: int,
        say: Say,
    ) -> None:
        """`actor`: who challenges; None: only look."""
        self._ledger = ledger
        self._judge = judge
        self._actor = actor
        self._next = self._first = first_block
        self._say = say
        self._batches: dict[int, Posted] = {}
        self._over: set[int] = set()
        self._findings: dict[tuple[int, int], Finding] = {}
        self.done: list[Done] = []

    @property
    def findings(self) -> list[Finding]:
        """The newest finding of each leaf, in the order of their batches."""
        return [self._findings[place] for place in sorted(self._findings)]

    def round(self) -> None:
        """Looks once. Raises ChainError when the chain cannot be read."""
        block = self._ledger.node.block()
        number, now = int(block["number"], 16), int(block["timestamp"], 16)
        for posted in self._ledger.posted(max(self._next - DEPTH, self._first), number):
            known = self._batches.get(posted.number)
            if known is None or known != posted:
                self._batches[posted.number] = posted
                self._over.discard(posted.number)
                self._judge_all(posted, now)
        self._next = number + 1
        self._look_again(now)
        if self._actor is not None:
            self._act(self._actor, now, number)

    def _judge_all(self, posted: Posted, now: int) -> None:
        for place in [place for place in self._findings if place[0] == posted.number]:
            del self._findings[place]
        for finding in self._judge.findings(posted, now):
            self._note(finding)

    def _look_again(self, now: int) -> None:
        """Leaves that were not found good, while their window is open: what backs them may have come since."""
        for finding in [one for one in self._findings.values() if one.bad]:
            posted = self._batches[finding.leaf.batch]
            if posted.number in self._over:
                continue
            if now >= posted.posted_at + self._ledger.terms(posted.policy).window:
                self._over.add(posted.number)
            fresh = self._judge.judge(finding.leaf, posted.policy, now)
            if fresh != finding:
                self._note(fresh)

    def _note(self, finding: Finding) -> None:
        self._findings[finding.leaf.batch, finding.leaf.idx] = finding
        self._say(line_of(finding))

    def _act(self, actor: Actor, now: int, block: int) -> None:
        batches: dict[int, tuple[Posted, BatchState]] = {}
        for finding in self._findings.values():
            number = finding.leaf.batch
            if number not in batches and finding.bad:
                posted = self._batches[number]
                batches[number] = (posted, self._ledger.state(posted))
        situation = actor.situation(self.findings, batches, now, block)
        done = actor.take(plan(self.findings, situation), batches)
        running = {place for place, challenge in situation.running.items() if challenge.mine}
        running -= {(one.batch, one.idx) for one in done if one.deed in _ENDS and not one.problem}
        if not running:  # one claim for all that comes back
            done += actor.claim()
        for one in done:
            self._say(said_of(one))
        self.done += done

    def report(self) -> dict[str, Any]:
        """What was found and done, for machines. Numbers of 64 bits and more are decimal texts."""
        counts = {standing.value: 0 for standing in Standing}
        for finding in self.findings:
            counts[finding.standing.value] += 1
        return {
            "chainId": self._ledger.node.chain_id(),
            "account": self._actor.address if self._actor is not None else None,
            "batches": len(self._batches),
            "leaves": counts,
            "items": [
                {
                    "batch": str(one.leaf.batch),
                    "index": one.leaf.idx,
                    "agreement": str(one.leaf.agreement),
                    "units": str(one.leaf.units),
                    "policy": one.policy,
                    "standing": one.standing.value,
                    "reason": one.reason,
                    "detail": one.detail,
                    "truth": None if one.truth is None else str(one.truth),
                }
                for one in self.findings
            ],
            "actions": [
                {
                    "deed": one.deed,
                    "batch": str(one.batch),
                    "index": one.idx,
                    "agreement": str(one.agreement),
                    "dispute": one.number,
                    "amount": one.amount,
                    "transaction": one.transaction,
                    "gas": one.gas,
                    "problem": one.problem,
                }
                for one in self.done
            ],
        }


def line_of(finding: Finding) -> str:
    """A finding as one line: `batch N leaf I agreement A units U ok`, or what is wrong with it."""
    leaf = finding.leaf
    if finding.standing in (Standing.SIGNED, Standing.UNREADABLE):
        return f"batch {leaf.batch} {finding.standing}"
    words = [f"batch {leaf.batch} leaf {leaf.idx} agreement {leaf.agreement} units {leaf.units}"]
    words.append(f"{finding.standing}: {finding.reason}" if finding.reason else finding.standing.value)
    if finding.truth is not None:
        words.append(f"({finding.truth} were delivered)")
    if finding.detail:
        words.append(f"({finding.detail})")
    return " ".join(words)


def said_of(done: Done) -> str:
    """What was done, as one line."""
    what = done.deed
    if done.deed == "execute":
        what += f" dispute {done.number}"
    elif not done.deed.startswith("claim"):
        what += f" batch {done.batch} leaf {done.idx}"
    if done.problem:
        return f"{what} failed: {done.problem}"
    money = f", {done.amount} µ" if done.amount else ""
    return f"{what}{money}: transaction {done.transaction}, {done.gas} gas"
