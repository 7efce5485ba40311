"""Batches: posting, settling, retiring."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tallystick.protocol.eip712 import BatchHeader
from tests.stateful.draws import FOREVER, amounts, mostly, people, policies, units
from tests.stateful.rules import Rules
from tests.support.evm import Account


class BatchRules(Rules):
    """The relayer and those who play it."""

    # Batches

    @rule(data=st.data())
    def post_honestly(self, data: st.DataObject) -> None:
        self.post(data, data.draw(st.integers(1, 5)))

    @rule(
        data=st.data(),
        person=people,
        policy=policies,
        value=amounts,
        nonce=st.integers(0, 2),
        late=st.booleans(),
    )
    def post_anyhow(
        self, data: st.DataObject, person: Account, policy: int, value: int, nonce: int, late: bool
    ) -> None:
        numbers = st.one_of(st.sampled_from([*self.twin.agreements, 1 << 32]), st.integers(1, 2**64 - 1))
        items = data.draw(st.lists(st.tuples(numbers, units), max_size=4))
        if data.draw(st.booleans()):
            items = sorted(dict(items).items())
        header = BatchHeader(policy, value, nonce, self.twin.now - 1 if late else FOREVER)
        signers = data.draw(st.lists(people, max_size=2))
        self.twin.post(person, header, items, signers)

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), person=people, wait=mostly)
    def settle(self, data: st.DataObject, person: Account, wait: bool) -> None:
        batch = self.batch(data)
        if wait:
            due = self.twin.model.ledger.settleable_at(batch.number)
            self.twin.warp(max(0, due - self.twin.now - data.draw(st.integers(0, 1))))
        self.twin.settle(person, batch)

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), person=people)
    def settle_one(self, data: st.DataObject, person: Account) -> None:
        batch = self.batch(data)
        leaves = st.integers(0, len(batch.figures) // 18 - 1)
        self.twin.settle_one(person, batch, data.draw(leaves), data.draw(leaves))

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), person=people)
    def retire_batch(self, data: st.DataObject, person: Account) -> None:
        self.twin.retire_batch(person, self.batch(data))
