"""Every function of the currency, `Staking`, `PolicyBook`, fees and dividends, once, on both worlds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tallystick.protocol.enums import KeyKind
from tallystick.protocol.model import Policy, SlashOrder
from tests.stateful.worlds import Worlds
from tests.support.evm import Account


class MoneySteps(Worlds):
    """The currency, stake, policies, fees, dividends."""

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

    # Staking

    def register(self, caller: Account, roles: int, hardware: int) -> int | None:
        s, m = self.system, self.model
        number = self.same(
            "Staking.register",
            s.staking,
            (roles, hardware, 276, 0, b"\0" * 32),
            caller,
            lambda: m.staking.register(roles, hardware, 276, caller=caller.address),  # type: ignore[arg-type]
        )
        return None if number is None else int(number)

    def stake(self, caller: Account, operator: int, amount: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.stake",
            s.staking,
            (operator, amount),
            caller,
            lambda: m.staking.stake(operator, amount, caller=caller.address),
        )

    def unstake(self, caller: Account, operator: int, amount: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.unstake",
            s.staking,
            (operator, amount),
            caller,
            lambda: m.staking.unstake(operator, amount, caller=caller.address, now=self.now),
        )

    def cancel_thaw(self, caller: Account, operator: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.cancelThaw",
            s.staking,
            (operator,),
            caller,
            lambda: m.staking.cancel_thaw(operator, caller=caller.address),
        )

    def withdraw_stake(self, caller: Account, operator: int, to: str) -> None:
        s, m = self.system, self.model
        self.same(
            "Staking.withdraw",
            s.staking,
            (operator, to),
            caller,
            lambda: m.staking.withdraw(operator, to, caller=caller.address, now=self.now),
        )

    def claim_credit(self, caller: Account, to: str) -> None:
        s, m = self.system, self.model
        self.same(
            "Staking.claimCredit",
            s.staking,
            (to,),
            caller,
            lambda: m.staking.claim_credit(to, caller=caller.address),
        )

    def slash(self, caller: Account, order: SlashOrder) -> None:
        s, m = self.system, self.model
        self.same(
            "Staking.slash",
            s.staking,
            (tuple(order),),
            caller,
            lambda: m.staking.slash(order, caller=caller.address),
        )

    def set_key(self, caller: Account, operator: int, kind: KeyKind, key: str, revoke: bool) -> None:
        s, m = self.system, self.model
        function = m.staking.revoke_key if revoke else m.staking.authorise_key
        self.both(
            f"Staking.{'revokeKey' if revoke else 'authoriseKey'}",
            s.staking,
            (operator, int(kind), key),
            caller,
            lambda: function(operator, kind, key, caller=caller.address, now=self.now),
        )

    def set_threshold(self, caller: Account, operator: int, threshold: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.setSignerThreshold",
            s.staking,
            (operator, threshold),
            caller,
            lambda: m.staking.set_signer_threshold(operator, threshold, caller=caller.address),
        )

    def pledge_directly(self, caller: Account, operator: int, amount: int, release: bool) -> None:
        """Somebody who is not the Escrow tries Staking's inner doors."""
        s, m = self.system, self.model
        function = m.staking.release if release else m.staking.try_pledge
        self.both(
            f"Staking.{'release' if release else 'tryPledge'}",
            s.staking,
            (operator, amount),
            caller,
            lambda: function(operator, amount, caller=caller.address),
        )

    # Policies, fees

    def add_policy(self, caller: Account, policy: Policy) -> int | None:
        s, m = self.system, self.model
        values = (*policy[:11], list(policy.verifiers))
        number = self.same(
            "PolicyBook.add",
            s.policy_book,
            (values,),
            caller,
            lambda: m.policy_book.add(policy, caller=caller.address),
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
            "TallyFaucet.drip",
            s.faucet,
            (to, amount),
            s.admin,
            lambda: m.token.mint(to, amount, caller=s.faucet.address),
        )

    def vault(self, function: str, caller: Account, *values: Any) -> None:
        """stake(amount), unstake(amount), withdraw(to), claim(to) or pullFees()."""
        s, m = self.system, self.model.dividend_vault
        calls: dict[str, Callable[[], Any]] = {
            "stake": lambda: m.stake(*values, caller=caller.address, now=self.now),
            "unstake": lambda: m.unstake(*values, caller=caller.address, now=self.now),
            "withdraw": lambda: m.withdraw(*values, caller=caller.address, now=self.now),
            "claim": lambda: m.claim(*values, caller=caller.address, now=self.now),
            "pullFees": lambda: m.pull_fees(now=self.now),
        }
        self.same(f"DividendVault.{function}", s.vault, values, caller, calls[function])
