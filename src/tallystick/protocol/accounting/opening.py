"""`Escrow`: from the signed offer to the open agreement, and the guardian's pause of openings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .. import constants
from ..amounts import ceil_bps, locked_for
from ..eip712 import Terms, agreement_number
from ..enums import Mode, OpenRefusal, VerificationKind
from ..errors import EncodingError, Refused
from .book import EscrowBook
from .policies import check_role
from .records import Agreement, Opening, SignedTerms
from .tokens import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class Openings(EscrowBook):
    """Opening, nonces, the pause."""

    paused_until: int = 0
    pauses: list[tuple[int, int]] = field(default_factory=list)
    """(began, ended or ends) of every pause; only the invariants read it."""

    def open(
        self,
        terms: Terms,
        customer_signed: bool = True,
        operator_signed: bool = True,
        *,
        caller: Address = ZERO_ADDRESS,
        now: int,
    ) -> Opening:
        """Opens one agreement; see `open_many`."""
        item = SignedTerms(terms, customer_signed, operator_signed)
        return self.open_many([item], caller=caller, now=now)[0]

    def open_many(
        self, items: Sequence[SignedTerms], *, caller: Address = ZERO_ADDRESS, now: int
    ) -> list[Opening]:
        """Opens agreements, at most 256; an item that cannot open says why and changes nothing."""
        if now < self.paused_until:
            raise Refused("Escrow_OpeningPaused", f"Openings are paused until {self.paused_until}.")
        self._check_items(len(items))
        for item in items:
            check_mode(item.terms)
        return [self._open_one(item, caller, now) for item in items]

    def _open_one(self, item: SignedTerms, caller: Address, now: int) -> Opening:
        terms = item.terms
        terms_hash = terms.hash_struct()
        policy = self.policy_book.find(terms.policy)
        refusal = (
            self._refusal_of_terms(terms, now)
            or self._refusal_of_parties(item, caller)
            or self._refusal_of_credentials(terms, now)
            or self._refusal_of_money(terms)
        )
        if refusal or policy is None:
            return Opening(0, refusal)
        pledge = ceil_bps(terms.budget, policy.coverage_bps)
        if not self.staking.try_pledge(terms.operator, pledge, caller=self.address):
            return Opening(0, OpenRefusal.NOT_ENOUGH_STAKE)
        locked = locked_for(terms.budget, self.fee_customer)
        self._lock(terms.funder, terms.customer, terms.policy, locked)
        self._spend(self.owner_of(terms.customer), terms.customer_nonce)
        self._spend(self.staking.owner_of(terms.operator), terms.operator_nonce)
        self.sequence += 1
        number = agreement_number(self.sequence, terms_hash)
        mode = Mode(terms.mode)
        start = max(terms.start, now)
        attested = mode == Mode.LEASE and policy.kind == VerificationKind.TEE
        self.agreements[number] = Agreement(
            customer=terms.customer,
            funder=terms.funder,
            operator=terms.operator,
            payee=terms.payee,
            mode=mode,
            policy=terms.policy,
            unit_price=terms.unit_price,
            budget=terms.budget,
            fee_provider=self.fee_provider,
            fee_customer=self.fee_customer,
            start=terms.expiry if attested else start,
            end=terms.expiry,
            earliest=start,
            terms_hash=terms_hash,
            max_budget=terms.max_budget,
            locked_in=locked,
        )
        return Opening(number, OpenRefusal.NONE)

    def _lock(self, funder: int, customer: int, policy: int, amount: int) -> None:
        """Locks free money of the funder that was checked before; a sponsor's allowance falls by as much."""
        account = self.accounts[funder - 1]
        account.free -= amount
        account.locked += amount
        if funder != customer:
            self.allowances[funder, customer, policy].amount -= amount

    def _spend(self, signer: Address, nonce: int) -> None:
        self.nonces[signer, nonce] = self.nonces.get((signer, nonce), 0) + 1

    def _refusal_of_terms(self, terms: Terms, now: int) -> OpenRefusal:
        clock = max(terms.start, now)
        if now > terms.deadline:
            return OpenRefusal.DEADLINE_PASSED
        if terms.unit_price == 0:
            return OpenRefusal.PRICE_IS_ZERO
        if not 0 < terms.budget <= terms.max_budget:
            return OpenRefusal.BUDGET_OUT_OF_RANGE
        if not clock < terms.expiry <= clock + constants.MAX_TERM or clock > now + constants.MAX_TERM:
            return OpenRefusal.TIMES_OUT_OF_RANGE
        if not self.policy_book.opening_terms(terms.policy)[0]:
            return OpenRefusal.POLICY_NOT_OPEN
        if self.fee_provider > terms.max_fee_provider or self.fee_customer > terms.max_fee_customer:
            return OpenRefusal.FEE_ABOVE_MAXIMUM
        return OpenRefusal.NONE

    def _refusal_of_parties(self, item: SignedTerms, caller: Address) -> OpenRefusal:
        terms = item.terms
        customer, operator = self.owner_of(terms.customer), self.staking.owner_of(terms.operator)
        ownerless = ZERO_ADDRESS in (customer, self.owner_of(terms.funder))  # unknown, or a split
        if ownerless or self.find_account(terms.payee) is None:
            return OpenRefusal.UNKNOWN_ACCOUNT
        if operator == ZERO_ADDRESS:
            return OpenRefusal.UNKNOWN_OPERATOR
        to_spend = {(customer, terms.customer_nonce), (operator, terms.operator_nonce)}
        if len(to_spend - self.nonces.keys()) != 2:
            return OpenRefusal.NONCE_SPENT
        if not item.customer_signed and caller != customer:
            return OpenRefusal.BAD_CUSTOMER_SIGNATURE
        if not item.operator_signed and caller != operator:
            return OpenRefusal.BAD_OPERATOR_SIGNATURE
        return OpenRefusal.NONE

    def _refusal_of_credentials(self, terms: Terms, now: int) -> OpenRefusal:
        policy = self.policy_book.get(terms.policy)
        book, operator = self.credentials, self.staking.operators[terms.operator - 1]
        customer = self.owner_of(terms.customer)
        if not book.meets(policy.issuer, policy.customer_credentials, customer, now=now):
            return OpenRefusal.CUSTOMER_CREDENTIAL_MISSING
        profile = (operator.hardware_class, operator.region)
        if not book.meets_as(policy.issuer, policy.operator_credentials, operator.owner, *profile, now=now):
            return OpenRefusal.OPERATOR_CREDENTIAL_MISSING
        return OpenRefusal.NONE

    def _refusal_of_money(self, terms: Terms) -> OpenRefusal:
        locked = locked_for(terms.budget, self.fee_customer)
        if locked > self.balance_of(terms.funder)[0]:
            return OpenRefusal.NOT_ENOUGH_FUNDS
        if terms.funder == terms.customer:
            return OpenRefusal.NONE
        if locked > self.allowance_of(terms.funder, terms.customer, terms.policy)[0]:
            return OpenRefusal.NOT_ENOUGH_ALLOWANCE
        return OpenRefusal.NONE

    def cancel_nonces(self, word: int, mask: int, *, caller: Address) -> None:
        """Spends the nonces word * 256 + bit of the caller for every bit of `mask`."""
        for bit in range(256):
            if mask >> bit & 1:
                self.nonces.setdefault((caller, word * 256 + bit), 0)

    # Pausing

    def opening_pause(self) -> tuple[int, int]:
        """(when the pause ends or ended, when the next may begin)."""
        return self.paused_until, self.paused_until + constants.PAUSE_INTERVAL if self.paused_until else 0

    def pause_opening(self, duration: int, *, caller: Address, now: int) -> None:
        """Pauses `open` for `duration` seconds, not again within 30 days of the pause's end. Guardian."""
        check_role(self.admin, caller)
        if duration > self.max_pause or now < self.opening_pause()[1]:
            raise Refused("Escrow_PauseRefused", f"No pause of {duration} s now.")
        self.paused_until = now + duration
        self.pauses.append((now, self.paused_until))

    def resume_opening(self, *, caller: Address, now: int) -> None:
        """Ends the pause early. Guardian."""
        check_role(self.admin, caller)
        if now >= self.paused_until:
            raise Refused("Escrow_NotPaused", "Openings are not paused.")
        self.paused_until = now
        self.pauses[-1] = (self.pauses[-1][0], now)


def check_mode(terms: Terms) -> None:
    """Refuses what the contract's ABI cannot carry."""
    if terms.mode not in tuple(Mode):
        raise EncodingError("There is no such mode.")
