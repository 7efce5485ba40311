"""Every function of `Escrow` and `ReceiptLedger`, once, on both worlds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tallystick.protocol import figures, merkle
from tallystick.protocol.eip712 import BatchHeader, Terms
from tallystick.protocol.enums import OpenRefusal, SkipReason
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.model import SettleOrder, SignedTerms
from tests.stateful.worlds import SPLIT, PostedBatch, Worlds
from tests.support.evm import Account, Receipt


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

    def deposit_with_permit(self, caller: Account, number: int, amount: int, signer: Account) -> None:
        """With a good permit or not; the caller has approved the Escrow anyway, and does again."""
        e, m, c = self.system.escrow, self.model.escrow, self.system.currency
        fields = [
            ("address", "owner", caller.address),
            ("address", "spender", e.address),
            ("uint256", "value", amount),
            ("uint256", "nonce", c.call("nonces", caller.address)),
            ("uint256", "deadline", self.now),
        ]
        signature = signer.sign(self.currency_digest("Permit", fields))
        self.both(
            "Escrow.depositWithPermit",
            e,
            (number, amount, self.now, signature[64], signature[:32], signature[32:64]),
            caller,
            lambda: m.deposit_with_permit(number, amount, caller=caller.address),
        )
        c.transact("approve", e.address, 2**256 - 1, sender=caller)

    def deposit_with_authorization(
        self,
        caller: Account,
        holder: Account,
        number: int,
        amount: int,
        ref: bytes,
        validity: tuple[int, int],
        signer: Account,
    ) -> None:
        """An ERC-3009 authorisation of `holder`, made by `signer`, carried by `caller`."""
        e, m = self.system.escrow, self.model.escrow
        nonce = keccak256(number.to_bytes(32, "big") + ref)
        fields: list[tuple[str, str, Any]] = [
            ("address", "from", holder.address),
            ("address", "to", e.address),
            ("uint256", "value", amount),
            ("uint256", "validAfter", validity[0]),
            ("uint256", "validBefore", validity[1]),
            ("bytes32", "nonce", nonce),
        ]
        signature = signer.sign(self.currency_digest("ReceiveWithAuthorization", fields))
        self.both(
            "Escrow.depositWithAuthorization",
            e,
            (holder.address, number, amount, ref, *validity, signature[64], signature[:32], signature[32:64]),
            caller,
            lambda: m.deposit_with_authorization(
                holder.address, number, amount, ref, validity, signer is holder, now=self.now
            ),
        )

    def currency_digest(self, primary: str, fields: Sequence[tuple[str, str, Any]]) -> bytes:
        """What a holder of the currency signs: its domain, its struct, one word a field."""
        declaration = f"{primary}({','.join(f'{kind} {name}' for kind, name, _ in fields)})"
        words = [
            bytes.fromhex(value[2:]).rjust(32, b"\0")
            if kind == "address"
            else value
            if isinstance(value, bytes)
            else value.to_bytes(32, "big")
            for kind, _, value in fields
        ]
        struct = keccak256(keccak256(declaration.encode()) + b"".join(words))
        separator = self.system.currency.call("DOMAIN_SEPARATOR")
        return keccak256(b"\x19\x01" + separator + struct)

    def create_split(self, caller: Account, members: Sequence[str], weights: Sequence[int]) -> None:
        e, m = self.system.escrow, self.model.escrow
        self.same(
            "Escrow.createSplit",
            e,
            (list(members), list(weights)),
            caller,
            lambda: m.create_split(tuple(members), tuple(weights)),
        )

    def claim_share(self, caller: Account, number: int, place: int, to: str) -> None:
        e, m = self.system.escrow, self.model.escrow
        members, weights = SPLIT
        self.same(
            "Escrow.claimShare",
            e,
            (number, place, list(members), list(weights), to),
            caller,
            lambda: m.claim_share(number, place, members, weights, to, caller=caller.address),
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
        items, signatures = [], []
        for terms, customer, operator in offers:
            struct = terms.hash_struct()
            signatures.append(
                tuple(self.sign(who, self.escrow_domain, struct) for who in (customer, operator))
            )
            items.append(
                SignedTerms(
                    terms,
                    self.is_owner(customer, terms.customer),
                    self.is_operator(operator, terms.operator),
                )
            )
        outcome = self.both(
            "Escrow.open",
            s.escrow,
            ([tuple(terms) for terms, _, _ in offers], signatures),
            caller,
            lambda: m.escrow.open_many(items, caller=caller.address, now=self.now),
        )
        if outcome is None:  # paused; opening never reverts for what an item says
            assert self.now < m.escrow.paused_until
            return
        receipt, openings = outcome
        assert list(receipt.result) == [opening.agreement for opening in openings]
        refusals = {event.args["index"]: event.args["reason"] for event in receipt.events("OpenRefused")}
        expected = {i: int(o.refusal) for i, o in enumerate(openings) if o.refusal != OpenRefusal.NONE}
        assert refusals == expected
        for opening in openings:
            self.reached[f"refusal {opening.refusal.name}"] += 1
        for (terms, _, _), opening in zip(offers, openings, strict=True):
            if opening.agreement:
                self.agreements.append(opening.agreement)
                self.terms[opening.agreement] = terms

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

    def compare_closed(self, receipt: Receipt, number: int) -> None:
        """What `Closed` says is what the model did."""
        found, closed = self.model.escrow.agreements[number], receipt.event("Closed").args
        assert (closed["paid"], closed["refunded"], closed["reason"]) == (
            found.paid,
            found.refunded,
            int(found.close_reason),
        )
        self.reached[f"closed {found.close_reason.name}"] += 1

    def refund(self, caller: Account, agreement: int) -> None:
        e, m = self.system.escrow, self.model.escrow
        outcome = self.both(
            "Escrow.refund", e, (agreement,), caller, lambda: m.refund(agreement, now=self.now)
        )
        if outcome is not None:
            assert m.agreements[agreement].refunded == outcome[1]
            self.compare_closed(outcome[0], agreement)

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
            leaves = [
                figures.leaf_hash(i, packed[18 * i : 18 * i + 18], outputs[32 * i : 32 * i + 32])
                for i in range(len(items))
            ]
            struct = header.hash_struct(figures.figures_hash(packed), merkle.root(leaves))
            signatures = [self.sign(signer, self.ledger_domain, struct) for signer in signers]
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
        figure, output, proof = batch.figure(index), batch.output(index), batch.proof(proven)
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
            if s.reason in moving and s.gross
        }
        for step in settlement.steps:
            self.reached[f"skip {step.reason.name}"] += 1
