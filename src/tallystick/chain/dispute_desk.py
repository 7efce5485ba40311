"""Reads disputes as they stand, for `dispute_ops` to decide on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tallystick.chain.abi import checksum
from tallystick.chain.contracts import load
from tallystick.chain.dispute_ops import NO_ITEM, Case, Chamber, Purse, Seat
from tallystick.chain.errors import ContractRefused, OperatorRefusal
from tallystick.chain.node import Node
from tallystick.chain.posted import posted_batch
from tallystick.chain.registry import Deployment
from tallystick.chain.votes import SeatPlace
from tallystick.protocol.backing import Item
from tallystick.protocol.eip712 import Domain, ledger_domain
from tallystick.protocol.enums import DisputeKind, DisputeState, Outcome
from tallystick.protocol.keys import parse_address
from tallystick.protocol.messages import Outcome as Answer
from tallystick.protocol.messages import parse_receipt

__all__ = ["DisputeDesk"]

_ZERO = "0x" + "00" * 20


class DisputeDesk:
    """One deployment's Court, seen by whoever acts."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        self._deployment = deployment

    @property
    def domain(self) -> Domain:
        """EIP-712 domain of the ReceiptLedger."""
        return ledger_domain(self._node.chain_id(), parse_address(self._deployment.address("ReceiptLedger")))

    def purse(self, owner: str) -> Purse:
        """The money of `owner`, and where it acts."""
        owner, court = checksum(owner, "owner"), self._deployment.address("Court")
        currency = checksum(self._read("Escrow", "CURRENCY"))
        dollar = load("TestDollar")
        return Purse(
            owner=owner,
            court=court,
            currency=currency,
            symbol=str(self._node.read(dollar, currency, "symbol")),
            wallet=int(self._node.read(dollar, currency, "balanceOf", owner)),
            allowance=int(self._node.read(dollar, currency, "allowance", owner, court)),
        )

    def bond_for(self, agreement: int) -> int:
        """µ that a dispute of the agreement needs now. Raises OperatorRefusal `already_disputed`."""
        active = int(self._read("Court", "activeOf", agreement))
        if active and self._read("Court", "disputeOf", active)["state"] != DisputeState.COOLING:
            text = f"agreement {agreement} is frozen by dispute {active}: join that one, with `ape run dispute respond`"
            raise OperatorRefusal("already_disputed", text)
        return int(self._read("Court", "bondFor", agreement))

    def claim_of_leaf(self, batch: int, index: int) -> tuple[Any, ...]:
        """A posted leaf as the Court takes it. Raises OperatorRefusal `unknown_leaf`."""
        posted = posted_batch(self._node, self._deployment, batch)
        if posted is None or posted.figures is None or not 0 <= index < len(posted.leaves()):
            raise OperatorRefusal("unknown_leaf", f"no batch {batch} with a leaf {index} was posted here")
        return (*posted.argument(index), NO_ITEM)

    def claim_of_receipt(self, file: Path) -> tuple[Any, ...]:
        """A signed receipt, a JSON object as the relayer takes it. Raises OperatorRefusal `bad_value`."""
        try:
            parsed = parse_receipt(self.domain, 1, file.read_bytes())
        except OSError as error:
            raise OperatorRefusal("bad_value", f"{file} cannot be read: {error.strerror}") from None
        if isinstance(parsed, Answer):
            raise OperatorRefusal("bad_value", f"{file} is no signed receipt: {parsed.message}")
        item = Item(parsed.receipt, parsed.signature)
        return (0, 0, bytes(18), bytes(32), [], item.arguments())

    def case(self, number: int, owner: str) -> Case:
        """A dispute as it stands now. Raises OperatorRefusal `unknown_dispute`."""
        purse = self.purse(owner)
        if not 1 <= number <= int(self._read("Court", "count")):
            raise OperatorRefusal("unknown_dispute", f"there is no dispute {number}")
        view = self._read("Court", "disputeOf", number)
        agreement = self._read("Escrow", "agreementOf", view["agreement"])
        customer, funder = (
            checksum(self._read("Escrow", "ownerOf", agreement[role])) for role in ("customer", "funder")
        )
        accused = checksum(self._read("Staking", "ownerOf", view["operator"]))
        state = DisputeState(view["state"])
        needed, paid = (0, 0)
        if state == DisputeState.APPEALABLE:
            needed, paid = self._read("Court", "appealBondOf", number)
        return Case(
            number=number,
            now=self._node.now(),
            purse=purse,
            kind=DisputeKind(view["kind"]),
            state=state,
            outcome=Outcome(view["outcome"]),
            round=view["round"],
            policy=view["policy"],
            agreement=view["agreement"],
            operator=view["operator"],
            challenger=checksum(view["challenger"]),
            attacked=view["attacked"],
            claimed=view["claimed"],
            ruling=view["ruling"],
            deadline=view["deadline"],
            challenging=purse.owner in (checksum(view["challenger"]), customer),
            accused=purse.owner == accused,
            may_contest=purse.owner in (customer, funder, accused),
            ruled=state in (DisputeState.RULING, DisputeState.SECOND)
            and self._would_rule(number, purse.owner),
            appeal_needed=int(needed),
            appeal_paid=int(paid),
            chamber=self._chamber(number, view["round"], view["policy"], purse.owner),
        )

    def seat_place(self, case: Case) -> SeatPlace:
        """Where the votes of whoever acts are kept."""
        if case.chamber is None:
            raise OperatorRefusal("no_jury", f"no jury hears dispute {case.number} in round {case.round}")
        return SeatPlace(self._node.chain_id(), case.chamber.jury, case.number, case.round, case.purse.owner)

    def vote_hash(self, case: Case, units: int, salt: bytes) -> bytes:
        """What a vote's commitment is, as the jury reckons it."""
        assert case.chamber is not None
        values = (case.number, case.round, case.purse.owner, units, salt)
        return bytes(self._node.read(load("Jury"), case.chamber.jury, "voteHash", *values))

    def _would_rule(self, number: int, owner: str) -> bool:
        try:
            self._node.call(self._deployment.address("Court"), load("Court").encode("rule", number), owner)
        except ContractRefused:
            return False
        return True

    def _chamber(self, number: int, round_: int, policy: int, owner: str) -> Chamber | None:
        """The present round's jury; None when its arbiter is no jury of this deployment."""
        terms = self._read("PolicyBook", "disputeTerms", policy)
        arbiter = checksum(terms["secondArbiter" if round_ == 2 else "arbiter"])
        record = self._deployment.contracts.get("Jury")
        if arbiter == _ZERO or record is None or record.address != arbiter:
            return None
        jury = load("Jury")
        seats = self._node.read(jury, arbiter, "seatsOf", number, round_)
        ends = self._node.read(jury, arbiter, "deadlinesOf", number, round_)
        mine = next((seat for seat in seats if checksum(seat["juror"]) == owner), None)
        return Chamber(
            jury=arbiter,
            drawn=bool(seats),
            commit_until=ends["commit"],
            reveal_until=ends["reveal"],
            seat=None if mine is None else Seat(mine["commitment"], mine["revealed"]),
        )

    def _read(self, name: str, function: str, *values: Any) -> Any:
        return self._node.read(load(name), self._deployment.address(name), function, *values)
