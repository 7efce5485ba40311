"""Split accounts: unchangeable, content-addressed, pulled by cumulative weight."""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import constants
from ..amounts import share_due
from ..errors import Refused
from .accounts import Account, EscrowAccounts
from .tokens import ZERO_ADDRESS, Address

Content = tuple[tuple[Address, ...], tuple[int, ...]]
"""Members and weights; the contract keeps keccak256 of them."""


@dataclass(kw_only=True)
class EscrowSplits(EscrowAccounts):
    """Accounts without an owner that several members share."""

    splits: dict[int, Content] = field(default_factory=dict)
    shares_paid: dict[tuple[int, int], int] = field(default_factory=dict)
    """(account, place of the member): µ pulled."""

    def split_account(self, members: tuple[Address, ...], weights: tuple[int, ...]) -> int:
        """The account of these lists, 0 when it was never created."""
        return next((number for number, content in self.splits.items() if content == (members, weights)), 0)

    def create_split(self, members: tuple[Address, ...], weights: tuple[int, ...]) -> int:
        """Creates, or finds, the account of these lists. Anyone."""
        fits = 1 <= len(members) <= constants.MAX_SPLIT_MEMBERS and len(members) == len(weights)
        if not fits or 0 in weights or ZERO_ADDRESS in members:
            raise Refused("Escrow_BadSplit", f"{len(members)} members and {len(weights)} weights.")
        found = self.split_account(members, weights)
        if found:
            return found
        self.accounts.append(Account(ZERO_ADDRESS))
        self.splits[len(self.accounts)] = (members, weights)
        return len(self.accounts)

    def share_paid(self, account: int, index: int) -> int:
        """µ that member `index` has pulled."""
        return self.shares_paid.get((account, index), 0)

    def claim_share(
        self,
        account: int,
        index: int,
        members: tuple[Address, ...],
        weights: tuple[int, ...],
        to: Address,
        *,
        caller: Address,
    ) -> int:
        """Pays member `index` its share so far to `to`; returns µ. That member only."""
        if self.splits.get(account) != (members, weights):
            raise Refused("Escrow_WrongSplit", f"These are not the members of account {account}.")
        if index >= len(members) or members[index] != caller:
            raise Refused("Escrow_NotMember", f"{caller} is not member {index} of account {account}.")
        if to == ZERO_ADDRESS:
            raise Refused("Escrow_ZeroAddress")
        found, paid = self.accounts[account - 1], self.share_paid(account, index)
        amount = share_due(found.received, weights[index], sum(weights), paid)
        if amount == 0:
            raise Refused("Escrow_NothingToClaim", f"Nothing is due to member {index} of account {account}.")
        self.currency.move(self.address, to, amount)
        self.shares_paid[account, index] = paid + amount
        found.claimed += amount
        self.owed -= amount
        return amount
