"""Quarrels at random: who attacks, contests, takes over, rules, appeals, answers, or is silent; single steps."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.stateful.courtroom import CLOCK, DAY, PEOPLE, WANDA, Courtroom, Figure
from tests.support.court import CAROL, NOBODY, State
from tests.support.escrow import ANN, MALLORY, OTTO, SAM
from tests.support.evm import Account
from tests.support.receipts import release_request
from tests.support.system import DOLLAR

people = st.sampled_from(PEOPLE)
mostly = st.sampled_from([True, True, True, False])
policies = st.sampled_from([1, 1, 2, 3, 3, 4, 5, 6, 7])
HUNDRED = 100 * DOLLAR


class Moves(RuleBasedStateMachine):
    """Drives a `Courtroom`."""

    room: Courtroom

    @initialize(data=st.data())
    def enter(self, data: st.DataObject) -> None:
        self.room = Courtroom.enter()
        for _ in range(2):
            self._task(data)

    # What there is to quarrel about

    def _agreement(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.room.agreements[-5:]))

    def _figure(self, data: st.DataObject, agreement: int | None = None) -> Figure | None:
        fits = [f for f in self.room.figures if agreement in (None, f.agreement)]
        return data.draw(st.sampled_from(fits[-5:])) if fits else None

    def _dispute(self, data: st.DataObject) -> int:
        """One of the newest, mostly one that is not over."""
        newest = list(self.room.disputes)[-6:]
        alive = [d for d in newest if self.room.bar.view(d)["state"] != State.OVER]
        return data.draw(st.sampled_from([*(alive or newest), *alive, *newest]))

    def _units(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from([0, 1, 200_000, 400_000, 600_000, 1_000_000, 1_500_000]))

    def _task(self, data: st.DataObject) -> None:
        room, policy = self.room, data.draw(policies)
        budget = data.draw(st.sampled_from([HUNDRED, HUNDRED, 999_983, 2_000 * DOLLAR]))
        sponsored = {"funder": 3} if policy == 1 and data.draw(st.booleans()) else {}
        if sponsored:
            room.act(room.bar.system.escrow, "allow", 3, 1, 1, 10**12, bytes(32), sender=SAM)
        room.agreements.append(room.bar.task(policy, budget=budget, **sponsored))

    @precondition(lambda self: len(self.room.agreements) < 8 and self.room.can_open())
    @rule(data=st.data())
    def open_task(self, data: st.DataObject) -> None:
        self._task(data)

    @precondition(lambda self: len(self.room.agreements) < 8 and self.room.can_open())
    @rule(policy=st.sampled_from([1, 2, 3]))
    def open_lease(self, policy: int) -> None:
        self.room.agreements.append(self.room.bar.lease(policy))
        self.room.bar.evm.warp(1_000)

    @rule(data=st.data(), settle=st.booleans(), release=st.booleans())
    def post(self, data: st.DataObject, settle: bool, release: bool) -> None:
        room, agreement = self.room, self._agreement(data)
        units = (
            data.draw(st.sampled_from([100, 5_000]))
            if room.bar.agreement(agreement)["mode"]
            else (self._units(data))
        )
        figure = room.post(agreement, units)
        if figure is None:
            return
        batch = figure.batch
        if release:
            room.act(room.bar.ledger, "release", [release_request(batch, 0)], sender=OTTO)
        if settle:
            room.bar.evm.warp(DAY)
            room.act(room.bar.ledger, "settle", batch.number, batch.figures, sender=MALLORY)

    @precondition(lambda self: self.room.figures)
    @rule(data=st.data(), step=st.sampled_from(["settle", "finalise", "makeGood", "retire", "cancel"]))
    def handle(self, data: st.DataObject, step: str) -> None:
        """Whatever can be done with a batch, by whoever may."""
        room, figure = self.room, self._figure(data)
        assert figure is not None
        number = figure.batch.number
        values: dict[str, tuple[Any, ...]] = {
            "settle": (number, figure.batch.figures),
            "finalise": (number, [figure.leaf]),
            "makeGood": (number, figure.leaf),
            "retire": (number,),
            "cancel": (number,),
        }
        sender = room.bar.system.admin if step == "cancel" else MALLORY
        room.act(room.bar.ledger, step, *values[step], sender=sender)

    @rule(data=st.data(), accepted=st.booleans(), bonded=st.booleans())
    def show(self, data: st.DataObject, accepted: bool, bonded: bool) -> None:
        """Both sides signed, and it is paid; or the provider posts it itself."""
        room, agreement = self.room, self._agreement(data)
        if room.bar.agreement(agreement)["mode"]:
            return
        how: dict[str, Any] = {"customer": ANN, "funder": SAM} if accepted else {"verdicts": (3, 4)}
        item = room.bar.item(agreement, self._units(data), **how)
        if bonded:
            receipt = room.act(room.bar.ledger, "selfPost", [item], sender=OTTO)
            room.posts += [number for number in receipt.result if number] if receipt else []
        else:
            room.act(room.bar.ledger, "collect", [item], sender=MALLORY)

    # Disputes

    @rule(data=st.data(), who=people, named=st.sampled_from([NOBODY, NOBODY, CAROL.address]))
    def attack(self, data: st.DataObject, who: Account, named: str) -> None:
        room, agreement = self.room, self._agreement(data)
        claim: tuple[Any, ...] = CLOCK
        if room.bar.agreement(agreement)["mode"]:
            view = room.bar.agreement(agreement)
            elapsed = max(0, room.now - view["start"])
            claimed = data.draw(st.sampled_from([0, elapsed // 2, elapsed, elapsed + 1]))
        else:
            figure = self._figure(data, agreement)
            if figure is not None and data.draw(mostly):
                claim = room.bar.claim_of(figure.batch, figure.leaf)
            else:
                claim = room.bar.shown(agreement, self._units(data))
            claimed = self._units(data)
        room.act(room.bar.court, "open", agreement, claimed, claim, named, 1, bytes(32), "", sender=who)

    @precondition(lambda self: self.room.figures)
    @rule(data=st.data(), signers=st.sampled_from([(3, 4), (3, 4), (4, 5), (3,)]))
    def propose(self, data: st.DataObject, signers: tuple[int, ...]) -> None:
        room, figure = self.room, self._figure(data)
        assert figure is not None
        if room.bar.agreement(figure.agreement)["policy"] == 2:
            signers = (3,)
        valid, claim = self._units(data), room.bar.claim_of(figure.batch, figure.leaf)
        signed = room.bar.verdicts(figure.agreement, valid, *signers, root=claim[3])
        room.act(room.bar.court, "propose", figure.agreement, valid, claim, signed, 2, sender=MALLORY)

    @precondition(lambda self: self.room.disputes)
    @rule(data=st.data(), who=people, step=st.sampled_from(["contest", "takeOver", "evidence", "back"]))
    def plead(self, data: st.DataObject, who: Account, step: str) -> None:
        room, dispute = self.room, self._dispute(data)
        view = room.bar.view(dispute)
        if step == "contest":
            room.act(room.bar.court, "contest", dispute, sender=data.draw(st.sampled_from([who, OTTO, ANN])))
        elif step == "takeOver":
            claimed = data.draw(st.sampled_from([view["claimed"], 0, view["attacked"]]))
            room.act(
                room.bar.court, "takeOver", dispute, claimed, sender=data.draw(st.sampled_from([who, ANN]))
            )
        elif step == "evidence":
            room.act(room.bar.court, "submitEvidence", dispute, True, b"\7" * 32, "ipfs://x", sender=who)
        else:
            figure = self._figure(data, view["agreement"])
            claim = (
                room.bar.claim_of(figure.batch, figure.leaf)
                if figure is not None and data.draw(mostly)
                else room.bar.shown(view["agreement"], self._units(data), customer=ANN, funder=SAM)
            )
            room.act(room.bar.court, "back", dispute, claim, sender=who)

    @precondition(lambda self: self.room.disputes)
    @rule(data=st.data(), waits=mostly, speaks=mostly, mode=st.sampled_from([0, 0, 0, 0, 1, 3, 4, 5]))
    def arbiters(self, data: st.DataObject, waits: bool, speaks: bool, mode: int) -> None:
        """The arbiter whose turn it is says something, or misbehaves; anyone takes it to the Court."""
        room, dispute = self.room, self._dispute(data)
        view = room.bar.view(dispute)
        if waits and view["state"] == State.EVIDENCE:
            room.bar.evm.warp_to(view["deadline"])
            view = room.bar.view(dispute)
        attacked, claimed = view["attacked"], view["claimed"]
        units = data.draw(
            st.sampled_from(
                [claimed, attacked, attacked, (claimed + attacked) // 2, 0, attacked + 1, 2**80 - 1]
            )
        )
        second = view["state"] == State.SECOND
        arbiter = room.bar.second if second else room.bar.first
        arbiter.transact("setMode", mode, sender=MALLORY)
        if speaks:
            room.bar.say(dispute, units, 2 if second else 1)
        room.act(room.bar.court, "rule", dispute, sender=MALLORY)
        arbiter.transact("setMode", 0, sender=MALLORY)

    @precondition(lambda self: self.room.disputes)
    @rule(data=st.data(), who=people, whole=mostly)
    def appeal(self, data: st.DataObject, who: Account, whole: bool) -> None:
        room, dispute = self.room, self._dispute(data)
        needed, paid = room.bar.court.call("appealBondOf", dispute)
        amount = (
            max(0, needed - paid)
            if whole
            else data.draw(st.sampled_from([0, 1, needed // 16 + 1, needed // 3]))
        )
        room.act(room.bar.court, "appeal", dispute, amount, sender=who)

    @precondition(lambda self: self.room.disputes)
    @rule(data=st.data(), step=st.sampled_from(["execute", "execute", "clear", "fileClaim"]), waits=mostly)
    def carry_out(self, data: st.DataObject, step: str, waits: bool) -> None:
        room, dispute = self.room, self._dispute(data)
        view = room.bar.view(dispute)
        if waits and view["state"] not in (State.RULED, State.OVER) and view["deadline"] > room.now:
            room.bar.evm.warp_to(view["deadline"])
        if step == "execute":
            room.execute(dispute, MALLORY)
        else:
            room.act(room.bar.court, step, dispute, sender=MALLORY)

    # Challenges

    @precondition(lambda self: self.room.figures)
    @rule(data=st.data(), who=st.sampled_from([WANDA, WANDA, CAROL]))
    def challenge(self, data: st.DataObject, who: Account) -> None:
        room, figure = self.room, self._figure(data)
        assert figure is not None
        leaf = room.bar.claim_of(figure.batch, figure.leaf)[:5]
        if room.act(room.challenges, "challenge", leaf, sender=who):
            room.challenged.append((figure.batch.number, figure.leaf))

    @precondition(lambda self: self.room.challenged)
    @rule(
        data=st.data(), who=people, step=st.sampled_from(["answer", "void", "dismiss"]), waits=st.booleans()
    )
    def respond(self, data: st.DataObject, who: Account, step: str, waits: bool) -> None:
        room = self.room
        place = data.draw(st.sampled_from(room.challenged[-5:]))
        if waits:
            room.bar.evm.warp(21_600)
        if step != "answer":
            room.act(room.challenges, step, *place, sender=who)
            return
        figure = next(f for f in room.figures if (f.batch.number, f.leaf) == place)
        more = data.draw(st.sampled_from([0, 0, 0, 1, -1]))
        item = room.bar.item(
            figure.agreement,
            max(0, figure.units + more),
            root=figure.batch.output(figure.leaf),
            customer=ANN,
            funder=SAM,
        )
        room.act(room.challenges, "answer", *place, item, sender=who)

    # Others

    @rule(seconds=st.sampled_from([60, 21_600, DAY, 3 * DAY, 8 * DAY]))
    def time_passes(self, seconds: int) -> None:
        self.room.bar.evm.warp(seconds)

    @rule(data=st.data(), who=st.sampled_from([ANN, OTTO]), step=st.sampled_from(["close", "poke", "refund"]))
    def end(self, data: st.DataObject, who: Account, step: str) -> None:
        room, agreement = self.room, self._agreement(data)
        values = ([agreement],) if step == "poke" else (agreement,)
        room.act(room.bar.system.escrow, step, *values, sender=who)

    @rule(who=people, book=st.sampled_from(["court", "challenges", "staking"]))
    def claim(self, who: Account, book: str) -> None:
        room = self.room
        contract = {"court": room.bar.court, "challenges": room.challenges, "staking": room.bar.staking}[book]
        room.act(contract, "claimCredit", who.address, sender=who)

    @rule(step=st.sampled_from(["unstake", "withdraw", "cancelThaw"]), operator=st.sampled_from([1, 1, 3]))
    def flee(self, step: str, operator: int) -> None:
        """Who is accused takes out what it can."""
        room = self.room
        owner = room.bar.system.operators[operator]
        free = room.bar.stake(operator)["free"]
        values: dict[str, tuple[Any, ...]] = {
            "unstake": (operator, max(0, free - 1_100 * DOLLAR)),
            "withdraw": (operator, owner.address),
            "cancelThaw": (operator,),
        }
        room.act(room.bar.staking, step, *values[step], sender=owner)
