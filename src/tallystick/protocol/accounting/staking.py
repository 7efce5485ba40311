"""`Staking`: collateral of operators, in µ. stake = free + pledged + reserved + thawing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .. import constants
from ..enums import BondSource, Role
from ..errors import Refused
from .operators import Operator, OperatorRegistry
from .policies import check_role
from .slashing import Slashed, SlashOrder, SlashOutcome
from .tokens import ZERO_ADDRESS, Address, Token


@dataclass
class Staking(OperatorRegistry):
    """Stake in and out, pledges, reservations, slashes and the credits that come of them."""

    slashes: list[Slashed] = field(default_factory=list)
    forfeited: Counter[Address] = field(default_factory=Counter)
    """µ of reservations that somebody else was credited, by who ordered it; these two only for the invariants."""

    # Stake

    def stake(self, operator: int, amount: int, *, caller: Address) -> None:
        """Adds `amount` µ of the caller to the free stake of `operator`."""
        found = self.find(operator)
        if found is None:
            raise Refused("Staking_UnknownOperator", f"There is no operator {operator}.")
        if amount == 0:
            raise Refused("Staking_ZeroAmount")
        if found.stake + amount > constants.UINT64_MAX:
            raise Refused("StakeParts_TooMuch", "An operator's stake has 64 bits.")
        self.currency.move(caller, self.address, amount, booked=True)
        found.free += amount
        found.staked_in += amount

    def unstake(self, operator: int, amount: int, *, caller: Address, now: int) -> None:
        """Starts to thaw `amount` µ of free stake; the clock of all that thaws restarts."""
        found = self._owned(operator, caller)
        if amount == 0:
            raise Refused("Staking_ZeroAmount")
        if amount > found.free:
            raise Refused("Staking_NotEnoughFree", f"{amount} µ wanted, {found.free} µ free.")
        found.free -= amount
        found.thawing += amount
        found.thaw_ends = now + self.parameters.thaw_period

    def cancel_thaw(self, operator: int, *, caller: Address) -> None:
        """Turns everything that thaws back into free stake."""
        found = self._owned(operator, caller)
        if found.thawing == 0:
            raise Refused("Staking_NothingThaws", f"Nothing of operator {operator} thaws.")
        found.free, found.thawing, found.thaw_ends = found.free + found.thawing, 0, 0

    def withdraw(self, operator: int, to: Address, *, caller: Address, now: int) -> int:
        """Pays what has thawed to `to`, in µ."""
        found = self._owned(operator, caller)
        if to == ZERO_ADDRESS:
            raise Refused("Staking_ZeroAddress")
        amount = found.thawing
        if amount == 0:
            raise Refused("Staking_NothingThaws", f"Nothing of operator {operator} thaws.")
        if now < found.thaw_ends:
            raise Refused("Staking_StillThawing", f"Thawing until {found.thaw_ends}.")
        self.currency.move(self.address, to, amount)
        found.thawing, found.thaw_ends = 0, 0
        found.taken_out += amount
        return amount

    def claim_credit(self, to: Address, *, caller: Address, booked: bool = False) -> int:
        """Pays the caller's credits from slashes to `to`, in µ."""
        if to == ZERO_ADDRESS:
            raise Refused("Staking_ZeroAddress")
        amount = self.credits.get(caller, 0)
        if amount == 0:
            raise Refused("Staking_NothingToClaim", f"Nothing is owed to {caller}.")
        self.currency.move(self.address, to, amount, booked=booked)
        self.credits[caller] = 0
        self.credits_claimed += amount
        return amount

    # The Escrow's side

    def try_pledge(self, operator: int, amount: int, *, caller: Address) -> bool:
        """Moves `amount` µ from free to pledged; False when it does not fit. Escrow only."""
        self._check_escrow(caller)
        found = self.find(operator)
        if found is None or not self.is_active(operator, Role.PROVIDER):
            return False
        if amount > self._spare(found):
            return False
        found.free -= amount
        found.pledged += amount
        return True

    def release(self, operator: int, amount: int, *, caller: Address) -> None:
        """Moves `amount` µ from pledged back to free. Escrow only."""
        self._check_escrow(caller)
        found = self.operators[operator - 1]
        missing = max(0, amount - found.pledged)
        if missing > found.lent:
            raise Refused("StakeParts_TooLittle", f"{amount} µ wanted, {found.pledged} µ pledged.")
        found.lent -= missing  # a bond borrows it, and gives it back as free stake
        found.pledged -= amount - missing
        found.free += amount - missing

    # The ReceiptLedger's side

    def try_reserve(self, operator: int, amount: int, *, caller: Address) -> bool:
        """Moves `amount` µ from free to reserved; False when it does not fit. ReceiptLedger and Court only."""
        self._check_reserver(caller)
        found = self.find(operator)
        if found is None or amount > self._spare(found):
            return False
        found.free -= amount
        found.reserved += amount
        return True

    def unreserve(self, operator: int, amount: int, *, caller: Address) -> None:
        """Moves `amount` µ from reserved back to free. ReceiptLedger and Court only."""
        self._check_reserver(caller)
        self._reserved(operator, amount).free += amount

    def forfeit(self, operator: int, amount: int, to: Address, *, caller: Address) -> None:
        """Turns `amount` µ of reserved stake into a credit of `to`. ReceiptLedger and Court only."""
        self._check_reserver(caller)
        if to == ZERO_ADDRESS:
            raise Refused("Staking_ZeroAddress")
        found = self._reserved(operator, amount)
        found.taken_out += amount
        self.forfeited[caller] += amount
        self._credit(to, amount)

    def take_bond(
        self, operator: int, amount: int, pledge: int, payer: Address, *, caller: Address
    ) -> BondSource:
        """Reserves `amount` µ: of free stake, else of `pledge`, else pulled from `payer`. ReceiptLedger only."""
        self._check_ledger(caller)
        found = self.operators[operator - 1]
        if amount <= self._spare(found):
            source = BondSource.FREE
            found.free -= amount
        elif amount <= min(pledge, found.pledged):
            source = BondSource.PLEDGE
            found.pledged -= amount
            found.lent += amount
        else:
            try:
                self.currency.move(payer, self.address, amount, booked=True)
            except Refused:
                return BondSource.NONE
            source = BondSource.CURRENCY
            found.staked_in += amount
        found.reserved += amount
        return source

    def return_bond(self, operator: int, amount: int, source: BondSource, *, caller: Address) -> None:
        """Gives a bond back: to the pledges as far as they still want it, else to free stake. ReceiptLedger only."""
        self._check_ledger(caller)
        found = self._reserved(operator, amount)
        to_pledge = min(amount, found.lent) if source == BondSource.PLEDGE else 0
        found.lent -= to_pledge
        found.pledged += to_pledge
        found.free += amount - to_pledge

    # Slashing

    def slash(self, order: SlashOrder, *, caller: Address) -> SlashOutcome:
        """Takes free, then thawing stake: the slash, then the fee. Court and Challenges only."""
        if caller not in (self.court, self.challenges):
            raise Refused("Staking_NotCourt", f"{caller} is neither Court nor Challenges.")
        self.check_slash(order)
        if order.recover:
            raise Refused("Staking_BadSlash", "Only a pledge can be recovered from.")
        return self._slash(order, 0, 0)

    def slash_pledge(self, order: SlashOrder, pledge: int, lent: int, *, caller: Address) -> SlashOutcome:
        """Ends a pledge, of which bonds hold `lent`: recovers from it alone, then slashes and charges, it first.

        What of it is not taken becomes free. Escrow only.
        """
        self._check_escrow(caller)
        self.check_slash(order)
        found = self.operators[order.operator - 1]
        back = min(lent, pledge, found.lent)
        held = min(pledge - back, found.pledged)
        found.lent -= min(pledge - held, found.lent)
        found.pledged -= held
        return self._slash(order, pledge, held)

    def check_slash(self, order: SlashOrder) -> None:
        """Refuses an order of an unknown operator, with a nameless receiver of a share, or with too high a reward."""
        if self.find(order.operator) is None:
            raise Refused("Staking_UnknownOperator", f"There is no operator {order.operator}.")
        nameless = (
            ((order.loss or order.recover) and order.victim == ZERO_ADDRESS)
            or (order.reward_bps and order.challenger == ZERO_ADDRESS)
            or (order.fee and order.fee_to == ZERO_ADDRESS)
        )
        if nameless or order.reward_bps > constants.MAX_REWARD_BPS:
            raise Refused("Staking_BadSlash", f"{order}")

    def _slash(self, order: SlashOrder, pledge: int, held: int) -> SlashOutcome:
        """Recovers from `held` alone; slashes and charges that, then free, then thawing stake; frees the rest."""
        found = self.operators[order.operator - 1]
        before = found.stake + held
        recovered = min(order.recover, held)
        slash_of_pledge = min(order.amount, held - recovered)
        fee_of_pledge = min(order.fee, held - recovered - slash_of_pledge)
        from_pledge = recovered + slash_of_pledge + fee_of_pledge
        found.free += held - from_pledge
        slashed = slash_of_pledge + self._drain(found, order.amount - slash_of_pledge)
        fee = fee_of_pledge + self._drain(found, order.fee - fee_of_pledge)
        found.taken_out += recovered + slashed + fee
        to_victim, to_challenger, to_insurance = order.shares(slashed, recovered)
        for holder, amount in (
            (order.victim, recovered + to_victim),
            (order.challenger, to_challenger),
            (self.insurance, to_insurance),
            (order.fee_to, fee),
        ):
            self._credit(holder, amount)
        outcome = SlashOutcome(recovered, slashed, to_victim, to_challenger, to_insurance, fee)
        self.slashes.append(Slashed(order.operator, order, outcome, from_pledge, pledge, before, found.stake))
        return outcome

    @staticmethod
    def _drain(found: Operator, amount: int) -> int:
        """Takes up to `amount` µ of free, then of thawing stake; returns how much."""
        from_free = min(amount, found.free)
        from_thawing = min(amount - from_free, found.thawing)
        found.free -= from_free
        found.thawing -= from_thawing
        if from_thawing and found.thawing == 0:
            found.thaw_ends = 0
        return from_free + from_thawing

    # Donations

    def recover_surplus(self, token: Token, to: Address, *, caller: Address) -> int:
        """Sends what was donated to `to`; returns how much. Behind a role."""
        check_role(self.admin, caller)
        if to == ZERO_ADDRESS:
            raise Refused("Staking_ZeroAddress")
        owed = self.total_stake() + self.total_credits() if token is self.currency else 0
        if token.balance_of(self.address) <= owed:
            raise Refused("Staking_ZeroAmount", "Nothing was donated.")
        return token.recover(self.address, to, owed)

    # Parts of several functions

    def _spare(self, found: Operator) -> int:
        """µ of free stake above the highest minimum of the operator's roles."""
        return max(0, found.free - self.minimum_stake(found.roles))

    def _credit(self, holder: Address, amount: int) -> None:
        self.credits[holder] = self.credits.get(holder, 0) + amount

    def _reserved(self, operator: int, amount: int) -> Operator:
        """The operator, after `amount` µ left its reserved stake."""
        found = self.operators[operator - 1]
        if amount > found.reserved:
            raise Refused("Staking_NotEnoughReserved", f"{amount} µ wanted, {found.reserved} µ reserved.")
        found.reserved -= amount
        return found

    def _check_escrow(self, caller: Address) -> None:
        if caller != self.escrow:
            raise Refused("Staking_NotEscrow", f"{caller} is not the Escrow.")

    def _check_reserver(self, caller: Address) -> None:
        if caller not in (self.ledger, self.court):
            raise Refused("Staking_NotLedger", f"{caller} is neither the ReceiptLedger nor the Court.")

    def _check_ledger(self, caller: Address) -> None:
        if caller != self.ledger:
            raise Refused("Staking_NotLedger", f"{caller} is not the ReceiptLedger.")
