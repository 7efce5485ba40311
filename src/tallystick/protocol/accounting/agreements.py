"""`Escrow`, whole: accounts, splits, agreements and fees. All in µ and seconds."""

from __future__ import annotations

from dataclasses import dataclass

from .. import constants
from ..errors import Refused
from .policies import check_role
from .rulings import Rulings
from .tokens import Address


@dataclass(kw_only=True)
class Escrow(Rulings):
    """Accounts, agreements and fees."""

    def __post_init__(self) -> None:
        _check_fees(self.fee_provider, self.fee_customer)

    def set_fees(self, provider: int, customer: int, *, caller: Address) -> None:
        """Sets the fees of future openings, in basis points. Behind a role."""
        check_role(self.admin, caller)
        _check_fees(provider, customer)
        self.fee_provider, self.fee_customer = provider, customer

    def collect_fees(self) -> int:
        """Sends the collected fees to the fee splitter; returns µ. Anyone."""
        amount = self.fees_accrued - self.fees_collected
        if amount:
            self.currency.move(self.address, self.fee_splitter, amount, booked=True)
            self.fees_collected += amount
            self.owed -= amount
        return amount


def _check_fees(provider: int, customer: int) -> None:
    if provider + customer > constants.MAX_FEES_BPS:
        raise Refused("Escrow_FeesTooHigh", f"{provider} + {customer} basis points; 2 000 at most.")
