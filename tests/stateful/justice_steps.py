"""What Court and Challenges ask of Escrow, ledger and Staking, on both worlds; whoever else tries is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tallystick.protocol.eip712 import Verdict
from tallystick.protocol.enums import LeafEnd, ReceiptFault
from tallystick.protocol.model import (
    ZERO_ADDRESS,
    Leaf,
    RulingOrder,
    RulingOutcome,
    SignedVerdict,
    SlashOrder,
    SlashOutcome,
)
from tests.stateful.signed_steps import SignedSteps, Signing
from tests.stateful.work_steps import WorkSteps
from tests.stateful.worlds import PostedBatch
from tests.support.evm import Account

NOTHING: tuple[Any, ...] = ((0, 0, 0, 0, bytes(32), False), b"", ZERO_ADDRESS, b"", b"", [])
"""A SignedReceipt that stands for none."""


class JusticeSteps(SignedSteps, WorkSteps):
    """Freezes, rulings, slashes; leaves that are blocked; what is recovered of reservations."""

    # Court

    def freeze(self, caller: Account, number: int) -> bool:
        e, m = self.system.escrow, self.model.escrow
        outcome = self.both(
            "Escrow.freeze", e, (number,), caller, lambda: m.freeze(number, caller=caller.address)
        )
        return outcome is not None

    def clear(self, caller: Account, number: int, not_before: int) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.both(
            "Escrow.clear",
            e,
            (number, not_before),
            caller,
            lambda: m.clear(number, not_before, caller=caller.address),
        )

    def execute_ruling(self, caller: Account, order: RulingOrder) -> RulingOutcome | None:
        e, m = self.system.escrow, self.model.escrow
        outcome = self.both(
            "Escrow.executeRuling",
            e,
            (tuple(order),),
            caller,
            lambda: m.execute_ruling(order, caller=caller.address),
        )
        if outcome is None:
            return None
        receipt, done = outcome
        found = receipt.result
        assert isinstance(done, RulingOutcome)
        assert (found["paid"], found["overpaid"], found["refunded"]) == done[:3]
        assert tuple(found["slash"].values()) == tuple(done.slash)
        if order.closes:
            self.compare_closed(receipt, order.agreement)
        self.reached[f"ruling {'closes' if order.closes else 'runs on'}"] += 1
        self.reached["ruling recovers of the pledge"] += done.slash.recovered > 0
        self.reached["ruling leaves something to recover"] += done.overpaid > (
            done.slash.recovered + done.slash.to_victim
        )
        return done

    def add_recovery(self, caller: Account, number: int, due: int) -> None:
        s, m = self.system, self.model.ledger
        self.both(
            "ReceiptLedger.addRecovery",
            s.ledger,
            (number, due),
            caller,
            lambda: m.add_recovery(number, due, caller=caller.address),
        )

    def end_recovery(self, caller: Account, number: int) -> None:
        s, m = self.system, self.model.ledger
        self.same(
            "ReceiptLedger.endRecovery",
            s.ledger,
            (number,),
            caller,
            lambda: m.end_recovery(number, caller=caller.address),
        )

    def slash(self, caller: Account, order: SlashOrder) -> None:
        s, m = self.system, self.model
        outcome = self.both(
            "Staking.slash",
            s.staking,
            (tuple(order),),
            caller,
            lambda: m.staking.slash(order, caller=caller.address),
        )
        if outcome is not None:
            assert SlashOutcome(*outcome[0].result.values()) == outcome[1]

    def reserve(self, caller: Account, operator: int, amount: int) -> bool:
        """Court and ledger reserve; whoever else is refused."""
        s, m = self.system, self.model
        return bool(
            self.same(
                "Staking.tryReserve",
                s.staking,
                (operator, amount),
                caller,
                lambda: m.staking.try_reserve(operator, amount, caller=caller.address),
            )
        )

    # Challenges

    def leaf_of(self, batch: PostedBatch, leaf: int, proven: int | None = None) -> Leaf:
        """A leaf with its own proof, or another's."""
        proof = batch.proof(leaf if proven is None else proven)
        return Leaf(batch.number, leaf, batch.figure(leaf), batch.output(leaf), tuple(proof))

    def hold(self, caller: Account, leaf: Leaf) -> bool:
        s, m = self.system, self.model
        outcome = self.both(
            "ReceiptLedger.hold",
            s.ledger,
            ((*leaf[:4], list(leaf.proof)),),
            caller,
            lambda: m.ledger.hold(leaf, caller=caller.address, now=self.now),
        )
        if outcome is not None:
            assert tuple(outcome[0].result) == tuple(outcome[1])
        return outcome is not None

    def unhold(self, caller: Account, batch: int, leaf: int, number: int, end: LeafEnd) -> None:
        s, m = self.system, self.model
        done = self.same(
            "ReceiptLedger.unhold",
            s.ledger,
            (batch, leaf, number, int(end)),
            caller,
            lambda: m.ledger.unhold(batch, leaf, number, end, caller=caller.address, now=self.now),
        )
        if done is not None:
            self.reached[f"leaf {end.name}{' of a cancelled batch' if done else ''}"] += 1

    # What both read

    def ask_backing(self, leaf: Leaf, item: Signing) -> None:
        """Whether a receipt answers for a leaf."""
        number, units = int.from_bytes(leaf.figure[:8], "big"), int.from_bytes(leaf.figure[8:], "big")
        found = self.system.ledger.call(
            "backingFault", leaf.batch, number, units, leaf.output, self.shown(item)
        )
        fault = self.model.ledger.backing_fault(
            leaf.batch, number, units, leaf.output, self.told(item), now=self.now
        )
        assert found == int(fault), (item, ReceiptFault(found), fault)
        self.reached[f"backing {fault.name}"] += 1

    def ask_claim(self, leaf: Leaf | None, item: Signing | None) -> None:
        """What a dispute would stand on: a leaf, or a receipt."""
        m = self.model.ledger
        if leaf is not None:
            shown = (*leaf[:4], list(leaf.proof), NOTHING)
            claimed = m.claim_of_leaf(leaf)
        else:
            assert item is not None
            shown = (0, 0, bytes(18), bytes(32), [], self.shown(item))
            claimed = m.claim_of_receipt(self.told(item), now=self.now)
        found = self.system.ledger.call("claimOf", shown)
        assert tuple(found) == (int(claimed.fault), *claimed[1:]), (found, claimed)
        self.reached[f"claim {claimed.fault.name}"] += 1

    def ask_rejected(
        self, number: int, units: int, output: bytes, verdicts: Sequence[tuple[int, Account]], version: int
    ) -> None:
        """Who rejects a figure."""
        struct = Verdict(number, units, output, False, version, 9_000).hash_struct()
        shown = [(v, version, 9_000, self.sign(key, self.ledger_domain, struct)) for v, key in verdicts]
        found = self.system.ledger.call("rejectedBy", number, units, output, shown)
        told = [SignedVerdict(v, key.address, version, 9_000) for v, key in verdicts]
        who = self.model.ledger.rejected_by(number, told, now=self.now)
        assert list(found) == who, (found, who)
        self.reached["rejected by a quorum" if who else "not rejected"] += 1
