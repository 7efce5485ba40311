"""`DividendVault`: fees received in week w stream over week w + 1 to whoever is staked, second by second.

A week's S µ have streamed floor(S x elapsed / 604 800) after `elapsed` seconds. What streams while nobody is
staked joins the following week's stream. The contract takes one step, the model walks from week to week.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .. import constants
from ..constants import ACCUMULATOR_SCALE, MAX_DIVIDEND_ITEMS, MIN_DIVIDEND_STAKE, UINT96_MAX, WEEK
from ..errors import Refused
from .fees import FeeSplitter
from .tokens import ZERO_ADDRESS, Address, Currency, Tally


@dataclass
class Staker:
    """Amounts in TALLY-wei; `owed` in 1e-36 µ up to the accumulator `seen`; `claimed` in µ.

    `payout`: where anyone may send what is owed; the zero address: nowhere.
    """

    staked: int = 0
    exiting: int = 0
    unlocks_at: int = 0
    seen: int = 0
    owed: int = 0
    claimed: int = 0
    payout: Address = ZERO_ADDRESS

    def owed_at(self, accumulator: int) -> int:
        """1e-36 µ earned and not claimed at this accumulator."""
        return self.owed + self.staked * (accumulator - self.seen)


@dataclass
class Stream:
    """The stream at `updated_at`. The accumulator is 1e-36 µ per TALLY-wei, `remainder` what it left."""

    updated_at: int
    this_week: int = 0
    next_week: int = 0
    accumulator: int = 0
    remainder: int = 0
    carried: int = 0

    def advance(self, staked: int, now: int) -> None:
        """Walks to `now` with `staked` TALLY-wei staked all the while."""
        while self.updated_at < now:
            week_ends = (self.updated_at // WEEK + 1) * WEEK
            self._pay(self._streams_until(min(now, week_ends)), staked)
            self.updated_at = min(now, week_ends)
            if self.updated_at == week_ends:
                self.this_week, self.next_week = self.next_week, 0

    def streamed(self) -> int:
        """µ of this week's that have streamed by now."""
        return self.this_week * (self.updated_at % WEEK) // WEEK

    def to_come(self) -> int:
        """µ that have not streamed yet."""
        return self.this_week - self.streamed() + self.next_week

    def _streams_until(self, then: int) -> int:
        elapsed = then - self.updated_at // WEEK * WEEK
        return self.this_week * elapsed // WEEK - self.streamed()

    def _pay(self, amount: int, staked: int) -> None:
        if staked:
            step, self.remainder = divmod(amount * ACCUMULATOR_SCALE + self.remainder, staked)
            self.accumulator += step
        else:
            self.next_week += amount
            self.carried += amount


@dataclass(kw_only=True)
class DividendVault:
    """Stakes, exits and dividends."""

    currency: Currency
    token: Tally
    address: Address
    fee_splitter: FeeSplitter
    stream_state: Stream
    exit_delay: int = constants.EXIT_DELAY
    stakers: dict[Address, Staker] = field(default_factory=dict)
    received: int = 0
    claimed: int = 0
    staked_sum: int = 0

    # Reads

    def total_staked(self) -> int:
        """TALLY-wei that earn."""
        return self.staked_sum

    def staked_of(self, staker: Address) -> int:
        """TALLY-wei of `staker` that earn."""
        return self.stakers.get(staker, Staker()).staked

    def exiting_of(self, staker: Address) -> tuple[int, int]:
        """(TALLY-wei on the way out, when they can be withdrawn)."""
        found = self.stakers.get(staker, Staker())
        return found.exiting, found.unlocks_at

    def claimable(self, staker: Address, *, now: int) -> int:
        """µ that `staker` could claim at `now`, floored."""
        accumulator = self._stream_at(now).accumulator
        return self.stakers.get(staker, Staker()).owed_at(accumulator) // ACCUMULATOR_SCALE

    def payout_of(self, staker: Address) -> Address:
        """Where `claim_for` sends the dividends of `staker`; the zero address: nowhere."""
        return self.stakers.get(staker, Staker()).payout

    def lifetime_of(self, staker: Address, *, now: int) -> tuple[int, int]:
        """(µ that `staker` has ever earned, floored, µ ever claimed)."""
        claimed = self.stakers.get(staker, Staker()).claimed
        return self.claimable(staker, now=now) + claimed, claimed

    def total_carried(self, *, now: int) -> int:
        """µ that streamed while nobody was staked; what did so in two weeks counts twice."""
        return self._stream_at(now).carried

    def stream(self, *, now: int) -> tuple[int, int]:
        """(µ that stream over this week, µ that wait for the next)."""
        then = self._stream_at(now)
        return then.this_week, then.next_week

    def totals(self) -> tuple[int, int]:
        """(µ ever received from fees, µ ever claimed)."""
        return self.received, self.claimed

    # Writes

    def stake(self, amount: int, *, caller: Address, now: int) -> None:
        """Stakes `amount` TALLY-wei of the caller, which earn from now on."""
        self.stake_for(caller, amount, caller=caller, now=now)

    def stake_with_permit(self, amount: int, *, caller: Address, now: int) -> None:
        """As `stake`, with the caller's permit; whether that was used before does not matter."""
        self.stake(amount, caller=caller, now=now)

    def stake_for(self, staker: Address, amount: int, *, caller: Address, now: int) -> None:
        """Stakes `amount` TALLY-wei of the caller for `staker`, to whom they belong from now on."""
        self.check_stake(staker, amount, caller=caller)
        self.token.move(caller, self.address, amount, booked=True)
        self._restake(staker, self.staked_of(staker) + amount, now)

    def check_stake(self, staker: Address, amount: int, *, caller: Address) -> None:
        """Raises what `stake_for` would raise but for the caller's balance, and changes nothing.

        A gift is a whole stake, so that nobody keeps another from taking all out by giving a wei.
        """
        if staker == ZERO_ADDRESS:
            raise Refused("DividendVault_ZeroAddress")
        if amount and staker != caller:
            _check_minimum(amount)
        if amount == 0:
            raise Refused("DividendVault_ZeroAmount")
        _check_minimum(self.staked_of(staker) + amount)
        if self.staked_sum + amount > UINT96_MAX:
            raise Refused("SafeCastOverflowedUintDowncast", "All stakes together have 96 bits.")

    def unstake(self, amount: int, *, caller: Address, now: int) -> None:
        """Stops `amount` TALLY-wei earning; the delay of all that leaves restarts."""
        if amount == 0:
            raise Refused("DividendVault_ZeroAmount")
        staked = self.staked_of(caller) - amount
        if staked < 0:
            raise Refused("DividendVault_NotEnoughStaked", f"{caller} has {staked + amount} staked.")
        if staked:
            _check_minimum(staked)
        found = self._restake(caller, staked, now)
        found.exiting += amount
        found.unlocks_at = now + self.exit_delay

    def withdraw(self, to: Address, *, caller: Address, now: int) -> int:
        """Sends what has left to `to`, in TALLY-wei."""
        if to == ZERO_ADDRESS:
            raise Refused("DividendVault_ZeroAddress")
        amount, unlocks_at = self.exiting_of(caller)
        if amount == 0:
            raise Refused("DividendVault_NothingToWithdraw", f"Nothing of {caller} is leaving.")
        if now < unlocks_at:
            raise Refused("DividendVault_StillLocked", f"Locked until {unlocks_at}.")
        self.token.move(self.address, to, amount)
        found = self.stakers[caller]
        found.exiting, found.unlocks_at = 0, 0
        return amount

    def claim(self, to: Address, *, caller: Address, now: int) -> int:
        """Sends the caller's dividends to `to`, in µ."""
        if to == ZERO_ADDRESS:
            raise Refused("DividendVault_ZeroAddress")
        amount = self.claimable(caller, now=now)
        if amount == 0:
            raise Refused("DividendVault_NothingToClaim", f"{caller} has no whole µ to claim.")
        self._pay(caller, to, amount, now)
        return amount

    def set_payout(self, payout: Address, *, caller: Address) -> None:
        """Lets anyone have the caller's dividends sent to `payout`; the zero address takes it back."""
        self.stakers.setdefault(caller, Staker()).payout = payout

    def claim_for(self, stakers: Sequence[Address], *, now: int) -> int:
        """Sends dividends to the payout addresses that their stakers have set; returns µ. Anyone.

        One that has set none, is owed nothing, or whose address the currency refuses keeps what it is owed.
        """
        if len(stakers) > MAX_DIVIDEND_ITEMS:
            raise Refused("DividendVault_TooManyItems", f"{len(stakers)} stakers.")
        sent = 0
        for staker in stakers:
            to, amount = self.payout_of(staker), self.claimable(staker, now=now)
            if to == ZERO_ADDRESS or amount == 0:
                continue
            try:
                self._pay(staker, to, amount, now)
            except Refused:
                continue
            sent += amount
        return sent

    def pull_fees(self, *, now: int) -> int:
        """Pulls the vault's credit from the fee splitter into next week's stream; returns µ. Anyone."""
        amount = self.fee_splitter.pull(caller=self.address)
        self._advance(now)
        self.stream_state.next_week += amount
        self.received += amount
        return amount

    def _pay(self, staker: Address, to: Address, amount: int, now: int) -> None:
        self.currency.move(self.address, to, amount)
        self._advance(now)
        found = self.stakers[staker]
        found.owed -= amount * ACCUMULATOR_SCALE
        found.claimed += amount
        self.claimed += amount

    def _advance(self, now: int) -> None:
        self.stream_state.advance(self.staked_sum, now)

    def _stream_at(self, now: int) -> Stream:
        then = replace(self.stream_state)
        then.advance(self.staked_sum, now)
        return then

    def _restake(self, staker: Address, staked: int, now: int) -> Staker:
        self._advance(now)
        found = self.stakers.setdefault(staker, Staker())
        found.owed = found.owed_at(self.stream_state.accumulator)
        found.seen = self.stream_state.accumulator
        self.staked_sum += staked - found.staked
        found.staked = staked
        return found


def _check_minimum(staked: int) -> None:
    if staked < MIN_DIVIDEND_STAKE:
        raise Refused("DividendVault_BelowMinimum", f"{staked} TALLY-wei would be staked; 1e18 at least.")
