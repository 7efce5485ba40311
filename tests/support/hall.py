"""Council and Jury before the real Court, which gives them real disputes.

    hall = open_hall()
    hall.begin(COUNCIL_THEN_JURY)                   # the evidence is closed
    hall.rule_by_council(1_000_000); hall.rule()

A task of 100 dollars for 1 000 000 units, pledge 10 dollars. The relayer posts 1 000 000 units; Carol says 400 000,
with a bond of 50 dollars. Arbiter's fee 25, on appeal 55. Jurors deposit 1 000 dollars each; a seat answers with 10
dollars, a secret with 20.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, RITA, SIGNER, Desk
from tests.support.evm import Account, Bound, Receipt, Snapshot, account
from tests.support.jury import MEMBERS, T, salt
from tests.support.system import DOLLAR, Role, System, deploy_system, dispute_terms

__all__ = [
    "APPEALABLE", "BOTH_JURY", "CAROL", "COUNCIL_THEN_JURY", "JURORS", "RULED", "RULING", "SECOND", "SILENT", "UPHELD",
    "Hall", "open_hall",
]  # fmt: skip

CAROL: Final = account("carol")
NOBODY: Final = "0x" + "00" * 20
NO_ITEM: Final[tuple[Any, ...]] = ((0, 0, 0, 0, bytes(32), False), b"", NOBODY, b"", b"", [])
BOTH_JURY, COUNCIL_THEN_JURY = 1, 2  # policies
RULING, APPEALABLE, SECOND, RULED = 3, 4, 5, 6
UPHELD, SILENT = 1, 3
JURORS: Final = [account(f"juror {i}") for i in range(14)]


@dataclass
class Hall:
    system: System
    desk: Desk
    court: Bound
    council: Bound
    jury: Bound
    task: int = 0
    dispute: int = 0
    seated: list[Account] = field(default_factory=list)

    @property
    def now(self) -> int:
        return self.system.evm.now

    def open(self, policy: int) -> None:
        """Posts the figure and disputes it; evidence can be shown now."""
        price, expiry = 100 * DOLLAR, self.now + 60 * DAY
        self.task = self.desk.opened(policy=policy, unit_price=price, budget=price, expiry=expiry)
        batch = self.desk.post([(self.task, 1_000_000)], policy=policy)
        claim = (batch.number, 0, batch.figure(0), batch.output(0), batch.proof(0), NO_ITEM)
        values = (self.task, 400_000, claim, NOBODY, 1, bytes(32), "")
        self.dispute = int(self.court.transact("open", *values, sender=CAROL).result)

    def begin(self, policy: int) -> None:
        """Opens it and waits until the evidence closes."""
        self.open(policy)
        self.expire()

    def state(self) -> int:
        return int(self.court.call("disputeOf", self.dispute)["state"])

    def expire(self) -> None:
        """Goes to the end of the present state."""
        self.system.evm.warp_to(self.court.call("disputeOf", self.dispute)["deadline"])

    def draw(self, round_: int) -> None:
        self.system.evm.warp(T // 32)
        self.jury.transact("fixBlock", self.dispute, round_, sender=MALLORY)
        for _ in range(4):
            self.system.evm.warp(12)
        self.take_seats(self.jury.transact("draw", self.dispute, round_, sender=MALLORY))

    def take_seats(self, drawn: Receipt) -> None:
        known = {who.address: who for who in JURORS}
        self.seated = [known[address] for address in drawn.event("Drawn").args["jurors"]]

    def vote(self, round_: int, units: list[int]) -> None:
        """In the order of the seats, as many as there are figures."""
        self.commit(round_, units)
        self.system.evm.warp_to(self.jury.call("deadlinesOf", self.dispute, round_)["commit"])
        self.reveal(round_, units)

    def commit(self, round_: int, units: list[int]) -> None:
        for who, chosen in zip(self.seated, units, strict=False):
            hashed = self.jury.call("voteHash", self.dispute, round_, who.address, chosen, salt(who))
            self.jury.transact("commitVote", self.dispute, round_, hashed, sender=who)

    def reveal(self, round_: int, units: list[int]) -> None:
        for who, chosen in zip(self.seated, units, strict=False):
            self.jury.transact("revealVote", self.dispute, round_, chosen, salt(who), sender=who)

    def rule(self) -> int:
        """The Court asks; the units that it heard."""
        return int(self.court.transact("rule", self.dispute, sender=MALLORY).event("Ruled").args["units"])

    def rule_by_council(self, units: int) -> None:
        round_ = 1 if self.state() == RULING else 2
        message = bytes(self.council.call("digestOf", self.dispute, round_, units))
        signatures = [(who.address, who.sign(message)) for who in MEMBERS[:3]]
        self.council.transact("submit", self.dispute, units, signatures, sender=MALLORY)

    def execute(self) -> int:
        """Carries it out; the outcome."""
        receipt = self.court.transact("execute", self.dispute, sender=MALLORY)
        return int(receipt.event("Executed").args["outcome"])

    def deposits(self) -> int:
        return sum(self.jury.call("jurorOf", who.address)["deposit"] for who in JURORS)

    def check(self) -> None:
        """The Jury holds what it owes."""
        held = self.system.balance(self.jury)
        assert held == self.jury.call("totalBonds") + self.jury.call("totalCredits")


@cache
def _pristine() -> tuple[Hall, Snapshot]:
    system = deploy_system(justice=True)
    desk = Desk(system, system.escrow)
    system.register(OTTO, Role.PROVIDER, free=100_000 * DOLLAR)
    system.register(RITA, Role.RELAYER, free=20_000 * DOLLAR)
    system.staking.transact("authoriseKey", 2, 2, SIGNER.address, sender=RITA)
    made = system.create_justice(members=MEMBERS, threshold=3)
    jury, council, court = made["Jury"], made["Council"], made["Court"]
    for first, second in ((jury, jury), (council, jury)):
        terms = dispute_terms(arbiter=first.address, secondArbiter=second.address)
        system.add_policy(relayer=2, dispute=terms)
    for number, owner in ((1, ANN), (2, PAULA)):
        assert desk.escrow.transact("createAccount", owner.address, sender=MALLORY).result == number
    system.fund(ANN, 10_000 * DOLLAR, desk.escrow)
    desk.escrow.transact("deposit", 1, 10_000 * DOLLAR, sender=ANN)
    for who in (CAROL, OTTO):
        system.fund(who, 1_000 * DOLLAR, court)
    for who in JURORS:
        operator = system.register(who, Role.VERIFIER, free=2_000 * DOLLAR)
        system.fund(who, 1_000 * DOLLAR, jury)
        jury.transact("deposit", operator, 1_000 * DOLLAR, sender=who)
    system.evm.warp(DAY)
    return Hall(system, desk, court, council, jury), system.evm.snapshot()


def open_hall() -> Hall:
    hall, snapshot = _pristine()
    hall.system.evm.revert(snapshot)
    fresh = Desk(hall.system, hall.system.escrow)
    return Hall(hall.system, fresh, hall.court, hall.council, hall.jury)
