"""Any moves by anybody in any order: after each the Court holds just what it owes, every dispute ends by
time alone, and what went into it comes out of it.

Moves that are refused change nothing; which ones are is drawn too. At the end nobody does anything any
more but carry out and clear, which anyone may.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.protocol.enums import Status
from tests.support.court import CAROL, DAY, FRED, HUNDRED, NONE, QUORUM, Bar, State, open_bar
from tests.support.escrow import ANN, MALLORY, OTTO
from tests.support.evm import Receipt, Reverted
from tests.support.system import DOLLAR

PEOPLE = (CAROL, FRED, ANN, OTTO)
UNITS = (0, 1, 250_000, 699_999, 700_000, 900_000, 2_000_000)
MOVES = (
    "attack", "propose", "contest", "take over", "evidence", "back", "say", "rule", "appeal", "execute", "clear",
    "post", "pay", "release", "finalise", "file", "wait", "expire", "claim",
)  # fmt: skip
# What makes sense in a state; of these a step takes one.
SENSIBLE = {
    State.CONTEST: ("contest", "contest", "back", "expire"),
    State.EVIDENCE: ("take over", "evidence", "expire", "expire"),
    State.RULING: ("say", "rule", "expire"),
    State.APPEALABLE: ("appeal", "appeal", "appeal", "expire"),
    State.SECOND: ("say", "rule", "expire"),
    State.RULED: ("execute", "execute", "back"),
    State.COOLING: ("attack", "post", "clear", "expire"),
    State.OVER: ("file", "attack", "propose", "finalise"),
}


OURS = ("ArbiterMock", "BondBook", "Court", "Escrow", "ReceiptLedger", "Staking")


class Flow:
    """What went into disputes and came out of them, of the events."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.inflow = self.outflow = 0

    def see(self, receipt: Receipt) -> None:
        bar = self.bar
        for log in receipt.logs:
            if log.address == bar.court.address:
                if log.name == "Opened":
                    self.inflow += log.args["bond"]
                elif log.name == "AppealFunded":
                    self.inflow += log.args["amount"]
                elif log.name == "Credited":
                    self.outflow += log.args["amount"]
                elif log.name == "Executed":
                    slash = log.args["moved"]["slash"]
                    self.inflow += slash["toChallenger"] + slash["fee"]
                    assert slash["slashed"] == sum(
                        slash[part] for part in ("toVictim", "toChallenger", "toInsurance")
                    )
            elif log.name == "Forfeited" and log.args["to"] == bar.court.address:
                self.inflow += log.args["amount"]


class Play:
    """One market with three tasks, and the moves."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self.bar = open_bar()
        self.pick = lambda n: draw(st.integers(0, n - 1))
        self.flow = Flow(self.bar)
        self.tasks = [
            self.bar.task(NONE),
            self.bar.task(QUORUM),
            self.bar.task(QUORUM, budget=3_000 * DOLLAR),
        ]
        self.claims = [(task, self.bar.leaf(task, 700_000)) for task in self.tasks]
        self.released: list[int] = []
        self.locked = HUNDRED * 2 + 3_000 * DOLLAR

    def court(self, function: str, *values: object) -> None:
        """By whomever."""
        self.flow.see(self.bar.court.transact(function, *values, sender=PEOPLE[self.pick(4)]))

    def move(self, name: str) -> None:
        """A move, or a step: what makes sense in the state of some dispute."""
        bar, units = self.bar, UNITS[self.pick(len(UNITS))]
        count = int(bar.court.call("count"))
        dispute = self.pick(count) + 1 if count else 1
        task, claim = self.claims[self.pick(len(self.claims))]
        if name == "step":
            choice = SENSIBLE[bar.view(dispute)["state"]] if count else ("attack", "propose", "release")
            name = choice[self.pick(len(choice))]
        if name == "attack":
            self.court("open", task, units, claim, PEOPLE[self.pick(4)].address, 1, bytes(32), "")
        elif name == "propose":
            signed = bar.verdicts(task, units, 3 + self.pick(2), 5, root=claim[3])
            self.court("propose", task, units, claim, signed, 2)
        elif name in ("contest", "rule", "execute", "clear"):
            self.court(name, dispute)
        elif name == "take over":
            self.court("takeOver", dispute, units)
        elif name == "evidence":
            self.court("submitEvidence", dispute, bool(self.pick(2)), b"\1" * 32, "")
        elif name == "back":
            self.court("back", dispute, claim)
        elif name == "appeal":
            self.court("appeal", dispute, (7, 30, 100)[self.pick(3)] * DOLLAR)
        elif name == "say":
            bar.say(dispute, units, bar.view(dispute)["round"] if self.pick(4) else 2)
        elif name in ("post", "pay", "release"):
            made = {"post": bar.leaf, "pay": bar.pay, "release": bar.release}[name](task, units)
            self.claims.append((task, made))
            if name == "release":
                self.released.append(made[0])
        elif name == "finalise" and self.released:
            batch = self.released[self.pick(len(self.released))]
            bar.ledger.transact("finalise", batch, [0], sender=MALLORY)
        elif name == "file":
            self.court("fileClaim", dispute)
        elif name == "wait":
            bar.evm.warp((3_600, DAY, 2 * DAY)[self.pick(3)])
        elif name == "expire" and count:
            bar.evm.warp_to(max(bar.now, bar.view(dispute)["deadline"]))
        elif name == "claim":
            bar.court.transact("claimCredit", MALLORY.address, sender=PEOPLE[self.pick(4)])

    def end(self) -> None:
        """Time, and whoever wants to; then nothing is left in dispute."""
        bar = self.bar
        bar.evm.warp(9 * DAY)
        for step in ("execute", "clear"):
            for dispute in range(1, int(bar.court.call("count")) + 1):
                wanted = State.RULED if step == "execute" else State.COOLING
                if bar.view(dispute)["state"] == wanted:
                    self.flow.see(bar.court.transact(step, dispute, sender=MALLORY))
                    bar.check()
            bar.evm.warp(DAY)
        for dispute in range(1, int(bar.court.call("count")) + 1):
            assert bar.view(dispute)["state"] == State.OVER
        bar.settled()
        assert self.flow.inflow == self.flow.outflow
        for task in self.tasks:
            record = bar.agreement(task)
            assert not record["frozen"]
            assert bar.court.call("activeOf", task) == 0
            assert record["status"] in (Status.OPEN, Status.CLOSED)
        assert [bar.stake(n)["reserved"] for n in (3, 4, 5)] == [0, 0, 0]
        pledged = sum(
            bar.agreement(task)["budget"] // 10
            for task in self.tasks
            if bar.agreement(task)["status"] == Status.OPEN
        )
        assert bar.stake()["pledged"] == pledged


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_sequences__books_hold_and_everything_ends(data: st.DataObject) -> None:
    play = Play(data.draw)
    names = st.one_of(st.just("step"), st.just("step"), st.sampled_from(MOVES))
    for name in data.draw(st.lists(names, max_size=60)):
        try:
            play.move(name)
        except Reverted as refused:
            # By one of ours, with a reason: no overflow, no bare revert.
            if refused.name.split("_")[0] not in OURS:
                raise
        play.bar.check()
    play.end()
