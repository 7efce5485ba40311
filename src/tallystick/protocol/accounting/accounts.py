"""The Escrow's accounts: deposits, withdrawals, earnings, allowances. All in µ."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import Refused
from .policies import check_role
from .tokens import ZERO_ADDRESS, Address, Currency, Token


@dataclass
class Account:
    """A numbered account. `received`: earned net of fees, ever; `reward_base`: the fees of that work."""

    owner: Address
    free: int = 0
    locked: int = 0
    received: int = 0
    claimed: int = 0
    reward_base: int = 0
    overturned: int = 0
    """µ of fees in `reward_base`, or on their way there, whose work was ruled bad."""


@dataclass
class Allowance:
    """What a funder lets a customer spend; refunds up to `revoked_sequence` do not restore it."""

    amount: int = 0
    revoked_sequence: int = 0
    granted: int = 0
    """What it was set to last; only the invariants read it, and the next."""
    committed_then: int = 0
    """µ that agreements had drawn and not given back when it was set."""


@dataclass
class EscrowAccounts:
    """Accounts by number, from 1, and the allowances between them."""

    currency: Currency
    address: Address
    admin: Address
    accounts: list[Account] = field(default_factory=list)
    allowances: dict[tuple[int, int, int], Allowance] = field(default_factory=dict)
    references: set[tuple[Address, bytes]] = field(default_factory=set)
    sequence: int = 0
    owed: int = 0
    """µ owed to all together: deposits less what left, changed nowhere else."""

    # Reads

    def account_count(self) -> int:
        """How many accounts there are."""
        return len(self.accounts)

    def find_account(self, account: int) -> Account | None:
        """The account, or None."""
        return self.accounts[account - 1] if 1 <= account <= len(self.accounts) else None

    def owner_of(self, account: int) -> Address:
        """Owner of `account`, the zero address when unknown."""
        found = self.find_account(account)
        return found.owner if found else ZERO_ADDRESS

    def balance_of(self, account: int) -> tuple[int, int]:
        """(free, locked) in µ; zeros when unknown."""
        found = self.find_account(account)
        return (found.free, found.locked) if found else (0, 0)

    def earnings_of(self, account: int) -> tuple[int, int, int]:
        """(received, claimed, reward base) in µ; zeros when unknown."""
        found = self.find_account(account)
        return (found.received, found.claimed, found.reward_base) if found else (0, 0, 0)

    def overturned(self, account: int) -> int:
        """µ of fees of the account's work that was ruled bad; 0 when unknown."""
        found = self.find_account(account)
        return found.overturned if found else 0

    def allowance_of(self, funder: int, customer: int, policy: int) -> tuple[int, int]:
        """(amount in µ, revoked sequence)."""
        found = self.allowances.get((funder, customer, policy), Allowance())
        return found.amount, found.revoked_sequence

    def reference_used(self, caller: Address, ref: bytes) -> bool:
        """Whether `caller` has deposited with `ref`."""
        return (caller, ref) in self.references

    # Writes

    def create_account(self, owner: Address) -> int:
        """Creates an account owned by `owner` and returns its number. Anyone."""
        if owner == ZERO_ADDRESS:
            raise Refused("Escrow_ZeroAddress")
        self.accounts.append(Account(owner))
        return len(self.accounts)

    def deposit(self, account: int, amount: int, *, caller: Address) -> None:
        """Adds `amount` µ of the caller to the free balance of `account`."""
        found = self.find_account(account)
        if amount == 0:
            raise Refused("Escrow_ZeroAmount")
        if found is None or found.owner == ZERO_ADDRESS:  # nobody could take it out of a split
            raise Refused("Escrow_UnknownAccount", f"There is no account {account}, or it is a split.")
        self.currency.move(caller, self.address, amount, booked=True)
        found.free += amount
        self.owed += amount

    def deposit_for(self, account: int, amount: int, ref: bytes, *, caller: Address) -> None:
        """As `deposit`, once per caller and reference."""
        if (caller, ref) in self.references:
            raise Refused(
                "Escrow_ReferenceUsed", f"{caller} has used {ref.hex()} before; it is credited already."
            )
        self.deposit(account, amount, caller=caller)
        self.references.add((caller, ref))

    def deposit_with_permit(self, account: int, amount: int, *, caller: Address) -> None:
        """As `deposit`, with the caller's permit; whether that was used before does not matter."""
        self.deposit(account, amount, caller=caller)

    def deposit_with_authorization(
        self,
        holder: Address,
        account: int,
        amount: int,
        ref: bytes,
        validity: tuple[int, int],
        signed: bool = True,
        *,
        now: int,
    ) -> None:
        """Credits `account` with money of `holder`, by its ERC-3009 authorisation. Anyone may carry it."""
        found = self.find_account(account)
        if amount == 0:
            raise Refused("Escrow_ZeroAmount")
        if found is None or found.owner == ZERO_ADDRESS:
            raise Refused("Escrow_UnknownAccount", f"There is no account {account}, or it is a split.")
        if (holder, ref) in self.references:
            raise Refused("Escrow_ReferenceUsed", f"{holder} has used {ref.hex()} before.")
        nonce = (account, ref)
        self.currency.authorised_move(holder, self.address, amount, nonce, validity, signed, now=now)
        self.references.add((holder, ref))
        found.free += amount
        self.owed += amount

    def withdraw(self, account: int, amount: int, to: Address, *, caller: Address) -> None:
        """Pays `amount` µ of the free balance to `to`. Owner only."""
        found = self._owned_account(account, caller)
        if to == ZERO_ADDRESS:
            raise Refused("Escrow_ZeroAddress")
        if amount == 0:
            raise Refused("Escrow_ZeroAmount")
        if amount > found.free:
            raise Refused("Escrow_NotEnoughFree", f"{amount} µ wanted, {found.free} µ free in {account}.")
        self.currency.move(self.address, to, amount)
        found.free -= amount
        self.owed -= amount

    def claim(self, account: int, to: Address, *, caller: Address) -> int:
        """Pays everything earned and not yet claimed to `to`, in µ. Owner only."""
        found = self._owned_account(account, caller)
        if to == ZERO_ADDRESS:
            raise Refused("Escrow_ZeroAddress")
        amount = found.received - found.claimed
        if amount == 0:
            raise Refused("Escrow_NothingToClaim", f"Account {account} has claimed all it earned.")
        self.currency.move(self.address, to, amount)
        found.claimed += amount
        self.owed -= amount
        return amount

    def allow(self, funder: int, customer: int, policy: int, amount: int, *, caller: Address) -> None:
        """Sets what `customer` may lock of the funder's money under `policy`, in µ."""
        self._owned_account(funder, caller)
        if self.owner_of(customer) == ZERO_ADDRESS:
            raise Refused("Escrow_UnknownAccount", f"There is no account {customer}, or it is a split.")
        self._check_policy(policy)
        allowance = self.allowances.setdefault((funder, customer, policy), Allowance())
        allowance.amount = allowance.granted = amount
        allowance.committed_then = self.committed(funder, customer, policy)

    def revoke(self, funder: int, customer: int, policy: int, *, caller: Address) -> None:
        """Sets the allowance to zero; refunds of what is open now do not restore it."""
        self._owned_account(funder, caller)
        allowance = self.allowances[funder, customer, policy] = Allowance(0, self.sequence)
        allowance.committed_then = self.committed(funder, customer, policy)

    def committed(self, funder: int, customer: int, policy: int) -> int:
        """µ that agreements have drawn of an allowance and not given back; the Escrow knows them."""
        raise NotImplementedError

    def liabilities(self) -> int:
        """µ that the Escrow owes to all together, by its own counter."""
        return self.owed

    def recover_surplus(self, token: Token, to: Address, *, caller: Address) -> int:
        """Sends what was donated to `to`; returns how much. Behind a role."""
        check_role(self.admin, caller)
        if to == ZERO_ADDRESS:
            raise Refused("Escrow_ZeroAddress")
        owed = self.owed if token is self.currency else 0
        if token.balance_of(self.address) <= owed:
            raise Refused("Escrow_ZeroAmount", "Nothing was donated.")
        return token.recover(self.address, to, owed)

    def _check_policy(self, policy: int) -> None:
        """Refuses a policy that does not exist; `Escrow` knows them."""
        raise Refused("Escrow_UnknownPolicy", f"There is no policy {policy}.")

    def _owned_account(self, account: int, caller: Address) -> Account:
        found = self.find_account(account)
        if found is None or found.owner != caller:
            raise Refused("Escrow_NotOwner", f"{caller} does not own account {account}.")
        return found
