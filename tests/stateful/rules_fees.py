"""Policies, fees, dividends."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tallystick.protocol.enums import VerificationKind
from tallystick.protocol.model import Policy
from tests.stateful.draws import DAY, mostly, operator_owner, owner_of, people, policies, receivers
from tests.stateful.rules_agreements import AgreementRules
from tests.support.evm import Account
from tests.support.system import DOLLAR, TALLY


class FeeRules(AgreementRules):
    """Governance, and who lives from fees."""

    # Governance and fees

    @rule(admin=mostly, person=people, coverage=st.sampled_from([0, 1, 10_000, 10_001]))
    def add_policy(self, admin: bool, person: Account, coverage: int) -> None:
        if self.twin.model.policy_book.count() < 7:
            caller = self.twin.system.admin if admin else person
            self.twin.add_policy(caller, Policy(VerificationKind.NONE, 0, 3, coverage_bps=coverage))

    @rule(admin=mostly, person=people, policy=policies)
    def retire_policy(self, admin: bool, person: Account, policy: int) -> None:
        if policy > 2:
            self.twin.retire_policy(self.twin.system.admin if admin else person, policy)

    @rule(admin=mostly, person=people, provider=st.integers(0, 2_001), customer=st.integers(0, 300))
    def set_fees(self, admin: bool, person: Account, provider: int, customer: int) -> None:
        self.twin.set_fees(self.twin.system.admin if admin else person, provider, customer)

    @rule(admin=mostly, person=people, insurance=st.integers(400, 4_100), treasury=st.integers(0, 2_100))
    def set_shares(self, admin: bool, person: Account, insurance: int, treasury: int) -> None:
        caller = self.twin.system.admin if admin else person
        self.twin.set_shares(caller, 10_000 - insurance - treasury, insurance, treasury)

    @rule(
        person=people, step=st.sampled_from(["collect", "sweep", "pull", "treasury", "insurance", "slashes"])
    )
    def move_fees(self, person: Account, step: str) -> None:
        twin = self.twin
        steps = {
            "collect": lambda: twin.collect_fees(person),
            "sweep": lambda: twin.sweep(person),
            "pull": lambda: twin.pull(person),
            "treasury": lambda: twin.pull_treasury(person),
            "insurance": lambda: twin.pool_pulls(person, slashes=False),
            "slashes": lambda: twin.pool_pulls(person, slashes=True),
        }
        steps[step]()

    # Dividends

    @rule(person=people, function=st.sampled_from(["stake", "unstake"]), amount=st.integers(0, 1_200))
    def vault_moves(self, person: Account, function: str, amount: int) -> None:
        self.twin.vault(function, person, amount * TALLY // 3)

    @rule(person=people, function=st.sampled_from(["withdraw", "claim"]), to=receivers)
    def vault_pays(self, person: Account, function: str, to: str) -> None:
        self.twin.vault(function, person, to)

    @rule(data=st.data(), person=people, whole=st.integers(1, 300), days=st.integers(1, 15))
    def earn_dividends(self, data: st.DataObject, person: Account, whole: int, days: int) -> None:
        """Stake, work, fees, a week and a bit, claim; perhaps leave."""
        self.twin.vault("stake", person, whole * TALLY)
        self.deal(data)
        self.twin.vault("pullFees", person)
        self.twin.warp(days * DAY)
        self.twin.vault("claim", person, person.address)
        if days % 3 == 0:
            self.twin.vault("unstake", person, whole * TALLY)
            self.twin.warp((days - 5) * DAY if days > 5 else 0)
            self.twin.vault("withdraw", person, person.address)

    @rule(
        operator=st.integers(1, 3), whole=st.integers(1, 2_000), days=st.integers(19, 22), stay=st.booleans()
    )
    def thaw(self, operator: int, whole: int, days: int, stay: bool) -> None:
        """An operator takes stake out, or thinks better of it."""
        owner = operator_owner(self.twin, operator)
        self.twin.unstake(owner, operator, whole * DOLLAR)
        if stay:
            self.twin.cancel_thaw(owner, operator)
        self.twin.warp(days * DAY)
        self.twin.withdraw_stake(owner, operator, owner.address)

    @rule(number=st.integers(3, 4))
    def provider_is_paid(self, number: int) -> None:
        owner = owner_of(self.twin, number)
        self.twin.claim(owner, number, owner.address)

    @rule(person=people, days=st.integers(0, 15))
    def dividends_stream(self, person: Account, days: int) -> None:
        """Somebody is staked, fees arrive, time passes."""
        self.twin.vault("pullFees", person)
        self.twin.warp(days * DAY)
