"""Whole quarrels, from the work to the last credit, so that deep states come about often; single moves disturb them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from tests.stateful.courtroom import CLOCK, DAY, WANDA, Figure
from tests.stateful.rules_court import Moves
from tests.support.court import CAROL, FRED, NOBODY, State
from tests.support.escrow import ANN, MALLORY, OTTO, SAM
from tests.support.evm import Account
from tests.support.receipts import release_request

MILLION = 1_000_000
can_open = precondition(lambda self: len(self.room.agreements) < 40 and self.room.can_open())


class Quarrels(Moves):
    """The machine: moves and whole lives."""

    @can_open
    @rule(
        data=st.data(),
        policy=st.sampled_from([1, 1, 2, 3, 4, 5, 6, 7]),
        work=st.sampled_from(["posted", "settled", "released", "signed", "self-posted", "released twice"]),
        by=st.sampled_from([CAROL, CAROL, FRED, OTTO, ANN]),
    )
    def quarrel(self, data: st.DataObject, policy: int, work: str, by: Account) -> None:
        """Somebody says that a figure is wrong, and it goes all the way, or stops where somebody is silent."""
        room = self.room
        agreement = self._work_of(data, policy)
        figure = self._do(agreement, work)
        claimed = data.draw(st.sampled_from([0, 400_000, 799_999]))
        claim = (
            room.bar.claim_of(figure.batch, figure.leaf)
            if figure is not None
            else room.bar.shown(agreement, 800_000)
        )
        opened = room.act(
            room.bar.court, "open", agreement, claimed, claim, NOBODY, 1, bytes(32), "", sender=by
        )
        if opened is None:
            return
        dispute = int(opened.result)
        if data.draw(st.booleans()):
            room.act(
                room.bar.court, "takeOver", dispute, data.draw(st.sampled_from([0, claimed])), sender=ANN
            )
        room.bar.expire(dispute)
        self._be_heard(data, dispute)
        self._be_done(data, dispute, figure)

    @can_open
    @rule(
        data=st.data(),
        policy=st.sampled_from([2, 3, 3, 5]),
        work=st.sampled_from(["posted", "settled", "released", "self-posted"]),
        contested=st.booleans(),
    )
    def proposal(self, data: st.DataObject, policy: int, work: str, contested: bool) -> None:
        """The policy's verifiers reject a figure; it is contested or not, and backed or not."""
        room, court = self.room, self.room.bar.court
        agreement = self._work_of(data, policy)
        figure = self._do(agreement, work)
        backing = room.post(agreement, 300_000)
        if figure is None:
            return
        valid = data.draw(st.sampled_from([0, 300_000, 400_000]))
        claim = room.bar.claim_of(figure.batch, figure.leaf)
        signed = room.bar.verdicts(agreement, valid, *((3,) if policy == 2 else (3, 4)), root=claim[3])
        opened = room.act(court, "propose", agreement, valid, claim, signed, 2, sender=MALLORY)
        if opened is None:
            return
        dispute = int(opened.result)
        if contested:
            room.act(court, "contest", dispute, sender=data.draw(st.sampled_from([OTTO, ANN])))
            if data.draw(st.booleans()):
                room.act(court, "takeOver", dispute, valid, sender=ANN)
        if backing is not None and data.draw(st.booleans()):
            claim = room.bar.claim_of(backing.batch, backing.leaf)
            room.act(court, "back", dispute, claim, sender=OTTO)
        room.bar.expire(dispute)
        self._be_heard(data, dispute)
        self._be_done(data, dispute, figure)

    @can_open
    @rule(data=st.data(), policy=st.sampled_from([1, 2, 3]), late=st.sampled_from([0, 0, 5_000, 300_000]))
    def lease_quarrel(self, data: st.DataObject, policy: int, late: int) -> None:
        """The customer says that it stood still, or the provider that it did not."""
        room = self.room
        agreement = room.bar.lease(policy)
        room.agreements.append(agreement)
        room.bar.evm.warp(data.draw(st.sampled_from([10_000, 4 * DAY])))
        if data.draw(st.booleans()):
            item = room.bar.item(agreement, 5_000)
            room.act(room.bar.ledger, "reportDowntime", [item], sender=ANN)
        room.bar.evm.warp(late)
        room.act(room.bar.system.escrow, "poke", [agreement], sender=MALLORY)
        view = room.bar.agreement(agreement)
        payable = max(0, room.now - view["start"] - view["downtime"])
        up = bool(view["downtime"]) and data.draw(st.booleans())
        claimed = payable + view["downtime"] // 2 if up else payable // data.draw(st.sampled_from([2, 10]))
        opened = room.act(
            room.bar.court, "open", agreement, claimed, CLOCK, NOBODY, 1, bytes(32), "",
            sender=OTTO if up else ANN,
        )  # fmt: skip
        if opened is None:
            return
        dispute = int(opened.result)
        if data.draw(st.booleans()):
            room.act(
                room.bar.system.escrow, "close", agreement, sender=data.draw(st.sampled_from([ANN, OTTO]))
            )
        room.bar.expire(dispute)
        self._be_heard(data, dispute)
        self._be_done(data, dispute, None)

    def _work_of(self, data: st.DataObject, policy: int) -> int:
        room = self.room
        sponsored = {"funder": 3} if policy == 1 and data.draw(st.booleans()) else {}
        if sponsored:
            room.act(room.bar.system.escrow, "allow", 3, 1, 1, 10**12, bytes(32), sender=SAM)
        budget = data.draw(st.sampled_from([100 * MILLION, 999_983, 2_000 * MILLION]))
        agreement = room.bar.task(policy, budget=budget, **sponsored)
        room.agreements.append(agreement)
        if data.draw(st.integers(0, 2)) == 0:  # and is not insured any more
            item = room.bar.item(agreement, 200_000, customer=ANN, funder=SAM)
            room.act(room.bar.ledger, "collect", [item], sender=OTTO)
        return agreement

    def _do(self, agreement: int, work: str) -> Figure | None:
        """800 000 units, by one way or another."""
        room = self.room
        if work == "signed":
            return None
        if work == "self-posted":
            item = room.bar.item(agreement, 700_000, customer=ANN, funder=SAM)
            receipt = room.act(room.bar.ledger, "selfPost", [item], sender=OTTO)
            room.posts += [number for number in receipt.result if number] if receipt else []
        if work == "released twice":
            early = room.post(agreement, 500_000)
            if early is not None:
                room.act(room.bar.ledger, "release", [release_request(early.batch, 0)], sender=OTTO)
        figure = room.post(agreement, 800_000)
        if figure is None:
            return None
        if work.startswith("released"):
            room.act(room.bar.ledger, "release", [release_request(figure.batch, 0)], sender=OTTO)
        if work == "settled":
            room.bar.evm.warp(DAY)
            room.act(room.bar.ledger, "settle", figure.batch.number, figure.batch.figures, sender=MALLORY)
        return figure

    def _be_heard(self, data: st.DataObject, dispute: int) -> None:
        """The first arbiter, the appeal, the second; each of them silent now and then."""
        room, court = self.room, self.room.bar.court
        for round_ in (1, 2):
            view = room.bar.view(dispute)
            if view["state"] not in (State.RULING, State.SECOND):
                return
            second = view["state"] == State.SECOND
            if data.draw(st.integers(0, 4)):
                low, high = sorted((view["claimed"], view["attacked"]))
                units = data.draw(st.sampled_from([low, high, high, (low + high) // 2, low // 2]))
                room.bar.say(dispute, units, 2 if second else 1)
                room.act(court, "rule", dispute, sender=MALLORY)
            else:
                room.bar.expire(dispute)
            if round_ == 1 and room.bar.view(dispute)["state"] == State.APPEALABLE:
                self._appeal(data, dispute)

    def _appeal(self, data: st.DataObject, dispute: int) -> None:
        """Alone, the customer, or several together; all of it or not."""
        room, court = self.room, self.room.bar.court
        for who in data.draw(st.lists(st.sampled_from([OTTO, ANN, FRED, CAROL]), max_size=3)):
            needed, paid = court.call("appealBondOf", dispute)
            whole = max(0, needed - paid)
            amount = data.draw(st.sampled_from([whole, whole, whole // 2, needed // 16 + 1]))
            room.act(court, "appeal", dispute, amount, sender=who)
        if room.bar.view(dispute)["state"] == State.APPEALABLE:
            room.bar.expire(dispute)

    def _be_done(self, data: st.DataObject, dispute: int, figure: Figure | None) -> None:
        """Carried out, or not yet; a newer figure is attacked while it cools, or it is cleared, or a claim filed."""
        room, court = self.room, self.room.bar.court
        if data.draw(st.integers(0, 4)) == 0 or not room.execute(dispute, MALLORY):
            return
        view = room.bar.view(dispute)
        agreement = view["agreement"]
        if view["state"] == State.COOLING and data.draw(st.booleans()) and figure is not None:
            newer = room.bar.shown(agreement, 900_000, customer=ANN, funder=SAM)
            room.act(court, "open", agreement, 100, newer, NOBODY, 1, bytes(32), "", sender=CAROL)
            return
        room.bar.evm.warp(4 * DAY)
        if view["state"] == State.COOLING:
            room.act(court, "clear", dispute, sender=MALLORY)
            return
        room.act(court, "fileClaim", dispute, sender=ANN)
        for own in [f for f in room.figures if f.agreement == agreement]:
            room.act(room.bar.ledger, "finalise", own.batch.number, [own.leaf], sender=MALLORY)
        for batch in room.posts[-2:]:
            room.act(room.bar.ledger, "retire", batch, sender=MALLORY)
        room.act(court, "fileClaim", dispute, sender=ANN)

    @can_open
    @rule(data=st.data(), leaves=st.sampled_from([3, 11, 18]), answered=st.integers(0, 9))
    def flood(self, data: st.DataObject, leaves: int, answered: int) -> None:
        """Many leaves of a batch at once; some are released, some answered, and the others go void in their turn."""
        room = self.room
        mine = room.post_many(leaves)
        batch = mine[0].batch
        places = data.draw(st.lists(st.integers(0, leaves - 1), max_size=2, unique=True))
        room.act(room.bar.ledger, "release", [release_request(batch, i) for i in places], sender=OTTO)
        for figure in mine:
            if room.act(
                room.challenges, "challenge", room.bar.claim_of(batch, figure.leaf)[:5], sender=WANDA
            ):
                room.challenged.append((batch.number, figure.leaf))
        room.act(room.bar.ledger, "settle", batch.number, batch.figures, sender=MALLORY)
        for figure in mine[:: max(1, 10 - answered)] if answered else ():
            item = room.bar.item(figure.agreement, 1_000, root=batch.output(figure.leaf), customer=ANN)
            room.act(room.challenges, "answer", batch.number, figure.leaf, item, sender=FRED)
        for _ in range(2):
            room.bar.evm.warp(21_600)
            for figure in mine:
                step = data.draw(st.sampled_from(["void", "void", "void", "dismiss"]))
                room.act(room.challenges, step, batch.number, figure.leaf, sender=MALLORY)

    @invariant()
    def money_is_whole(self) -> None:
        if hasattr(self, "room"):
            self.room.check()

    def teardown(self) -> None:
        if hasattr(self, "room"):
            self.room.finish()
