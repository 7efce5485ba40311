"""`Escrow`: what the Court does to agreements. Freezes them, carries rulings out, lets them run on."""

from __future__ import annotations

from dataclasses import dataclass

from ..amounts import fee
from ..constants import PRICE_SCALE
from ..enums import CloseReason
from ..errors import Refused
from .changing import Changes
from .records import Agreement
from .slashing import RulingOrder, RulingOutcome, SlashOrder
from .tokens import Address


@dataclass(kw_only=True)
class Rulings(Changes):
    """The Court's alone; it is no role."""

    def freeze(self, agreement: int, *, caller: Address) -> None:
        """While frozen its money moves only by `execute_ruling`."""
        self._check_court(caller)
        found = self._open_agreement(agreement)
        if found.frozen:
            raise Refused("Escrow_AlreadyFrozen", f"{agreement} is frozen.")
        found.frozen = True
        found.freezes += 1

    def clear(self, agreement: int, not_before: int, *, caller: Address) -> None:
        """It runs on; no refund before `not_before`."""
        self._check_court(caller)
        found = self._frozen_agreement(agreement)
        found.frozen = False
        found.not_before = max(found.not_before, not_before)

    def execute_ruling(self, order: RulingOrder, *, caller: Address) -> RulingOutcome:
        """Pays up to what stands; then the agreement closes, is recovered from and slashed, or stays frozen."""
        self._check_court(caller)
        found = self._frozen_agreement(order.agreement)
        amount = min(order.amount, found.budget)
        before = found.paid
        self._check_closing(order, found)
        found.rulings += 1
        step = self._raise_paid(order.agreement, 0, amount)
        self.moved_outside += step.moved
        if found.is_lease and found.paid:
            served = -(-found.paid * PRICE_SCALE // found.unit_price)
            found.paid_at = max(found.paid_at, found.start + served)
        paid = found.paid - before
        if order.closes:
            return self._close_ruled(order, found, amount, paid)
        if order.sets_downtime and not found.waits_to_begin:
            found.forgiven += max(0, found.downtime - order.downtime)
            found.downtime = order.downtime
        return RulingOutcome(paid)

    def _check_closing(self, order: RulingOrder, found: Agreement) -> None:
        """Refuses before anything changes what `Staking` would refuse at the end."""
        if order.closes:
            self.staking.check_slash(self._slash_order(order, found, 1 if found.paid > order.amount else 0))

    def _close_ruled(self, order: RulingOrder, found: Agreement, amount: int, paid: int) -> RulingOutcome:
        """Refunds the unspent; what was paid beyond `amount` and not made good is recovered, its fees overturned."""
        refunded = self._close_out(order.agreement, CloseReason.RULED)
        found.frozen = False
        gross = max(0, found.paid - amount)
        fee_provider = fee(amount + gross, found.fee_provider) - fee(amount, found.fee_provider)
        fee_customer = fee(amount + gross, found.fee_customer) - fee(amount, found.fee_customer)
        overpaid = max(0, gross + fee_customer - order.made_good)
        found.fees_ruled = max(0, fee_provider + fee_customer - order.made_good_fees)
        self.accounts[found.payee - 1].overturned += found.fees_ruled
        slash = self.staking.slash_pledge(
            self._slash_order(order, found, overpaid), self.pledge_of(found), order.lent, caller=self.address
        )
        outcome = RulingOutcome(paid, overpaid, refunded, slash)
        found.ruled = (order, outcome)
        return outcome

    def _slash_order(self, order: RulingOrder, found: Agreement, overpaid: int) -> SlashOrder:
        return SlashOrder(
            operator=found.operator,
            recover=overpaid,
            amount=order.slash,
            victim=self.owner_of(found.funder),
            loss=overpaid,
            challenger=order.challenger,
            reward_bps=order.reward_bps,
            fee=order.fee,
            fee_to=order.fee_to,
            reason=order.reason,
        )

    def _frozen_agreement(self, agreement: int) -> Agreement:
        found = self._open_agreement(agreement)
        if not found.frozen:
            raise Refused("Escrow_NotFrozen", f"{agreement} is not frozen.")
        return found

    def _check_court(self, caller: Address) -> None:
        if caller != self.court:
            raise Refused("Escrow_NotCourt", f"{caller} is not the Court.")
