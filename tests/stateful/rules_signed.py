"""Payment by signatures: countersigned, self-posted, posted in silence; releases, cancels and what follows."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.stateful.draws import (
    DAY,
    honest_receipt,
    mostly,
    operator_owner,
    owner_of,
    people,
    policies,
    receipt,
)
from tests.stateful.rules import Rules
from tests.stateful.signed_steps import Signing
from tests.support.evm import Account, account


class SignedRules(Rules):
    """The other four ways to be paid."""

    def _receipts(self, data: st.DataObject, most: int = 3) -> list[Signing]:
        return [
            receipt(self.twin, data, self.agreement(data)) for _ in range(data.draw(st.integers(1, most)))
        ]

    @precondition(lambda self: self.running())
    @rule(data=st.data(), person=people, seconds=st.sampled_from([1, 100, DAY]))
    def collect_honestly(self, data: st.DataObject, person: Account, seconds: int) -> None:
        self.twin.warp(seconds)
        numbers = data.draw(st.lists(st.sampled_from(self.running()[-6:]), min_size=1, max_size=3))
        items = [honest_receipt(self.twin, data, number, accepted=True) for number in numbers]
        self.twin.collect(person, items)

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), person=people)
    def collect(self, data: st.DataObject, person: Account) -> None:
        self.twin.collect(person, self._receipts(data))

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data())
    def fault_of(self, data: st.DataObject) -> None:
        self.twin.fault_of(receipt(self.twin, data, self.agreement(data)))

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), person=people)
    def report_downtime(self, data: st.DataObject, person: Account) -> None:
        items = self._receipts(data)
        for number in self.running(lease=True)[-2:]:
            items.append(receipt(self.twin, data, number))
        self.twin.report_downtime(person, items)

    # Self-posts and signed posts

    @precondition(lambda self: self.running())
    @rule(data=st.data(), owner=mostly, person=people, wait=mostly, accepted=st.booleans())
    def self_post(
        self, data: st.DataObject, owner: bool, person: Account, wait: bool, accepted: bool
    ) -> None:
        number = data.draw(st.sampled_from(self.running()[-6:]))
        self.twin.warp(60)
        items = [honest_receipt(self.twin, data, number, accepted), *self._receipts(data, 2)]
        caller = operator_owner(self.twin, self.found(number).operator) if owner else person
        before = len(self.twin.batches)
        self.twin.self_post(caller, items)
        if wait and len(self.twin.batches) > before:
            self.twin.warp(data.draw(st.sampled_from([3 * DAY - 1, 3 * DAY])))
            self.twin.settle(person, self.twin.batches[-1])

    @rule(data=st.data(), person=people, wait=mostly, accepted=st.booleans(), policy=st.integers(1, 5))
    def post_signed(
        self, data: st.DataObject, person: Account, wait: bool, accepted: bool, policy: int
    ) -> None:
        twin = self.twin
        mine = [number for number in self.running() if self.found(number).policy == policy]
        if wait:
            twin.warp(max(0, twin.model.ledger.silent_at(policy) - twin.now - data.draw(st.integers(0, 1))))
        items = [honest_receipt(twin, data, number, accepted) for number in mine[-3:]]
        before = len(twin.batches)
        twin.post_signed(person, policy, items)
        if len(twin.batches) > before:
            twin.warp(DAY)
            twin.settle(person, twin.batches[-1])

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), person=people, policy=policies)
    def post_signed_anyhow(self, data: st.DataObject, person: Account, policy: int) -> None:
        self.twin.post_signed(person, policy, self._receipts(data))

    # Releases and cancels

    @rule(
        data=st.data(),
        policy=st.sampled_from([1, 1, 2, 3, 5]),
        by=st.sampled_from(["operator", "operator", "payee", "mallory"]),
        then=st.sampled_from(["rests", "final", "cancelled", "answered", "made good"]),
    )
    def release(self, data: st.DataObject, policy: int, by: str, then: str) -> None:
        """Work is posted and released at once; its batch ends well, or is cancelled and answered for or not."""
        twin = self.twin
        number = self.opened(data, mode=0, policy=policy, start=twin.now)
        batch = self.post(data, policy) if number is not None else None
        if number is None or batch is None:
            return
        found = self.found(number)
        callers = {
            "operator": operator_owner(twin, found.operator),
            "payee": owner_of(twin, found.payee),
            "mallory": account("mallory"),
        }
        if by == "payee":
            twin.consent(callers["operator"], found.operator, found.payee, allowed=data.draw(mostly))
        leaves = range(batch.leaves)
        twin.release(callers[by], [(batch, leaf, leaf) for leaf in leaves])
        twin.warp(100)
        if then == "final":
            twin.warp(DAY)
        elif then != "rests":
            twin.cancel(twin.system.admin, batch.number)
        if then == "answered":
            for leaf in leaves:
                other = int.from_bytes(batch.figure(leaf)[:8], "big")
                answer = honest_receipt(twin, data, other, accepted=True)
                units = int.from_bytes(batch.figure(leaf)[8:], "big") + data.draw(st.integers(-1, 1))
                answer.receipt = answer.receipt._replace(units=max(0, min(units, 2**80 - 1)))
                twin.answer_release(account("cleo"), batch.number, leaf, answer)
        elif then == "made good":
            twin.warp(data.draw(st.sampled_from([21_599, 21_600])))
            for leaf in leaves:
                twin.make_good(account("ann"), batch.number, leaf)
        twin.finalise(account("dora"), batch.number, list(leaves))

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), person=people)
    def release_anyhow(self, data: st.DataObject, person: Account) -> None:
        batch = self.batch(data)
        leaf, proven = (data.draw(st.integers(0, batch.leaves - 1)) for _ in range(2))
        operators = [operator_owner(self.twin, operator) for operator in (1, 2)]
        caller = data.draw(st.sampled_from([person, *operators]))
        self.twin.release(caller, [(batch, leaf, proven), (batch, leaf, leaf)])

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), person=people, step=st.sampled_from(["finalise", "answer", "make good"]))
    def end_release(self, data: st.DataObject, person: Account, step: str) -> None:
        waiting = list(self.twin.model.ledger.releases)
        batch, leaf = data.draw(st.sampled_from([*waiting[-6:], (self.batch(data).number, 0), (7, 0)]))
        self.twin.warp(data.draw(st.sampled_from([0, 3_600, DAY])))
        if step == "finalise":
            self.twin.finalise(person, batch, data.draw(st.sampled_from([[leaf], [leaf, leaf], [99], []])))
        elif step == "make good":
            self.twin.make_good(person, batch, leaf)
        else:
            self.twin.answer_release(person, batch, leaf, receipt(self.twin, data, self.agreement(data)))

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), admin=mostly, person=people)
    def cancel(self, data: st.DataObject, admin: bool, person: Account) -> None:
        number = data.draw(st.sampled_from([self.twin.batches[-1].number, self.batch(data).number, 7]))
        self.twin.cancel(self.twin.system.admin if admin else person, number)
