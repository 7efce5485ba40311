"""Agreements: offers, the whole honest way, closing, refunds."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.stateful.draws import DAY, honest_offer, mostly, offer, operator_owner, owner_of, people
from tests.stateful.rules import Rules
from tests.support.evm import Account, account


class AgreementRules(Rules):
    """Opening and ending."""

    # Agreements

    @rule(data=st.data(), caller=people, count=st.integers(1, 4))
    def open(self, data: st.DataObject, caller: Account, count: int) -> None:
        self.twin.open(caller, [offer(self.twin, data) for _ in range(count)])

    @rule(data=st.data(), count=st.integers(1, 4))
    def open_honestly(self, data: st.DataObject, count: int) -> None:
        self.twin.open(account("relay"), [honest_offer(self.twin, data) for _ in range(count)])

    @rule(data=st.data(), days=st.integers(0, 8))
    def trade(self, data: st.DataObject, days: int) -> None:
        """The whole honest way: an agreement, a batch, its window, the settlement; then time goes on."""
        self.deal(data)
        self.twin.warp(days * DAY)

    def deal(self, data: st.DataObject) -> None:
        self.twin.open(account("relay"), [honest_offer(self.twin, data, mode=0) for _ in range(2)])
        batch = self.post(data, data.draw(st.integers(1, 3)))
        if batch is not None:
            self.twin.warp(DAY)
            self.twin.settle(account("ann"), batch)

    @rule(person=people, word=st.integers(0, 1), mask=st.integers(0, 15))
    def cancel_nonces(self, person: Account, word: int, mask: int) -> None:
        self.twin.cancel_nonces(person, word, mask)

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), party=mostly, person=people)
    def close(self, data: st.DataObject, party: bool, person: Account) -> None:
        agreement = self.agreement(data)
        found = self.twin.model.escrow.agreements.get(agreement)
        if party and found is not None:
            sides = [owner_of(self.twin, found.customer), operator_owner(self.twin, found.operator)]
            person = data.draw(st.sampled_from(sides))
        self.twin.close(person, agreement)

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), person=people, wait=mostly)
    def refund(self, data: st.DataObject, person: Account, wait: bool) -> None:
        agreement = self.agreement(data)
        found = self.twin.model.escrow.agreements.get(agreement)
        if wait and found is not None and found.status == 1:
            due = self.twin.model.escrow.refundable_at(agreement)
            self.twin.warp(max(0, due - self.twin.now - data.draw(st.integers(0, 1))))
        self.twin.refund(person, agreement)
