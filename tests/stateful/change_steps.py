"""Leases, top-ups, replacements, early and many refunds, and pauses, on both worlds."""

from __future__ import annotations

from collections.abc import Sequence

from tallystick.protocol.eip712 import EarlyRefund, Replacement, Terms, TopUp
from tallystick.protocol.model import ReplaceSigned
from tests.stateful.work_steps import WorkSteps
from tests.support.evm import Account, Receipt


class ChangeSteps(WorkSteps):
    """What happens to agreements besides settling."""

    def poke(self, caller: Account, numbers: Sequence[int]) -> None:
        e, m = self.system.escrow, self.model.escrow
        outcome = self.both("Escrow.poke", e, (list(numbers),), caller, lambda: m.poke(numbers, now=self.now))
        if outcome is None:
            return
        receipt, settlement = outcome
        assert receipt.result == settlement.moved
        expected = [(step.agreement, int(step.reason)) for step in settlement.steps if step.reason]
        assert self._skips(receipt) == expected
        for step in settlement.steps:
            self.reached[f"clock {step.reason.name}"] += 1

    @staticmethod
    def _skips(receipt: Receipt) -> list[tuple[int, int]]:
        return [(e.args["agreement"], e.args["reason"]) for e in receipt.events("FigureSkipped")]

    def begin(self, caller: Account, number: int, device: str) -> None:
        e, m = self.system.escrow, self.model.escrow
        outcome = self.both(
            "Escrow.begin",
            e,
            (number, device),
            caller,
            lambda: m.begin(number, device, caller=caller.address, now=self.now),
        )
        if outcome is not None:
            assert outcome[0].event("Begun").args["start"] == outcome[1]

    def top_up(
        self, caller: Account, number: int, budget: int, terms: Terms, signers: Sequence[Account | None]
    ) -> None:
        """`signers`: of the customer and of the operator, over the Terms."""
        e, m = self.system.escrow, self.model.escrow
        customer, operator = signers
        found = m.agreements.get(number)
        parties = (found.customer, found.operator) if found else (0, 0)
        struct = terms.hash_struct()
        self.both(
            "Escrow.topUp",
            e,
            (number, budget, tuple(terms), [self.sign(who, self.escrow_domain, struct) for who in signers]),
            caller,
            lambda: m.top_up(
                number,
                budget,
                terms,
                self.is_owner(customer, parties[0]),
                self.is_operator(operator, parties[1]),
                caller=caller.address,
                now=self.now,
            ),
        )

    def top_up_signed(
        self, caller: Account, number: int, budget: int, deadline: int, signer: Account | None
    ) -> None:
        e, m = self.system.escrow, self.model.escrow
        struct = TopUp(number, budget, deadline).hash_struct()
        self.both(
            "Escrow.topUpSigned",
            e,
            (number, budget, deadline, self.sign(signer, self.escrow_domain, struct)),
            caller,
            lambda: m.top_up_signed(
                number,
                budget,
                deadline,
                self._is_its_operator(signer, number),
                caller=caller.address,
                now=self.now,
            ),
        )

    def _is_its_operator(self, signer: Account | None, number: int) -> bool:
        found = self.model.escrow.agreements.get(number)
        return found is not None and self.is_operator(signer, found.operator)

    def replace(
        self,
        caller: Account,
        old: int,
        final_units: int,
        terms: Terms,
        signers: Sequence[Account | None],
    ) -> None:
        """`signers`: of customer, funder, old operator, new operator."""
        e, m = self.system.escrow, self.model.escrow
        struct = Replacement(old, final_units, terms).hash_struct()
        found = m.agreements.get(old)
        customer, funder, old_operator, new_operator = signers
        signed = ReplaceSigned(
            self.is_owner(customer, found.customer if found else 0),
            self.is_owner(funder, found.funder if found else 0),
            self.is_operator(old_operator, found.operator if found else 0),
            self.is_operator(new_operator, terms.operator),
        )
        outcome = self.both(
            "Escrow.replace",
            e,
            (old, final_units, tuple(terms), [self.sign(who, self.escrow_domain, struct) for who in signers]),
            caller,
            lambda: m.replace(old, final_units, terms, signed, caller=caller.address, now=self.now),
        )
        if outcome is None:
            return
        receipt, number = outcome
        assert receipt.result == number
        before, after = m.agreements[old], m.agreements[number]
        self.compare_closed(receipt, old)
        replaced = receipt.event("Replaced").args
        assert replaced["carried"] == min(before.refunded, after.locked)
        self.agreements.append(number)
        self.terms[number] = terms

    # Endings

    def refund_early(self, caller: Account, number: int, deadline: int, signer: Account | None) -> None:
        e, m = self.system.escrow, self.model.escrow
        struct = EarlyRefund(number, deadline).hash_struct()
        outcome = self.both(
            "Escrow.refundEarly",
            e,
            (number, deadline, self.sign(signer, self.escrow_domain, struct)),
            caller,
            lambda: m.refund_early(
                number,
                deadline,
                self._is_its_operator(signer, number),
                caller=caller.address,
                now=self.now,
            ),
        )
        if outcome is not None:
            self.compare_closed(outcome[0], number)

    def refund_many(self, caller: Account, numbers: Sequence[int]) -> None:
        e, m = self.system.escrow, self.model.escrow
        outcome = self.both(
            "Escrow.refundMany", e, (list(numbers),), caller, lambda: m.refund_many(numbers, now=self.now)
        )
        if outcome is None:
            return
        receipt, refunds = outcome
        skipped = [(e.args["agreement"], e.args["reason"]) for e in receipt.events("RefundSkipped")]
        assert skipped == [(r.agreement, int(r.fault)) for r in refunds if r.fault]
        closed = [
            (e.args["agreement"], e.args["refunded"], e.args["reason"]) for e in receipt.events("Closed")
        ]
        assert closed == [
            (r.agreement, r.refunded, int(m.agreements[r.agreement].close_reason))
            for r in refunds
            if not r.fault
        ]
        for refund in refunds:
            self.reached[f"refund {refund.fault.name}"] += 1

    def runway(self, number: int, numbers: Sequence[int]) -> None:
        e, m = self.system.escrow, self.model.escrow
        found = e.call("runwayOf", number, list(numbers))
        assert found == m.runway_of(number, numbers, now=self.now), (number, numbers)
        self.ok["Escrow.runwayOf"] += 1

    # Pauses

    def pause(self, caller: Account, part: str, duration: int | None) -> None:
        """Pauses openings or posting; None: resumes."""
        s, m = self.system, self.model
        who = caller.address
        if part == "Escrow" and duration is not None:
            wanted = duration
            self.both(
                "Escrow.pauseOpening",
                s.escrow,
                (wanted,),
                caller,
                lambda: m.escrow.pause_opening(wanted, caller=who, now=self.now),
            )
        elif part == "Escrow":
            self.both(
                "Escrow.resumeOpening",
                s.escrow,
                (),
                caller,
                lambda: m.escrow.resume_opening(caller=who, now=self.now),
            )
        elif duration is not None:
            wanted = duration
            self.both(
                "ReceiptLedger.pausePosting",
                s.ledger,
                (wanted,),
                caller,
                lambda: m.ledger.pause_posting(wanted, caller=who, now=self.now),
            )
        else:
            self.both(
                "ReceiptLedger.resumePosting",
                s.ledger,
                (),
                caller,
                lambda: m.ledger.resume_posting(caller=who, now=self.now),
            )
