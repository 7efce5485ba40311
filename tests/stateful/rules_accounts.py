"""Accounts, splits, allowances."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.stateful.draws import accounts, amounts, mostly, owner_of, people, policies, receivers
from tests.stateful.rules import Rules
from tests.stateful.twin import SPLIT
from tests.support.evm import Account, account


class AccountRules(Rules):
    """Money in and out."""

    # Accounts

    @rule(person=people, number=accounts, amount=amounts)
    def deposit(self, person: Account, number: int, amount: int) -> None:
        self.twin.deposit(person, number, amount)

    @rule(person=people, number=accounts, amount=amounts, ref=st.integers(0, 3))
    def deposit_for(self, person: Account, number: int, amount: int, ref: int) -> None:
        self.twin.deposit_for(person, number, amount, bytes([ref]) * 32)

    @rule(owner=mostly, person=people, number=accounts, amount=amounts, to=receivers)
    def withdraw(self, owner: bool, person: Account, number: int, amount: int, to: str) -> None:
        self.twin.withdraw(owner_of(self.twin, number) if owner else person, number, amount, to)

    @rule(owner=mostly, person=people, number=accounts, to=receivers)
    def claim(self, owner: bool, person: Account, number: int, to: str) -> None:
        self.twin.claim(owner_of(self.twin, number) if owner else person, number, to)

    @rule(owner=mostly, person=people, funder=accounts, customer=accounts, policy=policies, amount=amounts)
    def allow(
        self, owner: bool, person: Account, funder: int, customer: int, policy: int, amount: int
    ) -> None:
        caller = owner_of(self.twin, funder) if owner else person
        self.twin.allow(caller, funder, customer, policy, amount)

    @rule(owner=mostly, person=people, funder=accounts, customer=accounts, policy=policies)
    def revoke(self, owner: bool, person: Account, funder: int, customer: int, policy: int) -> None:
        self.twin.revoke(owner_of(self.twin, funder) if owner else person, funder, customer, policy)

    @rule(person=people, number=accounts, amount=amounts, good=mostly)
    def deposit_with_permit(self, person: Account, number: int, amount: int, good: bool) -> None:
        self.twin.deposit_with_permit(person, number, amount, person if good else account("mallory"))

    @rule(
        person=people,
        holder=people,
        number=accounts,
        amount=amounts,
        ref=st.integers(0, 9),
        good=mostly,
        window=st.sampled_from([(-1, 60), (-1, 60), (0, 60), (-1, 0), (-60, 1)]),
    )
    def deposit_with_authorization(
        self,
        person: Account,
        holder: Account,
        number: int,
        amount: int,
        ref: int,
        good: bool,
        window: tuple[int, int],
    ) -> None:
        after, before = (self.twin.now + part for part in window)
        signer = holder if good else account("mallory")
        self.twin.deposit_with_authorization(
            person, holder, number, amount, bytes([ref]) * 32, (after, before), signer
        )

    @rule(
        person=people,
        members=st.lists(receivers, max_size=3),
        weights=st.lists(st.integers(0, 3), max_size=3),
        known=st.booleans(),
    )
    def create_split(self, person: Account, members: list[str], weights: list[int], known: bool) -> None:
        if known:
            self.twin.create_split(person, *SPLIT)
        elif self.twin.model.escrow.account_count() < 12:
            self.twin.create_split(person, members, weights)

    @rule(
        person=people,
        member=mostly,
        number=st.sampled_from([6, 6, 6, 1]),
        place=st.sampled_from([0, 1, 0, 1, 2]),
        to=receivers,
    )
    def claim_share(self, person: Account, member: bool, number: int, place: int, to: str) -> None:
        owner = account(("cleo", "dora", "mallory")[place]) if member else person
        self.twin.claim_share(owner, number, place, to)
