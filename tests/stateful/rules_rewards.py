"""Rewards of suppliers, and dividends that others stake for or send on."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.stateful.draws import DAY, accounts, mostly, owner_of, people, receivers
from tests.stateful.rules_agreements import AgreementRules
from tests.stateful.twin import SPLIT
from tests.support.evm import Account, account
from tests.support.system import TALLY

PAYEES = (3, 4, 6)
"""Accounts of cleo and dora, and their split."""


class RewardRules(AgreementRules):
    """Checkpoints, claims, payouts."""

    @rule(person=people, some=st.lists(accounts, max_size=4), all_=mostly)
    def checkpoint(self, person: Account, some: list[int], all_: bool) -> None:
        self.twin.checkpoint(person, PAYEES if all_ else some)

    @rule(
        person=people,
        number=st.sampled_from([3, 3, 4, 6, 1]),
        owner=mostly,
        to=receivers,
        stake=st.booleans(),
    )
    def claim_rewards(self, person: Account, number: int, owner: bool, to: str, stake: bool) -> None:
        caller = owner_of(self.twin, number) if owner else person
        self.twin.claim_rewards(caller, [number], to, stake=stake)

    @rule(person=people, place=st.integers(0, 2), member=mostly, to=receivers)
    def claim_reward_share(self, person: Account, place: int, member: bool, to: str) -> None:
        members, weights = SPLIT
        if member and place < len(members):
            person = account(("cleo", "dora")[place])
        self.twin.claim_reward_share(person, 6, place, members, weights, to)

    @rule(data=st.data(), days=st.integers(2, 12), stake=st.booleans())
    def earn_rewards(self, data: st.DataObject, days: int, stake: bool) -> None:
        """Work, fees, a checkpoint, days of vesting; all who supplied claim."""
        self.deal(data)
        self.twin.checkpoint(account("relay"), PAYEES)
        self.twin.warp(days * DAY)
        for name, number, place in (("cleo", 3, 0), ("dora", 4, 1)):
            person = account(name)
            self.twin.claim_rewards(person, [number], person.address, stake=stake)
            self.twin.claim_reward_share(person, 6, place, *SPLIT, person.address)

    @rule(admin=mostly, person=people, rate=st.sampled_from([10**16, 9 * 10**15, 7 * 10**15 + 3]))
    def lower_rate(self, admin: bool, person: Account, rate: int) -> None:
        self.twin.lower_rate(self.twin.system.admin if admin else person, rate)

    @rule(person=people, staker=receivers, amount=st.integers(0, 9))
    def stake_for(self, person: Account, staker: str, amount: int) -> None:
        self.twin.vault("stakeFor", person, staker, amount * TALLY // 3)

    @rule(person=people, to=receivers)
    def set_payout(self, person: Account, to: str) -> None:
        self.twin.vault("setPayout", person, to)

    @rule(person=people, stakers=st.lists(receivers, max_size=5))
    def claim_for(self, person: Account, stakers: list[str]) -> None:
        self.twin.vault("claimFor", person, stakers)
