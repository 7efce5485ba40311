"""Every function of `Escrow` and `ReceiptLedger`, once, on both worlds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tallystick.protocol import eip712, figures, merkle
from tallystick.protocol.eip712 import BatchHeader, Terms
from tallystick.protocol.enums import OpenRefusal, SkipReason
from tallystick.protocol.model import SettleOrder, SignedTerms
from tests.stateful.worlds import PostedBatch, Worlds
from tests.support.evm import Account


class WorkSteps(Worlds):
    """Accounts, agreements, batches."""

    # Escrow: accounts

    def create_account(self, owner: Account) -> int:
        e, m = self.system.escrow, self.model.escrow
        return int(
            self.same(
                "Escrow.createAccount", e, (owner.address,), owner, lambda: m.create_account(owner.address)
            )
        )

    def deposit(self, caller: Account, number: int, amount: int) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.both(
            "Escrow.deposit",
            e,
            (number, amount),
            caller,
            lambda: m.deposit(number, amount, caller=caller.address),
        )

    def deposit_for(self, caller: Account, number: int, amount: int, ref: bytes) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.both(
            "Escrow.depositFor",
            e,
            (number, amount, ref),
            caller,
            lambda: m.deposit_for(number, amount, ref, caller=caller.address),
        )

    def withdraw(self, caller: Account, number: int, amount: int, to: str) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.both(
            "Escrow.withdraw",
            e,
            (number, amount, to),
            caller,
            lambda: m.withdraw(number, amount, to, caller=caller.address),
        )

    def claim(self, caller: Account, number: int, to: str) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.same("Escrow.claim", e, (number, to), caller, lambda: m.claim(number, to, caller=caller.address))

    def allow(self, caller: Account, funder: int, customer: int, policy: int, amount: int) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.both(
            "Escrow.allow",
            e,
            (funder, customer, policy, amount, b"\0" * 32),
            caller,
            lambda: m.allow(funder, customer, policy, amount, caller=caller.address),
        )

    def revoke(self, caller: Account, funder: int, customer: int, policy: int) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.both(
            "Escrow.revoke",
            e,
            (funder, customer, policy),
            caller,
            lambda: m.revoke(funder, customer, policy, caller=caller.address),
        )

    # Escrow: agreements

    def open(self, caller: Account, offers: Sequence[tuple[Terms, Account | None, Account | None]]) -> None:
        """Opens many; each offer with who signed for the customer and for the operator (None: nobody)."""
        s, m = self.system, self.model
        domain = eip712.escrow_domain(s.evm.chain_id, bytes.fromhex(s.escrow.address[2:]))
        items, signatures = [], []
        for terms, customer, operator in offers:
            digest = eip712.digest(domain, terms.hash_struct())
            signatures.append(
                (customer.sign(digest) if customer else b"", operator.sign(digest) if operator else b"")
            )
            items.append(
                SignedTerms(
                    terms,
                    customer is not None and customer.address == m.escrow.owner_of(terms.customer),
                    operator is not None and operator.address == m.staking.owner_of(terms.operator),
                )
            )
        outcome = self.both(
            "Escrow.open",
            s.escrow,
            ([tuple(terms) for terms, _, _ in offers], signatures),
            caller,
            lambda: m.escrow.open_many(items, caller=caller.address, now=self.now),
        )
        assert outcome is not None, "opening never reverts for what an item says"
        receipt, openings = outcome
        assert list(receipt.result) == [opening.agreement for opening in openings]
        refusals = {event.args["index"]: event.args["reason"] for event in receipt.events("OpenRefused")}
        expected = {i: int(o.refusal) for i, o in enumerate(openings) if o.refusal != OpenRefusal.NONE}
        assert refusals == expected
        for opening in openings:
            self.checked[f"refusal {opening.refusal.name}"] += 1
        self.agreements += [opening.agreement for opening in openings if opening.agreement]

    def cancel_nonces(self, caller: Account, word: int, mask: int) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.both(
            "Escrow.cancelNonces",
            e,
            (word, mask),
            caller,
            lambda: m.cancel_nonces(word, mask, caller=caller.address),
        )

    def close(self, caller: Account, agreement: int) -> None:
        e, m = self.system.escrow, self.model.escrow
        outcome = self.both(
            "Escrow.close",
            e,
            (agreement,),
            caller,
            lambda: m.close(agreement, caller=caller.address, now=self.now),
        )
        if outcome is not None:
            assert outcome[0].event("CloseRequested").args["stopAt"] == outcome[1]

    def refund(self, caller: Account, agreement: int) -> None:
        e, m = self.system.escrow, self.model.escrow
        outcome = self.both(
            "Escrow.refund", e, (agreement,), caller, lambda: m.refund(agreement, now=self.now)
        )
        if outcome is not None:
            assert outcome[0].event("Closed").args["refunded"] == outcome[1]

    def retry_release(self, caller: Account, agreement: int) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.both("Escrow.retryRelease", e, (agreement,), caller, lambda: m.retry_release(agreement))

    def settle_directly(self, caller: Account, policy: int, figure: bytes) -> None:
        """Somebody who is not the ledger tries the Escrow's own door."""
        e, m = self.system.escrow, self.model.escrow
        self.both(
            "Escrow.settle",
            e,
            ((policy, self.now, 2**64 - 1, 0), figure, 0),
            caller,
            lambda: m.settle(
                SettleOrder(policy, self.now, 2**64 - 1),
                figures.decode_figures(figure),
                caller=caller.address,
            ),
        )

    # ReceiptLedger

    def post(
        self,
        caller: Account,
        header: BatchHeader,
        items: Sequence[tuple[int, int]],
        signers: Sequence[Account] = (),
    ) -> None:
        """Posts (agreement, units) pairs as they stand, in any order."""
        s, m = self.system, self.model
        packed = b"".join(
            agreement.to_bytes(8, "big") + units.to_bytes(10, "big") for agreement, units in items
        )
        outputs = b"".join(bytes([i + 1]) * 32 for i in range(len(items)))
        signatures: list[bytes] = []
        if signers and items:
            domain = eip712.ledger_domain(s.evm.chain_id, bytes.fromhex(s.ledger.address[2:]))
            leaves = [
                figures.leaf_hash(i, packed[18 * i : 18 * i + 18], outputs[32 * i : 32 * i + 32])
                for i in range(len(items))
            ]
            struct = header.hash_struct(figures.figures_hash(packed), merkle.root(leaves))
            signatures = [signer.sign(eip712.digest(domain, struct)) for signer in signers]
        number = self.same(
            "ReceiptLedger.post",
            s.ledger,
            (tuple(header), packed, outputs, signatures),
            caller,
            lambda: m.ledger.post(
                header, packed, outputs, [x.address for x in signers], caller=caller.address, now=self.now
            ),
        )
        if number is not None:
            self.batches.append(PostedBatch(number, packed, outputs))

    def settle(self, caller: Account, batch: PostedBatch) -> None:
        s, m = self.system, self.model
        outcome = self.both(
            "ReceiptLedger.settle",
            s.ledger,
            (batch.number, batch.figures),
            caller,
            lambda: m.ledger.settle(batch.number, batch.figures, now=self.now),
        )
        self._compare_settlement(outcome)

    def settle_one(self, caller: Account, batch: PostedBatch, index: int, proven: int) -> None:
        """Settles leaf `index` with the proof of leaf `proven`."""
        s, m = self.system, self.model
        figure, output = (
            batch.figures[18 * index : 18 * index + 18],
            batch.outputs[32 * index : 32 * index + 32],
        )
        proof = merkle.proof(figures.leaves(batch.figures, batch.outputs), proven)
        outcome = self.both(
            "ReceiptLedger.settleOne",
            s.ledger,
            (batch.number, index, figure, output, proof),
            caller,
            lambda: m.ledger.settle_one(batch.number, index, figure, output, proof, now=self.now),
        )
        self._compare_settlement(outcome)

    def retire_batch(self, caller: Account, batch: PostedBatch) -> None:
        s, m = self.system, self.model
        self.both(
            "ReceiptLedger.retire",
            s.ledger,
            (batch.number,),
            caller,
            lambda: m.ledger.retire(batch.number, now=self.now),
        )

    def _compare_settlement(self, outcome: tuple[Any, Any] | None) -> None:
        if outcome is None:
            return
        receipt, settlement = outcome
        assert receipt.result == settlement.moved
        skipped = [
            (e.args["agreement"], e.args["units"], e.args["reason"]) for e in receipt.events("FigureSkipped")
        ]
        assert skipped == [(s.agreement, s.units, int(s.reason)) for s in settlement.steps if s.reason]
        paid = {e.args["agreement"]: e.args["paid"] for e in receipt.events("Settled")}
        moving = (SkipReason.NONE, SkipReason.CAPPED_AT_BUDGET)
        assert paid == {
            s.agreement: self.model.escrow.agreements[s.agreement].paid
            for s in settlement.steps
            if s.reason in moving
        }
        for step in settlement.steps:
            self.checked[f"skip {step.reason.name}"] += 1
