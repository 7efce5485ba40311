"""`SupplierRewards`: TALLY for the fees that suppliers' final work brought. Nothing else mints.

Fees are numbered in the order in which they count: number F earns floor(R0 / 2^floor(F / L)) TALLY-wei. Those of
one day vest second by second from the next midnight on. The contract keeps running sums and searches them; the
model keeps what every day brought and walks through the days, the tranches and the members.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .. import constants
from ..amounts import split_by_weights
from ..constants import DAY
from ..errors import Refused
from .agreements import Escrow
from .dividends import DividendVault
from .policies import check_role
from .tokens import ZERO_ADDRESS, Address, Tally


@dataclass(frozen=True)
class DayGrant:
    """µ of fees of one account that counted on a day (unix time / 86 400), and the TALLY-wei that they brought."""

    day: int
    fees: int
    amount: int

    @property
    def vests_from(self) -> int:
        """The midnight after the day, in seconds."""
        return (self.day + 1) * DAY

    def oldest(self, fees: int) -> DayGrant:
        """What `fees` µ of it brought, rounded down; all of it for that many or more."""
        part = min(fees, self.fees)
        return DayGrant(self.day, part, self.amount * part // self.fees)


@dataclass
class Supplier:
    """An account's grants, the oldest first, and TALLY-wei ever credited, forfeited and claimed."""

    grants: list[DayGrant] = field(default_factory=list)
    credited: int = 0
    forfeited: int = 0
    claimed: int = 0
    overturned: int = 0
    """µ of fees of work ruled bad, ever, for which as many have left the grants, as far as there were any."""
    found: int = 0
    """µ of final work, not ruled bad, that its last checkpoint saw; only the invariants read it."""

    @property
    def fees(self) -> int:
        """µ that count."""
        return sum(grant.fees for grant in self.grants)

    @property
    def amount(self) -> int:
        """TALLY-wei that they brought."""
        return sum(grant.amount for grant in self.grants)

    def kept(self, fees: int) -> Supplier:
        """The account with its oldest `fees` µ only."""
        kept: list[DayGrant] = []
        for grant in self.grants:
            if fees > 0:
                kept.append(grant.oldest(fees))
            fees -= grant.fees
        lost = self.amount - sum(grant.amount for grant in kept)
        return replace(self, grants=kept, forfeited=self.forfeited + lost)

    def vested(self, vesting: int, now: int) -> int:
        """TALLY-wei that have vested: what is over whole, and of what grows a part, rounded down in all."""
        over = growing = 0
        for grant in self.grants:
            age = now - grant.vests_from
            if age >= vesting:
                over += grant.amount
            elif age > 0:
                growing += grant.amount * age
        return over + growing // vesting


@dataclass(kw_only=True)
class SupplierRewards:
    """Checkpoints, vesting, forfeiture and claims. `rate`: R0; `halving`: L; `daily_fees`: D; `vesting`: seconds."""

    token: Tally
    admin: Address
    address: Address
    escrow: Escrow
    dividend_vault: DividendVault
    rate: int = constants.EMISSION_RATE
    halving: int = constants.EMISSION_HALVING
    daily_fees: int = constants.EMISSION_DAILY_FEES
    vesting: int = constants.EMISSION_VESTING
    suppliers: dict[int, Supplier] = field(default_factory=dict)
    shares: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(account, place of the member): TALLY-wei claimed."""
    counted: int = 0
    """F: µ of fees that ever counted."""
    counted_on: Counter[int] = field(default_factory=Counter)
    """µ of fees by the day on which they counted."""
    credited: int = 0
    forfeited: int = 0
    minted: int = 0
    rates: list[tuple[int, int]] = field(default_factory=list)
    """(F, R0): from which fee on which R0 held; only the invariants read it."""

    def __post_init__(self) -> None:
        if ZERO_ADDRESS in (self.admin, self.escrow.address, self.dividend_vault.address):
            raise Refused("SupplierRewards_ZeroAddress")
        if self.token.minter != self.address or self.dividend_vault.token is not self.token:
            raise Refused(
                "SupplierRewards_UnfitToken", "Another contract mints it, or the vault stakes another."
            )
        figures = (self.rate, self.halving, self.daily_fees, self.vesting)
        if (
            0 in figures
            or self.daily_fees > self.halving
            or self.vesting > constants.MAX_EMISSION_VESTING
            or 2 * self.rate * self.halving > self.token.cap
        ):
            raise Refused("SupplierRewards_UnfitSchedule", f"R0, L, D, vesting: {figures}.")
        self.rates.append((0, self.rate))

    # Reads

    def schedule(self, *, now: int) -> tuple[int, int, int, int]:
        """(TALLY-wei that the next µ earns, R0, µ ever counted, µ that still count today)."""
        next_rate = self.emission(self.rate, self.counted, 1)
        return next_rate, self.rate, self.counted, self.daily_fees - self.counted_on[now // DAY]

    def totals(self) -> tuple[int, int, int]:
        """TALLY-wei (credited, forfeited, minted), ever."""
        return self.credited, self.forfeited, self.minted

    def claimable(self, account: int, *, now: int) -> int:
        """TALLY-wei that the owner, or all members of a split together, could claim at `now`."""
        found = self._as_checkpointed(account)
        return max(0, found.vested(self.vesting, now) - found.claimed)

    def claimable_share(self, account: int, index: int, weights: Sequence[int], *, now: int) -> int:
        """As `claimable`, of one member; 0 for one that is none."""
        if index >= len(weights) or sum(weights) == 0:
            return 0
        vested = self._as_checkpointed(account).vested(self.vesting, now)
        return max(0, split_by_weights(vested, weights)[index] - self.share_claimed(account, index))

    def share_claimed(self, account: int, index: int) -> int:
        """TALLY-wei that member `index` of a split has claimed, ever."""
        return self.shares[account, index]

    def lifetime_of(self, account: int, *, now: int) -> tuple[int, int, int, int, int]:
        """(µ that count, µ that a checkpoint would find, TALLY-wei credited, vested, claimed)."""
        found = self._as_checkpointed(account)
        waiting = self._net_fees(account) - found.fees
        return found.fees, waiting, found.amount, found.vested(self.vesting, now), found.claimed

    def emission(self, first_rate: int, start: int, fees: int) -> int:
        """TALLY-wei that fees of numbers `start` to `start + fees - 1` earn at this R0, tranche by tranche."""
        amount = 0
        for tranche in range(first_rate.bit_length()):  # the later ones earn nothing
            first, end = tranche * self.halving, (tranche + 1) * self.halving
            inside = max(0, min(end, start + fees) - max(first, start))
            amount += inside * (first_rate // 2**tranche)
        return amount

    # Writes

    def checkpoint(self, accounts: Sequence[int], *, now: int) -> tuple[int, int]:
        """Counts the new fees of accounts and forfeits what was overturned. Returns (µ, TALLY-wei) new. Anyone."""
        self._check_items(accounts)
        counted, credited = self.counted, self.credited
        for account in accounts:
            self._checkpoint(account, now)
        return self.counted - counted, self.credited - credited

    def claim(self, accounts: Sequence[int], to: Address, *, caller: Address, now: int) -> int:
        """Mints what has vested for the caller's accounts to `to`; returns TALLY-wei."""
        if to == ZERO_ADDRESS:
            raise Refused("SupplierRewards_ZeroAddress")
        dues = self._dues(accounts, caller, now)
        self.token.check_mint(to, sum(dues.values()), caller=self.address)
        self._pay(accounts, dues, now)
        self.token.mint(to, sum(dues.values()), caller=self.address)
        return sum(dues.values())

    def claim_and_stake(self, accounts: Sequence[int], staker: Address, *, caller: Address, now: int) -> int:
        """As `claim`, and stakes it for `staker` in the dividend vault; returns TALLY-wei."""
        dues = self._dues(accounts, caller, now)
        amount = sum(dues.values())
        self.token.check_mint(self.address, amount, caller=self.address)
        self.dividend_vault.check_stake(staker, amount, caller=self.address)
        self._pay(accounts, dues, now)
        self.token.mint(self.address, amount, caller=self.address, booked=True)
        self.dividend_vault.stake_for(staker, amount, caller=self.address, now=now)
        return amount

    def claim_share(
        self,
        account: int,
        index: int,
        members: tuple[Address, ...],
        weights: tuple[int, ...],
        to: Address,
        *,
        caller: Address,
        now: int,
    ) -> int:
        """Mints member `index` of a split its share to `to`; returns TALLY-wei. That member only."""
        if to == ZERO_ADDRESS:
            raise Refused("SupplierRewards_ZeroAddress")
        if self.escrow.splits.get(account) != (members, weights):
            raise Refused("SupplierRewards_WrongSplit", f"These are not the members of account {account}.")
        if index >= len(members) or members[index] != caller:
            raise Refused("SupplierRewards_NotMember", f"{caller} is not member {index} of {account}.")
        amount = self.claimable_share(account, index, weights, now=now)
        if amount == 0:
            raise Refused("SupplierRewards_NothingToClaim", f"Nothing of {account} is due to {caller}.")
        self.token.check_mint(to, amount, caller=self.address)
        self._checkpoint(account, now)
        self.shares[account, index] += amount
        self._book_claim(account, amount)
        self.token.mint(to, amount, caller=self.address)
        return amount

    def lower_rate(self, rate: int, *, caller: Address) -> None:
        """Lowers R0, in TALLY-wei a µ, for fees that have not counted. Behind a role."""
        check_role(self.admin, caller)
        if rate >= self.rate:
            raise Refused("SupplierRewards_RateNotLower", f"{rate} is not below {self.rate}.")
        self.rate = rate
        self.rates.append((self.counted, rate))

    # Parts of several functions

    def _net_fees(self, account: int) -> int:
        """µ of fees of work that is final and was not ruled bad."""
        return max(0, self.escrow.earnings_of(account)[2] - self.escrow.overturned(account))

    def _as_checkpointed(self, account: int) -> Supplier:
        """The account less what was overturned since; fees that wait bring nothing that vests today."""
        found = self.suppliers.get(account, Supplier())
        overturned = self.escrow.overturned(account)
        kept = found.kept(found.fees - (overturned - found.overturned))
        return replace(kept, overturned=overturned)

    def _checkpoint(self, account: int, now: int) -> None:
        """For what was overturned the newest leave; then counts, of what is new, what the day has room for."""
        found = self._as_checkpointed(account)
        today = now // DAY
        waiting = self._net_fees(account) - found.fees
        fees = min(waiting, self.daily_fees - self.counted_on[today])
        if fees:
            amount = self.emission(self.rate, self.counted, fees)
            if found.grants and found.grants[-1].day == today:
                so_far = found.grants.pop()
                found.grants.append(DayGrant(today, so_far.fees + fees, so_far.amount + amount))
            else:
                found.grants.append(DayGrant(today, fees, amount))
            self.counted += fees
            self.counted_on[today] += fees
            self.credited += amount
            found.credited += amount
        before = self.suppliers.get(account, Supplier())
        self.forfeited += found.forfeited - before.forfeited
        found.found = self._net_fees(account)
        self.suppliers[account] = found

    def _dues(self, accounts: Sequence[int], caller: Address, now: int) -> dict[int, int]:
        """TALLY-wei due to the owner of each account; refuses what `claim` refuses, in its order."""
        for account in accounts:
            if self.escrow.owner_of(account) != caller:
                raise Refused("SupplierRewards_NotOwner", f"{caller} does not own account {account}.")
        self._check_items(accounts)
        dues = {account: self.claimable(account, now=now) for account in accounts}
        if not any(dues.values()):
            raise Refused("SupplierRewards_NothingToClaim", "Nothing has vested that was not claimed.")
        return dues

    def _pay(self, accounts: Sequence[int], dues: dict[int, int], now: int) -> None:
        self.checkpoint(accounts, now=now)
        for account, amount in dues.items():
            if amount:
                self._book_claim(account, amount)

    def _book_claim(self, account: int, amount: int) -> None:
        self.suppliers[account].claimed += amount
        self.minted += amount

    @staticmethod
    def _check_items(accounts: Sequence[int]) -> None:
        if len(accounts) > constants.MAX_REWARD_ITEMS:
            raise Refused("SupplierRewards_TooManyItems", f"{len(accounts)} accounts.")
