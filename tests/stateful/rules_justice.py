"""Challenges and rulings, by whoever may order them and by whoever may not; honest orders and hostile ones."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tallystick.protocol.amounts import price_of
from tallystick.protocol.enums import LeafEnd
from tallystick.protocol.model import RulingOrder, SlashOrder
from tests.stateful.draws import (
    DAY,
    VERDICTS,
    amounts,
    honest_receipt,
    mostly,
    operator_owner,
    operators,
    people,
    receipt,
    receivers,
)
from tests.stateful.rules import Rules
from tests.stateful.worlds import PostedBatch
from tests.support.evm import Account, account
from tests.support.system import DOLLAR

ARBITER = account("arbiter")
rewards = st.sampled_from([0, 1, 2_000, 3_000, 3_001])
ends = st.sampled_from([LeafEnd.ANSWERED, LeafEnd.VOID, LeafEnd.VOID, LeafEnd.MOOT])


class JusticeRules(Rules):
    """Court and Challenges are accounts here: what they order, the core carries out or refuses."""

    @property
    def court(self) -> Account:
        court = self.twin.system.court
        assert isinstance(court, Account)
        return court

    @property
    def challenges(self) -> Account:
        challenges = self.twin.system.challenges
        assert isinstance(challenges, Account)
        return challenges

    def frozen(self) -> list[int]:
        """Agreements in dispute."""
        return [number for number in self.running() if self.found(number).frozen]

    def _challenged(self) -> list[tuple[int, int, int]]:
        """Batch, leaf and agreement of every open challenge."""
        batches = self.twin.model.ledger.batches
        return [(n, leaf, a) for n, batch in batches.items() for leaf, a in batch.open.items()]

    # Leaves

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), good=mostly, person=people)
    def challenge(self, data: st.DataObject, good: bool, person: Account) -> None:
        """Leaves of one of the newest batches, twice now and then, or with another's proof."""
        batch = self.batch(data)
        for _ in range(data.draw(st.integers(1, 3))):
            leaf, other = (data.draw(st.integers(0, batch.leaves - 1)) for _ in range(2))
            proven = leaf if data.draw(mostly) else other
            self.twin.hold(self.challenges if good else person, self.twin.leaf_of(batch, leaf, proven))

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), good=mostly, person=people, end=ends)
    def end_challenge(self, data: st.DataObject, good: bool, person: Account, end: LeafEnd) -> None:
        nothing = (self.batch(data).number, 0, self.agreement(data))
        for batch, leaf, number in data.draw(
            st.lists(st.sampled_from([*self._challenged()[-8:], nothing]), min_size=1, max_size=3)
        ):
            self.twin.unhold(self.challenges if good else person, batch, leaf, number, end)

    @rule(
        data=st.data(),
        leaves=st.sampled_from([9, 10, 11]),
        ends=st.lists(ends, min_size=11, max_size=11),
        cancelled=st.integers(0, 3),
    )
    def flood(self, data: st.DataObject, leaves: int, ends: list[LeafEnd], cancelled: int) -> None:
        """A batch of eleven of which nearly all are challenged; some were released before; most end void."""
        twin = self.twin
        batch = self._broad_batch(data)
        if batch is None:
            return
        twin.release(
            account("cleo"), [(batch, leaf, leaf) for leaf in data.draw(st.sets(st.integers(0, 10)))]
        )
        for leaf in range(leaves):
            twin.hold(self.challenges, twin.leaf_of(batch, leaf))
        twin.release(account("cleo"), [(batch, 10, 10), (batch, 0, 0)])
        if cancelled == 0:
            twin.cancel(twin.system.admin, batch.number)
        twin.warp(DAY)
        twin.settle(account("ann"), batch)
        twin.settle_one(account("ann"), batch, 10, 10)
        voids = data.draw(st.booleans())
        for leaf, end in zip(range(leaves), ends, strict=False):
            number = int.from_bytes(batch.figure(leaf)[:8], "big")
            twin.unhold(self.challenges, batch.number, leaf, number, LeafEnd.VOID if voids else end)
        twin.settle(account("ann"), batch)
        twin.finalise(account("dora"), batch.number, list(range(batch.leaves)))

    def _broad_batch(self, data: st.DataObject) -> PostedBatch | None:
        """Eleven leaves of policy 1, of agreements that are new, small and metered."""
        budget = data.draw(st.integers(1, 20_000))
        for _ in range(11):
            self.opened(
                data, customer=1, funder=1, operator=1, policy=1, mode=0, budget=budget, max_budget=budget,
                start=self.twin.now, unit_price=1_000_000,
            )  # fmt: skip
        mine = [number for number in self.running(lease=False) if self.found(number).policy == 1]
        items = [(number, data.draw(st.integers(1, 20_000))) for number in sorted(mine)[-11:]]
        return self.post_figures(1, items) if len(items) == 11 else None

    @rule(
        data=st.data(),
        policy=st.sampled_from([1, 3]),
        end=ends,
        then=st.sampled_from(["settled", "cancelled", "ruled", "ruled first"]),
    )
    def challenged_release(self, data: st.DataObject, policy: int, end: LeafEnd, then: str) -> None:
        """Released work is challenged; its batch is settled or cancelled, or its agreement ruled on meanwhile."""
        twin = self.twin
        number = self.opened(
            data, customer=1, funder=1, operator=1, policy=policy, mode=0, start=twin.now, budget=DOLLAR,
            max_budget=DOLLAR, unit_price=1_000_000,
        )  # fmt: skip
        batch = self.post(data, policy, only=number) if number is not None else None
        if number is None or batch is None:
            return
        twin.release(account("cleo"), [(batch, 0, 0)])
        twin.hold(self.challenges, twin.leaf_of(batch, 0))
        if then == "cancelled":
            twin.cancel(twin.system.admin, batch.number)
        elif then.startswith("ruled"):
            twin.freeze(self.court, number)
        if then == "ruled first":
            self.execute(data, number, closes=True)
        twin.warp(data.draw(st.sampled_from([60, 21_600, DAY])))
        twin.finalise(account("ann"), batch.number, [0])
        twin.unhold(self.challenges, batch.number, 0, number, end)
        if then == "ruled":
            self.execute(data, number, closes=True)
        elif then == "cancelled":
            twin.make_good(account("ann"), batch.number, 0)
        twin.settle(account("ann"), batch)
        twin.finalise(account("ann"), batch.number, [0])

    # Rulings

    @rule(data=st.data(), good=mostly, person=people)
    def freeze(self, data: st.DataObject, good: bool, person: Account) -> None:
        self.twin.freeze(self.court if good else person, self.agreement(data))

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), good=mostly, person=people, later=st.sampled_from([0, 1, 5 * DAY]))
    def clear(self, data: st.DataObject, good: bool, person: Account, later: int) -> None:
        number = data.draw(st.sampled_from([*self.frozen()[-4:], self.agreement(data)]))
        self.twin.clear(self.court if good else person, number, self.twin.now + later)

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), good=mostly, person=people, closes=st.booleans())
    def rule_on(self, data: st.DataObject, good: bool, person: Account, closes: bool) -> None:
        """A ruling on what is frozen, mostly, or on anything; by the Court, mostly."""
        frozen = self.frozen()[-4:]
        number = data.draw(st.sampled_from(frozen or [self.agreement(data)]))
        if data.draw(st.integers(0, 5)) == 0:
            number = self.agreement(data)
        self.execute(data, number, closes=closes, caller=None if good else person)

    def execute(
        self, data: st.DataObject, number: int, *, closes: bool, caller: Account | None = None
    ) -> None:
        """One ruling; what pledge and slash could not give back is looked for in reservations, as the Court does."""
        twin, ledger = self.twin, self.twin.model.ledger
        order = self._order(data, number, closes=closes)
        outcome = twin.execute_ruling(caller or self.court, order)
        if outcome is None or not closes:
            return
        due = outcome.overpaid - outcome.slash.recovered - outcome.slash.to_victim
        if due:
            twin.add_recovery(self.court, number, due)
        assert ledger.recovery_of(number).due == due

    def _order(self, data: st.DataObject, number: int, *, closes: bool) -> RulingOrder:
        found = self.twin.model.escrow.agreements.get(number)
        done = self.twin.model.ledger.recovery_of(number)
        amount, downtime = 0, 0
        if found is not None and found.is_lease:
            elapsed = found.elapsed(self.twin.now)
            downtime = data.draw(st.sampled_from([0, elapsed // 2, elapsed, found.downtime]))
            amount = price_of(elapsed - downtime, found.unit_price)
        elif found is not None:
            amount = data.draw(
                st.sampled_from([0, found.paid // 2, found.paid, found.budget // 2, found.budget + 1])
            )
        slash, fee = data.draw(amounts), data.draw(st.sampled_from([0, 0, 25 * DOLLAR, 10_000 * DOLLAR]))
        reward = data.draw(rewards)
        named = ARBITER.address if fee and data.draw(st.integers(0, 9)) else "0x" + "00" * 20
        return RulingOrder(
            agreement=number,
            amount=min(amount, 2**56 - 1),
            closes=closes,
            sets_downtime=found is not None and found.is_lease,
            downtime=downtime,
            made_good=done.done,
            made_good_fees=done.done_fees,
            lent=self.twin.model.ledger.pledge_bonds(number),
            slash=slash,
            fee=fee,
            fee_to=named,
            challenger=data.draw(receivers) if reward else "0x" + "00" * 20,
            reward_bps=reward,
            reason=7,
        )

    @rule(
        data=st.data(),
        bonded=st.booleans(),
        policy=st.sampled_from([1, 3]),
        ends=st.sampled_from(["ruled", "cleared", "claimed"]),
    )
    def disputed(self, data: st.DataObject, bonded: bool, policy: int, ends: str) -> None:
        """Work is posted, released and posted by the provider itself; then somebody disputes it, and it is ruled on."""
        twin = self.twin
        budget = data.draw(st.integers(1_000, 9 * DOLLAR))
        number = self.opened(
            data, customer=1, funder=data.draw(st.sampled_from([1, 5])), operator=data.draw(st.integers(1, 2)),
            policy=policy, mode=0, budget=budget, max_budget=budget, start=twin.now, unit_price=1_000_000,
        )  # fmt: skip
        if number is None:
            return
        twin.warp(60)
        found = self.found(number)
        provider = operator_owner(twin, found.operator)
        batch = self.post_figures(policy, [(number, budget // 2)])
        if batch is not None:
            twin.release(provider, [(batch, 0, 0)])
        before = len(twin.batches)
        if bonded:
            twin.self_post(provider, [honest_receipt(twin, data, number, accepted=False)])
        self.rest(data, number)
        twin.freeze(self.court, number)
        self.rest(data, number)
        twin.warp(data.draw(st.sampled_from([DAY, 4 * DAY])))
        for own in (batch, *twin.batches[before:]):
            if own is not None:
                twin.finalise(account("ann"), own.number, [0])
                twin.settle(account("ann"), own)
                twin.retire_batch(account("ann"), own)
        if ends == "cleared":
            self.execute(data, number, closes=False)
            twin.clear(self.court, number, twin.now + 5 * DAY)
        else:
            self.execute(data, number, closes=True)
        if ends == "claimed":
            twin.end_recovery(self.court, number)
        for own in (batch, *twin.batches[before:]):
            if own is not None:
                twin.finalise(account("ann"), own.number, [0])
                twin.settle(account("ann"), own)
                twin.retire_batch(account("ann"), own)

    @rule(data=st.data(), policy=st.integers(1, 3), first=st.integers(0, 5_000), then=st.integers(0, 9_000))
    def lease_disputed(self, data: st.DataObject, policy: int, first: int, then: int) -> None:
        """Downtime is posted, a ruling takes some of it back, and the old and the next figure come again."""
        twin = self.twin
        number = self.opened(
            data, customer=1, funder=1, operator=1, policy=policy, mode=1, start=twin.now, budget=9 * DOLLAR,
            max_budget=9 * DOLLAR, unit_price=1_000_000,
        )  # fmt: skip
        if number is None:
            return
        twin.warp(9_000)
        batch = self.post_figures(policy, [(number, first)])
        twin.warp(DAY)
        if batch is not None:
            twin.settle(account("ann"), batch)
        twin.freeze(self.court, number)
        self.execute(data, number, closes=False)
        twin.clear(self.court, number, twin.now + DAY)
        newer = self.post_figures(policy, [(number, then)])
        item = honest_receipt(twin, data, number, accepted=False)
        item.receipt = item.receipt._replace(units=then + 1)
        twin.report_downtime(account("ann"), [item])
        twin.warp(DAY)
        for own in filter(None, (batch, newer)):
            twin.settle(account("ann"), own)

    def rest(self, data: st.DataObject, number: int) -> None:
        """Every way to move an agreement's money, which works or not."""
        twin, found = self.twin, self.found(number)
        twin.collect(account("ann"), [honest_receipt(twin, data, number, accepted=True)])
        twin.top_up_signed(
            account("ann"), number, found.budget + 1, twin.now, operator_owner(twin, found.operator)
        )
        twin.refund_many(account("ann"), [number])

    @rule(data=st.data(), good=mostly, person=people, due=amounts)
    def recoveries(self, data: st.DataObject, good: bool, person: Account, due: int) -> None:
        """Nobody but the Court lets anything be recovered, or no longer."""
        number = self.agreement(data)
        if not good:
            self.twin.add_recovery(person, number, due)
        self.twin.end_recovery(self.court if good else person, number)

    @rule(
        data=st.data(),
        who=st.sampled_from(["court", "challenges", "challenges", "anybody"]),
        person=people,
        operator=operators,
        amount=amounts,
        loss=amounts,
        reward=rewards,
    )
    def slash(
        self,
        data: st.DataObject,
        who: str,
        person: Account,
        operator: int,
        amount: int,
        loss: int,
        reward: int,
    ) -> None:
        """Free and thawing stake, by those two alone; recovery is a pledge's only."""
        caller = {"court": self.court, "challenges": self.challenges}.get(who, person)
        order = SlashOrder(
            operator,
            recover=data.draw(st.sampled_from([0, 0, 0, 0, 1])),
            amount=amount,
            victim=data.draw(receivers),
            loss=loss,
            challenger=data.draw(receivers),
            reward_bps=reward,
            fee=data.draw(st.sampled_from([0, 0, 25 * DOLLAR])),
            fee_to=data.draw(st.sampled_from([ARBITER.address, ARBITER.address, "0x" + "00" * 20])),
            reason=7,
        )
        self.twin.slash(caller, order)

    # Reads

    @precondition(lambda self: self.twin.batches and self.twin.agreements)
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """What Court and Challenges read of a figure before they do anything."""
        twin, batch = self.twin, self.batch(data)
        leaf = data.draw(st.integers(0, batch.leaves - 1))
        shown = twin.leaf_of(batch, leaf, data.draw(st.sampled_from([leaf, 0])))
        twin.ask_claim(shown, None)
        number = int.from_bytes(batch.figure(leaf)[:8], "big")
        answer = receipt(twin, data, number if data.draw(mostly) else self.agreement(data))
        units = int.from_bytes(batch.figure(leaf)[8:], "big") + data.draw(st.sampled_from([-1, 0, 0, 1]))
        answer.receipt = answer.receipt._replace(
            units=max(0, min(units, 2**80 - 1)),
            output_root=data.draw(st.sampled_from([batch.output(leaf), batch.output(leaf), bytes(32)])),
        )
        twin.ask_backing(shown, answer)
        twin.ask_claim(None, answer)
        pairs = st.tuples(st.integers(3, 5), st.sampled_from([VERDICTS, account("mallory")]))
        usual = st.just([(4, VERDICTS)])
        verdicts = data.draw(st.one_of(usual, st.lists(pairs, max_size=2)))
        judged = [n for n in self.twin.agreements if self.found(n).policy == 3]
        whose = judged[-1] if bool(judged) and data.draw(mostly) else self.agreement(data)
        for version in (3, 2):
            twin.ask_rejected(whose, answer.receipt.units, batch.output(leaf), verdicts, version)
