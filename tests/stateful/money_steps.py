"""Every function of the currency, `PolicyBook`, fees and dividends, once, on both worlds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tallystick.protocol.model import Policy
from tests.stateful.worlds import Worlds
from tests.support.evm import Account


class MoneySteps(Worlds):
    """The currency, policies, fees, dividends."""

    # Currency

    def mint(self, to: str, amount: int) -> None:
        s, m = self.system, self.model
        self.both("Currency.mint", s.currency, (to, amount), s.admin, lambda: m.currency.mint(to, amount))

    def gift(self, caller: Account, to: str, amount: int) -> None:
        """A plain transfer that no contract books."""
        c = self.system.currency
        self.both(
            "Currency.transfer",
            c,
            (to, amount),
            caller,
            lambda: self.model.currency.transfer(to, amount, caller=caller.address),
        )

    def blacklist(self, holder: str, blacklisted: bool) -> None:
        s, m = self.system, self.model
        self.both(
            "Currency.blacklist",
            s.currency,
            (holder, blacklisted),
            s.admin,
            lambda: m.currency.blacklist(holder, blacklisted),
        )

    # Policies, fees

    def add_policy(self, caller: Account, policy: Policy) -> int | None:
        s, m = self.system, self.model
        values = (*policy[:-1], list(policy.verifiers))
        number = self.same(
            "PolicyBook.add",
            s.policy_book,
            (values,),
            caller,
            lambda: m.policy_book.add(policy, caller=caller.address, now=self.now),
        )
        return None if number is None else int(number)

    def retire_policy(self, caller: Account, policy: int) -> None:
        s, m = self.system, self.model
        self.both(
            "PolicyBook.retire",
            s.policy_book,
            (policy,),
            caller,
            lambda: m.policy_book.retire(policy, caller=caller.address),
        )

    def set_fees(self, caller: Account, provider: int, customer: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Escrow.setFees",
            s.escrow,
            (provider, customer),
            caller,
            lambda: m.escrow.set_fees(provider, customer, caller=caller.address),
        )

    def collect_fees(self, caller: Account) -> None:
        self.same("Escrow.collectFees", self.system.escrow, (), caller, self.model.escrow.collect_fees)

    def sweep(self, caller: Account) -> None:
        self.same("FeeSplitter.sweep", self.system.splitter, (), caller, self.model.fee_splitter.sweep)

    def pull(self, caller: Account) -> None:
        s, m = self.system, self.model
        self.same(
            "FeeSplitter.pull", s.splitter, (), caller, lambda: m.fee_splitter.pull(caller=caller.address)
        )

    def pull_treasury(self, caller: Account) -> None:
        self.same(
            "FeeSplitter.pullTreasury",
            self.system.splitter,
            (),
            caller,
            self.model.fee_splitter.pull_treasury,
        )

    def set_shares(self, caller: Account, dividends: int, insurance: int, treasury: int) -> None:
        s, m = self.system, self.model
        self.both(
            "FeeSplitter.setShares",
            s.splitter,
            (dividends, insurance, treasury),
            caller,
            lambda: m.fee_splitter.set_shares(dividends, insurance, treasury, caller=caller.address),
        )

    def pool_pulls(self, caller: Account, slashes: bool) -> None:
        s, m = self.system, self.model
        if slashes:
            self.same("InsurancePool.pullSlashes", s.insurance, (), caller, m.insurance_pool.pull_slashes)
        else:
            self.same("InsurancePool.pullFees", s.insurance, (), caller, m.insurance_pool.pull_fees)

    # Token and vault

    def drip(self, to: str, amount: int) -> None:
        s, m = self.system, self.model
        self.both(
            "TestTally.drip",
            s.faucet,
            (to, amount),
            s.admin,
            lambda: m.token.drip(to, amount),
        )

    def vault(self, function: str, caller: Account, *values: Any) -> None:
        """stake(amount), stakeFor(staker, amount), unstake(amount), withdraw(to), claim(to), claimFor(stakers),
        setPayout(to) or pullFees()."""
        s, m = self.system, self.model.dividend_vault
        calls: dict[str, Callable[[], Any]] = {
            "stake": lambda: m.stake(*values, caller=caller.address, now=self.now),
            "stakeFor": lambda: m.stake_for(*values, caller=caller.address, now=self.now),
            "claimFor": lambda: m.claim_for(*values, now=self.now),
            "setPayout": lambda: m.set_payout(*values, caller=caller.address),
            "unstake": lambda: m.unstake(*values, caller=caller.address, now=self.now),
            "withdraw": lambda: m.withdraw(*values, caller=caller.address, now=self.now),
            "claim": lambda: m.claim(*values, caller=caller.address, now=self.now),
            "pullFees": lambda: m.pull_fees(now=self.now),
        }
        self.same(f"DividendVault.{function}", s.vault, values, caller, calls[function])
