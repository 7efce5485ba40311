"""The line of challenges behind a relayer's sixteen clocks: fair, without dead entries, and never stuck."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.challenges import BOND, RESPONSE, WALT, WANDA, Room, open_room
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, RELAYER, RITA, SIGNER, Posted
from tests.support.evm import account, reverts
from tests.support.system import DOLLAR, Role

Place = tuple[Posted, int]


@pytest.fixture
def room() -> Room:
    return open_room()


def flood(room: Room, batches: int, leaves: int = 8) -> list[Place]:
    """Challenges every leaf of so many batches, in order, by Wanda and Walt in turn."""
    posted = [room.posted(leaves) for _ in range(batches)]
    places = [(batch, index) for batch in posted for index in range(leaves)]
    for number, (batch, index) in enumerate(places):
        room.challenge(batch, index, sender=(WANDA, WALT)[number % 2])
    return places


def test_line__forty_challenges__sixteen_clocks_and_waves_of_sixteen(room: Room) -> None:
    places = flood(room, 5)
    began = room.now
    assert room.load() == (16, 24)
    assert [room.ends_at(*place) for place in places] == [began + RESPONSE] * 16 + [0] * 24
    room.evm.warp(RESPONSE)
    for place in places[:16]:
        room.void(*place)
    assert room.load() == (16, 8)
    # The next sixteen began when a place came free, not before.
    assert [room.ends_at(*place) for place in places[16:]] == [room.now + RESPONSE] * 16 + [0] * 8
    with reverts("Challenges_ResponseOpen", endsAt=room.now + RESPONSE):
        room.void(*places[16])
    with reverts("Challenges_ResponseOpen", endsAt=0):
        room.void(*places[32])
    room.evm.warp(RESPONSE)
    for place in places[16:32]:
        room.void(*place)
    assert room.load() == (8, 0)
    room.evm.warp(RESPONSE)
    for place in places[32:]:
        room.void(*place)
    assert room.load() == (0, 0)
    # A flood of void leaves costs the relayer the caps of the days that it took, not 40 x 100 USDC: the chain begins at
    # 8:00, so the waves were before 15:00, before 21:00 and before 3:00 of the next day: 1 000 and 800 USDC.
    assert room.stake_of(RELAYER)[0] == 20_000 * DOLLAR - 1_000 * DOLLAR - 800 * DOLLAR
    assert room.credit(WANDA) == room.credit(WALT) == 20 * BOND
    assert room.challenges.call("totalBonds") == 0
    room.check_bonds()


def test_line__flood_on_honest_work__is_answered_at_once_and_pays_the_relayer(room: Room) -> None:
    places = flood(room, 5)
    for place in reversed(places):  # those that wait first
        room.answer(*place)
    assert room.load() == (0, 0)
    assert room.stake_of(RELAYER) == (20_000 * DOLLAR, 0)
    assert room.credit(RITA) == 40 * BOND
    room.evm.warp(DAY)
    for batch in {place[0].number: place[0] for place in places}.values():
        room.settle(batch)
    assert room.received(2) == 40 * 95_000


def test_line__freed_place__goes_to_the_first_that_waits(room: Room) -> None:
    places = flood(room, 3)  # 24: eight wait
    assert room.load() == (16, 8)
    room.evm.warp(100)
    receipt = room.answer(*places[5])
    started = receipt.event("Started").args
    batch, index = places[16]
    assert started == {"batch": batch.number, "index": index, "startsAt": room.now}
    assert room.ends_at(*places[16]) == room.now + RESPONSE
    assert room.ends_at(*places[17]) == 0
    assert room.load() == (16, 7)


@pytest.mark.parametrize("gone", [(16,), (23,), (19,), (16, 17, 18), (23, 22), (18, 20, 19), (16, 23, 17)])
def test_line__who_waits_and_is_answered__leaves_it_without_a_trace(
    room: Room, gone: tuple[int, ...]
) -> None:
    places = flood(room, 3)
    for number in gone:
        assert not room.answer(*places[number]).events("Started")
    left = [number for number in range(16, 24) if number not in gone]
    assert room.load() == (16, len(left))
    for ended, expected in enumerate(left):
        started = room.answer(*places[ended]).event("Started").args
        batch, index = places[expected]
        assert (started["batch"], started["index"]) == (batch.number, index)
    assert room.load() == (16, 0)
    # From here on places come free.
    assert not room.answer(*places[15]).events("Started")
    assert room.load() == (15, 0)


def test_line__all_that_wait_leave__a_newcomer_still_waits_for_a_place(room: Room) -> None:
    places = flood(room, 3)
    batch = room.posted(1)
    for place in places[16:]:
        room.answer(*place)
    assert room.load() == (16, 0)
    room.challenge(batch, 0)
    assert room.load() == (16, 1)
    assert room.answer(*places[0]).event("Started").args["batch"] == batch.number
    assert room.load() == (16, 0)


def test_line__last_that_waits_leaves__a_newcomer_joins_behind_the_one_before(room: Room) -> None:
    places = flood(room, 3)
    batch = room.posted(1)
    room.answer(*places[23])
    room.challenge(batch, 0)
    assert room.load() == (16, 8)
    order = [room.answer(*places[number]).event("Started").args for number in range(8)]
    expected = [(b.number, i) for b, i in [*places[16:23], (batch, 0)]]
    assert [(each["batch"], each["index"]) for each in order] == expected


def test_line__moot_challenges_that_wait__leave_it(room: Room) -> None:
    places = flood(room, 3)
    room.rule_closed(room.agreement_at(*places[20]))
    room.dismiss(*places[20])
    room.ledger.transact("cancel", places[16][0].number, sender=room.system.admin)
    assert room.load() == (16, 7)
    for number in (16, 17, 18, 19, 21, 22, 23):
        room.dismiss(*places[number])
    assert room.load() == (16, 0)
    room.answer(*places[0])
    assert room.load() == (15, 0)


def test_line__a_moot_one_gets_a_place__and_holds_up_nobody_for_longer_than_a_call(room: Room) -> None:
    places = flood(room, 3)
    room.rule_closed(room.agreement_at(*places[16]))
    room.answer(*places[0])  # the place goes to the moot one
    assert room.ends_at(*places[16]) == room.now + RESPONSE
    started = room.dismiss(*places[16]).event("Started").args
    assert (started["batch"], started["index"]) == (places[17][0].number, places[17][1])


def test_line__another_relayers__is_its_own(room: Room) -> None:
    flood(room, 3)
    rolf = account("rolf")
    second = room.system.register(rolf, Role.RELAYER, free=20_000 * DOLLAR)
    room.system.staking.transact("authoriseKey", second, 2, SIGNER.address, sender=rolf)
    policy = room.system.add_policy(relayer=second)
    agreement = room.opened(policy=policy)
    nonce = room.ledger.call("nextNonce", policy, second)
    batch = room.post([(agreement, 1_000)], policy=policy, nonce=nonce)
    room.challenge(batch, 0)
    assert (room.load(), room.load(second)) == ((16, 8), (1, 0))
    room.evm.warp(RESPONSE)
    room.void(batch, 0)
    assert room.stake_of(second)[0] == 19_900 * DOLLAR
    assert room.stake_of(RELAYER)[0] == 20_000 * DOLLAR


def test_line__two_policies_of_one_relayer__share_its_places_and_its_day(room: Room) -> None:
    second = room.system.add_policy(relayer=RELAYER)
    other = room.opened_many([room.terms(policy=second) for _ in range(9)])
    batch = room.post([(number, 1_000) for number in other], policy=second)
    mine = flood(room, 1)
    for index in range(9):
        room.challenge(batch, index)
    assert room.load() == (16, 1)
    room.evm.warp_to((room.now // DAY + 1) * DAY)
    penalties = [room.void(*place).event("Voided").args["penalty"] for place in mine]
    penalties += [room.void(batch, index).event("Voided").args["penalty"] for index in range(8)]
    assert penalties == [100 * DOLLAR] * 10 + [0] * 6


def test_line__one_that_waited_past_its_agreements_refund__is_payable_for_a_day_after_its_answer(
    room: Room,
) -> None:
    """PROTOCOL 11.12, with the flood in the way: holds keep the refund, the answer delays it."""
    agreement = room.opened()
    room.evm.warp(600)
    worked = room.now
    room.escrow.transact("close", agreement, sender=OTTO)
    end = room.now
    room.evm.warp_to(end + DAY)
    batch = room.post([(agreement, 100_000)])
    wave = flood(room, 2)
    room.challenge(batch, 0)
    assert room.ends_at(batch, 0) == 0
    # For a week nobody voids the sixteen before it.
    refundable = end + 5 * DAY
    room.evm.warp_to(end + 8 * DAY)
    with reverts("Escrow_Held", agreement=agreement):
        room.escrow.transact("refund", agreement, sender=ANN)
    room.void(*wave[0])
    room.evm.warp(RESPONSE - 1)
    item = room.signed_receipt(
        agreement, 100_000, output_root=batch.output(0), period_start=worked - 60, period_end=worked
    )
    room.answer(batch, 0, item)
    assert room.now > refundable
    with reverts("Escrow_NotRefundableYet", agreement=agreement, refundableAt=room.now + DAY):
        room.escrow.transact("refund", agreement, sender=ANN)
    room.settle_one(batch, 0)
    assert room.received(2) == 95_000


# Any sequence

LEAVES: Final = 7
BATCHES: Final = 4

step = st.one_of(
    st.tuples(st.just("challenge"), st.integers(0, LEAVES * BATCHES - 1)),
    st.tuples(st.just("challenge"), st.integers(0, LEAVES * BATCHES - 1)),
    st.tuples(st.just("challenge all"), st.integers(0, BATCHES - 1)),
    st.tuples(st.just("answer"), st.integers(0, LEAVES * BATCHES - 1)),
    st.tuples(st.just("void"), st.integers(0, LEAVES * BATCHES - 1)),
    st.tuples(st.just("dismiss"), st.integers(0, LEAVES * BATCHES - 1)),
    st.tuples(st.just("close"), st.integers(0, LEAVES * BATCHES - 1)),
    st.tuples(st.just("cancel"), st.integers(0, BATCHES - 1)),
    st.tuples(st.just("wait"), st.sampled_from((1, RESPONSE // 2, RESPONSE))),
    st.tuples(st.just("claim"), st.integers(0, 2)),
)


class Model:
    """What Challenges should say, in lists; every step is also tried when it must be refused."""

    def __init__(self, room: Room) -> None:
        self.room = room
        batches = [room.posted(LEAVES) for _ in range(BATCHES)]
        self.places = [(batch, index) for batch in batches for index in range(LEAVES)]
        self.batches = batches
        self.window = min(room.ledger.call("settleableAt", batch.number) for batch in batches)
        self.running: dict[int, int] = {}  # place -> when its clock started
        self.waiting: list[int] = []
        self.over: set[int] = set()
        self.void: set[int] = set()
        self.closed: set[int] = set()
        self.cancelled: set[int] = set()
        self.challenger: dict[int, int] = {}
        self.owed = [0, 0, 0]  # Wanda, Walt, Rita
        self.people = (WANDA, WALT, RITA)

    def moot(self, place: int) -> bool:
        return place in self.closed or place // LEAVES in self.cancelled

    def alive(self, place: int) -> bool:
        return place in self.running or place in self.waiting

    def end(self, place: int, to: int) -> None:
        self.over.add(place)
        self.owed[to] += BOND
        if place in self.waiting:
            self.waiting.remove(place)
            return
        del self.running[place]
        if self.waiting:
            self.running[self.waiting.pop(0)] = self.room.now

    def challenge(self, place: int) -> None:
        room, who = self.room, place % 2
        if self.alive(place) or place in self.over:
            with reverts("Challenges_AlreadyChallenged"):
                room.challenge(*self.places[place], sender=self.people[who])
        elif room.now >= room.ledger.call("settleableAt", self.places[place][0].number):
            with reverts("ReceiptLedger_WindowOver"):
                room.challenge(*self.places[place], sender=self.people[who])
        elif place // LEAVES in self.cancelled:
            with reverts("ReceiptLedger_NotChallengeable"):
                room.challenge(*self.places[place], sender=self.people[who])
        elif place in self.closed:
            with reverts("Escrow_NotOpen"):
                room.challenge(*self.places[place], sender=self.people[who])
        else:
            room.challenge(*self.places[place], sender=self.people[who])
            self.challenger[place] = who
            if len(self.running) < 16:
                self.running[place] = room.now
            else:
                self.waiting.append(place)

    def late(self, place: int) -> bool:
        return place in self.running and self.room.now >= self.running[place] + RESPONSE

    def step(self, name: str, value: int) -> None:
        room = self.room
        if name == "wait":
            room.evm.warp(value)
        elif name == "challenge all":
            for place in range(value * LEAVES, (value + 1) * LEAVES):
                self.challenge(place)
        elif name == "challenge":
            self.challenge(value)
        elif name == "close":
            if value not in self.closed:
                room.rule_closed(room.agreement_at(*self.places[value]))
                self.closed.add(value)
        elif name == "cancel":
            batch = self.batches[value].number
            if value in self.cancelled:
                with reverts("ReceiptLedger_Cancelled"):
                    room.ledger.transact("cancel", batch, sender=room.system.admin)
            elif len(self.cancelled) < 2 and room.now < room.ledger.call("settleableAt", batch):
                room.ledger.transact("cancel", batch, sender=room.system.admin)
                self.cancelled.add(value)
        elif name == "claim":
            who = self.people[value]
            if self.owed[value]:
                room.challenges.transact("claimCredit", who.address, sender=who)
                self.owed[value] = 0
            else:
                with reverts("BondBook_NothingToClaim"):
                    room.challenges.transact("claimCredit", who.address, sender=who)
        elif not self.alive(value):
            with reverts("Challenges_NotChallenged"):
                getattr(room, name)(*self.places[value])
        elif name == "answer":
            if self.late(value) or self.moot(value):
                with reverts("Challenges_ResponseOver" if self.late(value) else "Challenges_Moot"):
                    room.answer(*self.places[value])
            else:
                room.answer(*self.places[value])
                self.end(value, 2)
        elif name == "void":
            if not self.late(value) or self.moot(value):
                with reverts("Challenges_Moot" if self.late(value) else "Challenges_ResponseOpen"):
                    room.void(*self.places[value])
            else:
                room.void(*self.places[value])
                self.void.add(value)
                self.end(value, self.challenger[value])
        elif self.moot(value):
            room.dismiss(*self.places[value])
            self.end(value, self.challenger[value])
        else:
            with reverts("Challenges_NotMoot"):
                room.dismiss(*self.places[value])

    def check(self) -> None:
        room = self.room
        assert room.load() == (len(self.running), len(self.waiting))
        assert not self.waiting or len(self.running) == 16
        ends = {place: start + RESPONSE for place, start in self.running.items()}
        for place in range(len(self.places)):
            assert room.ends_at(*self.places[place]) == ends.get(place, 0)
            agreement = room.agreement(room.agreement_at(*self.places[place]))
            assert agreement["holds"] == self.alive(place)
        assert [room.credit(who) for who in self.people] == self.owed
        assert room.challenges.call("totalBonds") == BOND * (len(self.running) + len(self.waiting))
        for number, batch in enumerate(self.batches):
            mine = range(number * LEAVES, (number + 1) * LEAVES)
            mask = sum(1 << (p % LEAVES) for p in mine if self.alive(p) or p in self.void)
            counts = (sum(map(self.alive, mine)), sum(p in self.void for p in mine))
            assert room.ledger.call("blockedOf", batch.number) == (mask, *counts)
        room.check_bonds()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3), st.lists(step, max_size=40))
def test_any_sequence__agrees_with_lists_and_ends_by_time_alone(
    crowd: int, steps: list[tuple[str, int]]
) -> None:
    room = open_room()
    model = Model(room)
    for batch in range(crowd):
        model.step("challenge all", batch)
    for name, value in steps:
        model.step(name, value)
        model.check()
    # Then nobody does anything but what anyone may: rounds of a response window, sixteen a round.
    rounds = 0
    while model.running:
        room.evm.warp(RESPONSE)
        rounds += 1
        for place in [*model.running]:
            if model.late(place):
                model.step("dismiss" if model.moot(place) else "void", place)
        model.check()
    assert rounds <= 2 + len(model.places) // 16
    assert room.load() == (0, 0)
    assert room.challenges.call("totalBonds") == 0
    for batch in {*range(BATCHES)} - model.cancelled:
        room.evm.warp(DAY)
        room.ledger.transact(
            "settle", model.batches[batch].number, model.batches[batch].figures, sender=MALLORY
        )
    # Who is owed is paid, to the last µ.
    for who in model.people:
        if room.credit(who):
            room.challenges.transact("claimCredit", who.address, sender=who)
    assert room.system.balance(room.challenges) == 0
