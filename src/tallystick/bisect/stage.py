"""A chain with a referee on it, and moves as transactions whose gas is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tallystick.bisect.scene import CUSTOMER, DISPUTE, OPERATOR, POLICY, Scene, dispute_terms
from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.contracts import load
from tallystick.chain.errors import DeploymentMismatch
from tallystick.chain.node import Node, TransactionReceipt
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.bisection.statement import OperationProof, Statement
from tallystick.protocol.keys import PrivateKey

__all__ = ["Move", "Stage"]

REFEREE: Final = "BisectionReferee"
MOCK: Final = "RefereeCourtMock"


@dataclass(frozen=True)
class Move:
    """One transaction of the game."""

    name: str
    gas: int


class Stage:
    """Deploys the referee and what it reads, and plays moves on it. A `Table` of the players."""

    def __init__(self, node: Node, order_hash: bytes, output_root: bytes) -> None:
        self._node = node
        self._keys = [PrivateKey.from_hex(key) for key in DEV_KEYS[:3]]
        customer, challenger, solver = (KeySender(node, KeySigner(key)) for key in self._keys)
        self._challenger, self._solver = challenger, solver
        self.moves: list[Move] = []

        now = node.timestamp()
        scene = Scene(order_hash, self._keys[0], self._keys[2], now)
        world, staking = (self._create(customer, MOCK, ()) for _ in range(2))
        # One mock is currency, Court, PolicyBook and Escrow; another is Staking, whose numbers are operators'.
        self._referee = self._create(customer, REFEREE, (world, world, world, staking, world))
        self._set(customer, world, "setOwner", {"number": CUSTOMER, "owner": customer.address})
        self._set(customer, staking, "setOwner", {"number": OPERATOR, "owner": solver.address})
        self._set(customer, world, "setTerms", {"policy": POLICY, "terms": dispute_terms(self._referee)})
        agreed = {"agreement": scene.agreement, "view_": scene.agreement_view()}
        self._set(customer, world, "setAgreement", agreed)
        registration = scene.registration(node.chain_id(), world)
        self.registering = self._send(customer, "register", registration).gas_used
        view = scene.dispute_view(challenger.address, output_root, node.timestamp())
        self._set(customer, world, "setDispute", {"dispute": DISPUTE, "d": view})

    @property
    def gas(self) -> int:
        """Of all moves together."""
        return sum(move.gas for move in self.moves)

    def open(self) -> None:
        """The challenger opens."""
        self._move(self._challenger, "open", (DISPUTE,))

    def state(self, statement: Statement, proof: list[bytes]) -> None:
        """The solver shows what its outputRoot commits to."""
        self._move(self._solver, "state", (DISPUTE, statement, proof))

    def query(self, index: int) -> None:
        self._move(self._challenger, "query", (DISPUTE, index))

    def answer(self, state: bytes, proof: list[bytes]) -> None:
        self._move(self._solver, "answer", (DISPUTE, state, proof))

    def prove(self, operation: int, shown: OperationProof) -> None:
        receipt = self._move(self._challenger, "prove", (DISPUTE, operation, shown))
        event = load(REFEREE).events["OperationExecuted"]
        executed = [log for log in receipt.logs if log["topics"][0] == "0x" + event.digest.hex()]
        if len(executed) != 1 or int(executed[0]["topics"][2], 16) != operation:
            raise DeploymentMismatch("the referee executed another operation than it was shown")

    def ruling(self) -> int:
        """The units that the referee rules."""
        return int(self._node.read(load(REFEREE), self._referee, "rule", DISPUTE))

    def rounds(self) -> int:
        """Queries that the referee counted as answered."""
        return int(self._node.read(load(REFEREE), self._referee, "gameOf", DISPUTE)["rounds"])

    # Private

    def _create(self, sender: KeySender, name: str, values: Sequence[Any]) -> str:
        created = sender.send(None, load(name).init_code(values)).contract
        if created is None:
            raise DeploymentMismatch(f"the chain says that it created {name} nowhere")
        return created

    def _set(self, sender: KeySender, to: str, function: str, values: Mapping[str, Any]) -> None:
        sender.send(to, load(MOCK).encode_checked(function, values))

    def _send(
        self, sender: KeySender, function: str, values: Mapping[str, Any] | Sequence[Any]
    ) -> TransactionReceipt:
        return sender.send(self._referee, load(REFEREE).encode_checked(function, values))

    def _move(self, sender: KeySender, function: str, values: Sequence[Any]) -> TransactionReceipt:
        receipt = self._send(sender, function, values)
        self.moves.append(Move(function, receipt.gas_used))
        return receipt
