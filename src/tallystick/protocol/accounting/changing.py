"""`Escrow`: agreements that change while they run. Top-ups and replacements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..amounts import ceil_bps, locked_for, price_of
from ..enums import CloseReason
from ..errors import Refused
from .accounts import Allowance
from .ending import Endings
from .opening import check_mode
from .records import Agreement, ReplaceSigned, SignedTerms
from .tokens import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..eip712 import Terms


@dataclass(kw_only=True)
class Changes(Endings):
    """A higher budget; another price, payee or operator."""

    replaced: dict[int, int] = field(default_factory=dict)
    """What took the place of an agreement, by the old number."""

    def top_up(
        self,
        agreement: int,
        budget: int,
        terms: Terms,
        customer_signed: bool = True,
        operator_signed: bool = True,
        *,
        caller: Address,
        now: int,
    ) -> None:
        """Raises the budget up to the Terms' `max_budget`; both signatures are shown. Funder's owner only."""
        found = self._open_agreement(agreement)
        check_mode(terms)
        terms_hash = terms.hash_struct()
        if int.from_bytes(terms_hash[:4], "big") != agreement & 0xFFFFFFFF or terms_hash != found.terms_hash:
            raise Refused("Escrow_WrongTerms", f"{agreement} was opened with other Terms.")
        customer, operator = self.owner_of(found.customer), self.staking.owner_of(found.operator)
        for signed, signer in ((customer_signed, customer), (operator_signed, operator)):
            if not signed and caller != signer:
                raise Refused("Escrow_BadSignature", f"{signer} did not sign these Terms.")
        self._top_up(agreement, found, budget, terms.max_budget, caller, now)

    def top_up_signed(
        self,
        agreement: int,
        budget: int,
        deadline: int,
        operator_signed: bool = True,
        *,
        caller: Address,
        now: int,
    ) -> None:
        """As `top_up`, beyond `max_budget` too, with the operator's consent."""
        found = self._open_agreement(agreement)
        if now > deadline:
            raise Refused("Escrow_DeadlinePassed", f"The signature was good until {deadline}.")
        self._check_operator(agreement, deadline, operator_signed, caller, now)
        self._top_up(agreement, found, budget, 2**56 - 1, caller, now)

    def _top_up(
        self, agreement: int, found: Agreement, budget: int, most: int, caller: Address, now: int
    ) -> None:
        if caller != self.owner_of(found.funder):
            raise Refused("Escrow_NotOwner", f"{caller} does not own account {found.funder}.")
        if found.frozen:
            raise Refused("Escrow_Held", f"{agreement} is frozen.")
        if now >= found.ends_at:
            raise Refused("Escrow_Ended", f"{agreement} ended at {found.ends_at}.")
        if not found.budget < budget <= most:
            raise Refused("Escrow_BudgetOutOfRange", f"{budget} µ; above {found.budget}, up to {most}.")
        more = locked_for(budget, found.fee_customer) - found.locked
        free = self.balance_of(found.funder)[0]
        if more > free:
            raise Refused("Escrow_NotEnoughFree", f"{more} µ wanted, {free} µ free.")
        allowed = self.allowance_of(found.funder, found.customer, found.policy)[0]
        if found.sponsored and more > allowed:
            raise Refused("Escrow_NotEnoughAllowance", f"{more} µ wanted, {allowed} µ allowed.")
        coverage = self.policy_book.coverage_of(found.policy)
        pledge = ceil_bps(budget, coverage) - self.pledge_of(found)
        if pledge and not self.staking.try_pledge(found.operator, pledge, caller=self.address):
            raise Refused(
                "Escrow_NotEnoughStake", f"Operator {found.operator} cannot pledge {pledge} µ more."
            )
        self._lock(found.funder, found.customer, found.policy, more)
        found.budget = budget
        found.locked_in += more

    def replace(
        self,
        old: int,
        final_units: int,
        terms: Terms,
        signed: ReplaceSigned | None = None,
        *,
        caller: Address,
        now: int,
    ) -> int:
        """Pays `old` up to `final_units`, closes it and opens `terms` instead; returns the new number.

        All or nothing. LEASE: final units are payable seconds.
        """
        found = self._movable_agreement(old)
        check_mode(terms)
        if (terms.customer, terms.funder) != (found.customer, found.funder):
            raise Refused("Escrow_OtherParties", f"{old} is of another customer or funder.")
        most = found.elapsed(now)
        if found.is_lease and final_units > most:
            raise Refused("Escrow_UnitsOutOfRange", f"{final_units} s; {most} s can have been served.")
        self._check_replacement(old, found, terms, signed or ReplaceSigned(), caller)
        undo = self._remember(found)
        step = self._raise_paid(old, final_units, price_of(final_units, found.unit_price))
        if found.is_lease and step.gross:
            found.paid_at = max(found.paid_at, found.start + final_units)
        self._close_out(old, CloseReason.REPLACED)
        self._release_pledge(old)
        opening = self._open_one(SignedTerms(terms), caller, now)
        if not opening.agreement:
            undo()
            raise Refused("Escrow_ReplacementRefused", f"The new agreement: {opening.refusal.name}.")
        self.moved_outside += step.moved
        self.replaced[old] = opening.agreement
        return opening.agreement

    def _remember(self, found: Agreement) -> Callable[[], None]:
        """What puts everything back that a replacement touches before its opening may be refused."""
        key = (found.funder, found.customer, found.policy)
        parts = [
            found,
            self.accounts[found.funder - 1],
            self.accounts[found.payee - 1],
            self.allowances.setdefault(key, Allowance()),
            self.staking.operators[found.operator - 1],
        ]
        saved, accrued = [(part, vars(part).copy()) for part in parts], self.fees_accrued

        def undo() -> None:
            for part, values in saved:
                vars(part).update(values)
            self.fees_accrued = accrued

        return undo

    def _check_replacement(
        self, old: int, found: Agreement, terms: Terms, signed: ReplaceSigned, caller: Address
    ) -> None:
        """Customer, funder (unless it is the customer or the old policy waives it) and both operators."""
        waived = not found.sponsored or self.policy_book.get(found.policy).funder_waived
        old_owner, new_owner = (
            self.staking.owner_of(found.operator),
            self.staking.owner_of(terms.operator),
        )
        sides = [
            (signed.customer, self.owner_of(found.customer)),
            (signed.funder or waived, self.owner_of(found.funder)),
            (signed.old_operator, old_owner),
            (signed.new_operator or new_owner in (old_owner, ZERO_ADDRESS), new_owner),
        ]
        for good, signer in sides:
            if not good and caller != signer:
                raise Refused("Escrow_BadSignature", f"{signer} did not sign the replacement of {old}.")
