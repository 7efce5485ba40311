"""What the gas table measures of work disputes: each move once, and the longest way from proposal to cleared.

The market is that of `tests.support.court`; arbiters answer at once, so that what the Court needs is measured. What a
jury, a council or a bisection costs besides is their own.
"""

from __future__ import annotations

from typing import Final

from tests.support.court import CAROL, CLOCK, DAY, FRED, NOBODY, QUORUM, Bar, seat
from tests.support.escrow import ANN, MALLORY, OTTO
from tests.support.evm import Account, Evm, Receipt, account
from tests.support.system import DOLLAR

PARTS: Final = 16


class Disputes:
    """Plays disputes and keeps gas by name."""

    def __init__(self) -> None:
        self.bar: Bar = seat(Evm())
        self.gas: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        """Gas by name, in the order of the table."""
        self._work()
        self._lease()
        self._proposal()
        self._worst()
        return self.gas

    def measure(self, name: str, function: str, *values: object, sender: Account = MALLORY) -> Receipt:
        receipt = self.bar.court.transact(function, *values, sender=sender, measure=True)
        self.gas[name] = self.gas.get(name, 0) + receipt.gas
        return receipt

    def _work(self) -> None:
        """A dispute that is won, with everything paid; and one that is lost."""
        bar = self.bar
        task = bar.task()
        dispute = self._open("dispute: open on a leaf", task, bar.pay(task, 1_000_000))
        self.measure(
            "dispute: evidence", "submitEvidence", dispute, False, b"\1" * 32, "ipfs://x", sender=OTTO
        )
        self.measure("dispute: take over", "takeOver", dispute, 0, sender=ANN)
        bar.expire(dispute)
        bar.say(dispute, 0)
        self.measure("dispute: take the first ruling", "rule", dispute)
        bar.expire(dispute)
        self.measure("dispute: execute, closes and slashes", "execute", dispute)
        self.measure("dispute: claim credits", "claimCredit", CAROL.address, sender=CAROL)
        self.measure("dispute: file with the insurance", "fileClaim", dispute)
        task = bar.task()
        claim = bar.shown(task, 700_000)
        dispute = self._open("dispute: open on a signed receipt", task, claim)
        bar.decide(dispute, 700_000)
        self.measure("dispute: execute, rejected", "execute", dispute)
        bar.expire(dispute)
        self.measure("dispute: clear", "clear", dispute)

    def _lease(self) -> None:
        bar = self.bar
        lease = bar.lease()
        bar.evm.warp(DAY)
        dispute = self._open("dispute: open on a lease", lease, CLOCK)
        bar.decide(dispute, 1)
        self.measure("dispute: execute, a lease runs on", "execute", dispute)

    def _proposal(self) -> None:
        bar = self.bar
        task = bar.task(QUORUM)
        low, claim = bar.leaf(task, 200_000), bar.leaf(task, 700_000)
        dispute = self._propose("proposal: two verifiers", task, 300_000, claim)
        self.measure("proposal: back a figure", "back", dispute, low, sender=FRED)
        bar.expire(dispute)
        self.measure("proposal: execute, uncontested", "execute", dispute)

    def _worst(self) -> None:
        """Contested, ruled, appealed in sixteen parts and lost by them, executed, cleared: everybody's gas together."""
        bar, name = self.bar, "dispute: the longest way, all moves"
        task = bar.task(QUORUM)
        dispute = self._propose(name, task, 0, bar.leaf(task, 700_000))
        self.measure(name, "contest", dispute, sender=OTTO)
        self.measure(name, "submitEvidence", dispute, True, b"\1" * 32, "ipfs://x", sender=CAROL)
        self.measure(name, "submitEvidence", dispute, False, b"\1" * 32, "ipfs://x", sender=OTTO)
        self.measure(name, "takeOver", dispute, 0, sender=ANN)
        bar.expire(dispute)
        bar.say(dispute, 700_000)
        self.measure(name, "rule", dispute)
        for i in range(PARTS):
            friend = account(f"gas friend {i}")
            bar.system.fund(friend, 10 * DOLLAR, bar.court)
            self.measure(name, "appeal", dispute, 6_250_000, sender=friend)
        bar.say(dispute, 700_000, 2)
        self.measure(name, "rule", dispute)
        self.measure(name, "execute", dispute)
        bar.expire(dispute)
        self.measure(name, "clear", dispute)
        # The other end of that: sixteen parts that return.
        task = bar.task()
        dispute = bar.attack(task, 0, bar.leaf(task, 700_000))
        bar.expire(dispute)
        bar.rule(dispute, 0)
        for i in range(PARTS):
            friend = account(f"gas second friend {i}")
            bar.system.fund(friend, 10 * DOLLAR, bar.court)
            if i == 0:
                self.measure("dispute: a part of an appeal", "appeal", dispute, 6_250_000, sender=friend)
            elif i == PARTS - 1:
                self.measure(
                    "dispute: the part that completes it", "appeal", dispute, 6_250_000, sender=friend
                )
            else:
                bar.appeal(dispute, 6_250_000, friend)
        bar.rule(dispute, 700_000, 2)
        self.measure("dispute: execute, an appeal of sixteen returns", "execute", dispute)

    def _open(self, name: str, task: int, claim: tuple[object, ...]) -> int:
        values = (task, 0, claim, NOBODY, 1, bytes(32), "")
        return int(self.measure(name, "open", *values, sender=CAROL).result)

    def _propose(self, name: str, task: int, valid: int, claim: tuple[object, ...]) -> int:
        signed = self.bar.verdicts(task, valid, 3, 4, root=bytes(claim[3]))  # type: ignore[call-overload]
        return int(self.measure(name, "propose", task, valid, claim, signed, 2).result)
