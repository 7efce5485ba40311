"""`FeeSplitter` and `InsurancePool`: fees credited to three recipients, which each pulls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .. import constants
from ..amounts import fee
from ..errors import Refused
from .agreements import Escrow
from .policies import check_role
from .staking import Staking
from .tokens import ZERO_ADDRESS, Address, Currency


@dataclass
class Credits:
    """µ credited and not yet pulled, and the sums that the floors are taken of."""

    dividends: int = 0
    insurance: int = 0
    treasury: int = 0
    credited: int = 0
    credited_before: int = 0
    treasury_since: int = 0

    def plus(self, amount: int, insurance_bps: int, treasury_bps: int) -> Credits:
        """The credits after `amount` µ more.

        Insurance and treasury are floored on the sum since the shares were set; when both floors rise on the
        same µ, the treasury's waits for the next fees. Dividends get the rest.
        """
        before = self.credited - self.credited_before
        insurance = fee(before + amount, insurance_bps) - fee(before, insurance_bps)
        treasury = min(fee(before + amount, treasury_bps) - self.treasury_since, amount - insurance)
        return replace(
            self,
            dividends=self.dividends + amount - insurance - treasury,
            insurance=self.insurance + insurance,
            treasury=self.treasury + treasury,
            credited=self.credited + amount,
            treasury_since=self.treasury_since + treasury,
        )


@dataclass(kw_only=True)
class FeeSplitter:
    """Shares inside immutable bounds; what was credited never changes with them."""

    currency: Currency
    admin: Address
    address: Address
    escrow: Escrow
    dividend_vault: Address
    insurance_pool: Address
    treasury: Address
    dividends_bps: int = constants.DIVIDENDS_BPS
    insurance_bps: int = constants.INSURANCE_BPS
    treasury_bps: int = constants.TREASURY_BPS
    books: Credits = field(default_factory=Credits)
    pulled: dict[str, int] = field(default_factory=lambda: {"dividends": 0, "insurance": 0, "treasury": 0})

    def __post_init__(self) -> None:
        self._check_treasury(self.treasury)
        _check_shares(self.dividends_bps, self.insurance_bps, self.treasury_bps)

    def shares(self) -> tuple[int, int, int]:
        """(dividends, insurance, treasury) in basis points."""
        return self.dividends_bps, self.insurance_bps, self.treasury_bps

    def credit_of(self, recipient: Address) -> int:
        """µ credited to `recipient` and not yet pulled."""
        part = self._part_of(recipient)
        return int(getattr(self.books, part)) if part else 0

    def total_credited(self) -> int:
        """µ of fees ever credited."""
        return self.books.credited

    def sweep(self) -> int:
        """Collects what the Escrow holds in fees and credits the shares; returns µ credited. Anyone."""
        self.escrow.collect_fees()
        return self._credit()

    def pull(self, *, caller: Address) -> int:
        """Sends the caller its credit, fresh fees included if the Escrow can send them; returns µ."""
        part = self._part_of(caller)
        if part is None:
            raise Refused("FeeSplitter_NotRecipient", f"{caller} has no share of the fees.")
        return self._pull(part, caller)

    def pull_treasury(self) -> int:
        """As `pull` for the treasury, by anyone."""
        return self._pull("treasury", self.treasury)

    def set_shares(self, dividends: int, insurance: int, treasury: int, *, caller: Address) -> None:
        """Sets the shares of fees credited from now on, in basis points. Behind a role."""
        check_role(self.admin, caller)
        fresh = self.escrow.fees_accrued - self.escrow.fees_collected
        if fresh:
            self.currency.check_move(self.escrow.address, self.address, fresh)
        _check_shares(dividends, insurance, treasury)
        self.sweep()
        self.dividends_bps, self.insurance_bps, self.treasury_bps = dividends, insurance, treasury
        self.books.credited_before = self.books.credited
        self.books.treasury_since = 0

    def set_treasury(self, treasury: Address, *, caller: Address) -> None:
        """Sets where the treasury's part goes, what it is owed included. Behind a role."""
        check_role(self.admin, caller)
        self._check_treasury(treasury)
        self.treasury = treasury

    def _credit(self) -> int:
        amount = self.escrow.fees_collected - self.books.credited
        self.books = self.books.plus(amount, self.insurance_bps, self.treasury_bps)
        return amount

    def _pull(self, part: str, recipient: Address) -> int:
        fresh = self.escrow.fees_accrued - self.escrow.fees_collected
        try:
            self.currency.check_move(self.escrow.address, self.address, fresh)
        except Refused:
            fresh = 0  # what the Escrow cannot send now does not hold up what was credited before
        uncredited = self.escrow.fees_collected + fresh - self.books.credited
        amount = int(getattr(self.books.plus(uncredited, self.insurance_bps, self.treasury_bps), part))
        if amount:  # all or nothing: the last transfer is tried before anything changes
            held = self.currency.balance_of(self.address)
            self.currency.check_move(self.address, recipient, min(amount, held))
        if fresh:
            self.escrow.collect_fees()
        self._credit()
        setattr(self.books, part, 0)
        self.pulled[part] += amount
        if amount:
            self.currency.move(self.address, recipient, amount, booked=part != "treasury")
        return amount

    def _part_of(self, recipient: Address) -> str | None:
        parts = {
            self.treasury: "treasury",
            self.insurance_pool: "insurance",
            self.dividend_vault: "dividends",
        }
        return parts.get(recipient)

    def _check_treasury(self, treasury: Address) -> None:
        if treasury == ZERO_ADDRESS:
            raise Refused("FeeSplitter_ZeroAddress")
        if treasury in (self.dividend_vault, self.insurance_pool, self.address):
            raise Refused("FeeSplitter_UnfitTreasury", f"{treasury} has another place in the books.")


@dataclass(kw_only=True)
class InsurancePool:
    """It only receives yet: its share of fees and of slashes."""

    address: Address
    fee_splitter: FeeSplitter
    staking: Staking
    fees_received: int = 0
    slashes_received: int = 0

    def pull_fees(self) -> int:
        """Pulls the pool's credit from the fee splitter; returns µ. Anyone."""
        amount = self.fee_splitter.pull(caller=self.address)
        self.fees_received += amount
        return amount

    def pull_slashes(self) -> int:
        """Pulls the pool's credit from Staking; returns µ, 0 when there is none. Anyone."""
        if self.staking.credits.get(self.address, 0) == 0:
            return 0
        amount = self.staking.claim_credit(self.address, caller=self.address, booked=True)
        self.slashes_received += amount
        return amount


def _check_shares(dividends: int, insurance: int, treasury: int) -> None:
    in_bounds = 5_000 <= dividends <= 9_000 and 500 <= insurance <= 4_000 and treasury <= 2_000
    if dividends + insurance + treasury != constants.BPS or not in_bounds:
        raise Refused("FeeSplitter_BadShares", f"Shares {dividends}, {insurance}, {treasury}.")
