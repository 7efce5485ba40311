"""A bisection referee on an `Evm`, with mocks for all that it reads, and a hand for each player.

ring = Ring(network_order(8, 16))
dispute = ring.dispute(cheat)          # over somebody's Work
ring.open(dispute); ring.state(dispute, cheat)
play(ring.table(dispute), WorkSolver(cheat), WorkChallenger(honest), 8, 16)
ring.winner(dispute)                   # Turn.CHALLENGER_WON
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from tallystick.bisect.scene import (
    CUSTOMER,
    OPERATOR,
    POLICY,
    RULING_TIME,
    UNITS,
    Scene,
    dispute_terms,
)
from tallystick.protocol.bisection.statement import OperationProof, Statement
from tallystick.protocol.bisection.work import Order, Work
from tests.support.evm import Account, Bound, Evm, Receipt, account

__all__ = ["CLAIMED", "HALF", "UNITS", "Ring", "RingTable", "Turn"]

HALF: Final = RULING_TIME // 2  # seconds on each clock
CLAIMED: Final = 123_456  # units that the challenger says stand


class Turn(IntEnum):
    """As in BisectionTypes.sol."""

    NONE = 0
    STATEMENT = 1
    QUERY = 2
    ANSWER = 3
    SOLVER_WON = 4
    CHALLENGER_WON = 5


@dataclass(frozen=True)
class RingTable:
    """One dispute's game as the players see it."""

    ring: Ring
    dispute: int

    def query(self, index: int) -> None:
        self.ring.challenge("query", self.dispute, index)

    def answer(self, state: bytes, proof: list[bytes]) -> None:
        self.ring.solve("answer", self.dispute, state, proof)

    def prove(self, operation: int, shown: OperationProof) -> None:
        self.ring.challenge("prove", self.dispute, operation, shown)


class Ring:
    """One agreement about one order, registered, and any number of disputes over it."""

    def __init__(self, order_hash: bytes, *, register: bool = True, now: int | None = None) -> None:
        self.evm = Evm() if now is None else Evm(now=now)
        self.challenger, self.solver = account("challenger"), account("solver")
        self.customer, self.stranger = account("customer"), account("stranger")
        self.world = self.evm.deploy("RefereeCourtMock")
        self.staking = self.evm.deploy("RefereeCourtMock")
        world = self.world.address
        self.referee = self.evm.deploy("BisectionReferee", world, world, world, self.staking.address, world)
        self.scene = Scene(order_hash, self.customer.key, self.solver.key, self.evm.now)
        self.set("setOwner", number=CUSTOMER, owner=self.customer.address)
        self.set("setOwner", self.staking, number=OPERATOR, owner=self.solver.address)
        self.set("setTerms", policy=POLICY, terms=dispute_terms(self.referee.address))
        self.set("setAgreement", agreement=self.scene.agreement, view_=self.scene.agreement_view())
        if register:
            self.register()
        self._disputes = 0
        self.views: dict[int, dict[str, Any]] = {}

    @classmethod
    def of(cls, order: Order) -> Ring:
        return cls(order.hash)

    def set(self, function: str, mock: Bound | None = None, **values: Any) -> None:
        """Tells a mock something, structs by their fields' names."""
        on = mock or self.world
        data = on.contract.encode_checked(function, values)
        self.evm.transact(on.address, data, sender=self.stranger)

    def registration(self, **changes: Any) -> tuple[Any, ...]:
        """What `register` takes, in order."""
        made = self.scene.registration(self.evm.chain_id, self.world.address) | changes
        return made["agreement"], made["terms"], made["signatures"]

    def register(self) -> Receipt:
        return self.referee.transact("register", *self.registration(), sender=self.stranger)

    def dispute(self, of: Work | bytes, **changes: Any) -> int:
        """A dispute in the first arbiter's time, which begins now; returns its number."""
        output_root = of if isinstance(of, bytes) else of.statement.output_root()
        self._disputes += 1
        view = self.scene.dispute_view(self.challenger.address, output_root, self.evm.now)
        self.change(self._disputes, **(view | {"claimed": CLAIMED} | changes))
        return self._disputes

    def change(self, dispute: int, **changes: Any) -> None:
        """Changes what the Court says of a dispute."""
        self.views[dispute] = self.views.get(dispute, {}) | changes
        self.set("setDispute", dispute=dispute, d=self.views[dispute])

    def challenge(self, function: str, *values: Any, measure: bool = False) -> Receipt:
        return self.referee.transact(function, *values, sender=self.challenger, measure=measure)

    def solve(self, function: str, *values: Any, measure: bool = False) -> Receipt:
        return self.referee.transact(function, *values, sender=self.solver, measure=measure)

    def open(self, dispute: int, by: Account | None = None) -> Receipt:
        return self.referee.transact("open", dispute, sender=by or self.challenger)

    def state(self, dispute: int, work: Work, statement: Statement | None = None) -> Receipt:
        """The solver states its work."""
        proof = work.checkpoint_proof(work.order.checkpoints)
        return self.solve("state", dispute, statement or work.statement, proof)

    def begun(self, work: Work, **changes: Any) -> int:
        """A dispute whose game waits for the first query."""
        dispute = self.dispute(work, **changes)
        self.open(dispute)
        self.state(dispute, work)
        return dispute

    def table(self, dispute: int) -> RingTable:
        return RingTable(self, dispute)

    def game(self, dispute: int) -> dict[str, Any]:
        found: dict[str, Any] = self.referee.call("gameOf", dispute)
        return found

    def winner(self, dispute: int) -> Turn:
        return Turn(self.referee.call("winnerOf", dispute))

    def ruling(self, dispute: int) -> int:
        return int(self.referee.call("rule", dispute))
