"""Checkpoints of rewards: who is due, in which chunks, what a full day, a failure and a restart change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from tallystick.chain.errors import ContractRefused
from tallystick.chain.rpc import Head
from tallystick.protocol.constants import MAX_REWARD_ITEMS
from tallystick.relayer.checkpoint import (
    MAX_TRIES,
    PAUSE,
    Checkpointer,
    Plan,
    Standing,
    offset_of,
    period_of,
    plan_call,
)
from tallystick.relayer.contracts import RewardStanding
from tallystick.relayer.rewards import note_fees
from tallystick.store.database import Database
from tallystick.store.tables import rewards, transactions

TARGET = b"\x08" * 20
DAY = 86_400
MIDNIGHT = 20_000 * DAY
START = MIDNIGHT + 157  # operator 1: 60 + 97
EACH = 100_000  # gas of one account


# -- pure ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "interval", "period"),
    [
        (START, DAY, START),
        (START - 1, DAY, START - DAY),
        (START + DAY - 1, DAY, START),
        (START + 3_599, 3_600, START),
        (START + 3_600, 3_600, START + 3_600),
    ],
)
def test_period_of__around_its_beginning__by_hand(now: int, interval: int, period: int) -> None:
    assert period_of(now, interval, offset_of(1)) == period


def test_offset_of__any_operator__is_a_minute_to_half_an_hour_and_not_the_same() -> None:
    offsets = [offset_of(operator) for operator in range(1, 500)]
    assert min(offsets) >= 60
    assert max(offsets) < 1_800
    assert len(set(offsets[:10])) == 10


@pytest.mark.parametrize(
    ("found", "left", "plan"),
    [
        ([], 10, Plan([], [], 0)),
        ([Standing(1, 4, False), Standing(2, 6, False)], 10, Plan([1, 2], [1, 2], 0)),
        # the day has room for 3 of the second's 6, and for none of the third's
        (
            [Standing(1, 4, False), Standing(2, 6, False), Standing(3, 1, False)],
            7,
            Plan([1, 2], [1], 4),
        ),
        # somebody else has counted the first meanwhile
        ([Standing(1, 0, False), Standing(2, 6, False)], 10, Plan([2], [1, 2], 0)),
        # forfeiting needs no room
        ([Standing(1, 0, True), Standing(2, 6, False)], 0, Plan([1], [1], 6)),
    ],
)
def test_plan_call__room_of_the_day__by_hand(found: list[Standing], left: int, plan: Plan) -> None:
    assert plan_call(found, left) == plan


# -- the loop --------------------------------------------------------------------------------------------------------


class FakeRewards:
    """SupplierRewards: `waiting` and `counted` µ by account, as the newest block has them, and room for `left` µ."""

    rewards: bytes | None = TARGET

    def __init__(self) -> None:
        self.waiting: dict[int, int] = {}
        self.counted: dict[int, int] = {}
        self.left = 10**11
        self.poison: set[int] = set()
        self.looks = 0

    def reward_standings(self, accounts: Sequence[int]) -> tuple[int, list[RewardStanding]]:
        self.looks += 1
        found = [RewardStanding(self.counted.get(one, 0), self.waiting.get(one, 0)) for one in accounts]
        return self.left, found

    def checkpoint_call(self, accounts: Sequence[int]) -> bytes:
        return json.dumps(accounts).encode()

    def estimate(self, target: bytes, data: bytes, _sender: bytes) -> int:
        assert target == TARGET
        accounts = json.loads(data)
        if self.poison.intersection(accounts):
            raise ContractRefused("Panic", "It overflows", {})
        return 21_000 + EACH * len(accounts)


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.chain = FakeRewards()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.restart()

    def restart(self, reached: Any = lambda place: None, **settings: Any) -> None:
        engine = SimpleNamespace(sender=b"\x07" * 20, check=lambda target, data: None)
        self.loop = Checkpointer(
            self.database, self.chain, engine, 1,  # type: ignore[arg-type]
            **{"interval": DAY, "least": 1_000_000, "gas": 12_000_000} | settings,
            notice=lambda event, **details: self.told.append((event, details)), reached=reached,
        )  # fmt: skip

    def settled(self, account: int, fees: int, at: int) -> None:
        """Final fees, in the mirror and on the chain."""
        with self.database.write() as connection:
            note_fees(connection, account, at, fees=fees)
        self.chain.waiting[account] = self.chain.waiting.get(account, 0) + fees

    def step(self, now: int) -> None:
        self.loop.step(Head(1, bytes(32), now, 0))

    def calls(self) -> list[list[int]]:
        with self.database.read() as connection:
            found = connection.execute(select(transactions.c.data).order_by(transactions.c.id)).scalars()
            return [json.loads(data) for data in found]

    def keys(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.execute(select(transactions.c.key).order_by(transactions.c.id)).scalars())

    def mined(self) -> None:
        """What was asked for is in a block: the chain has counted it, final events are still to come."""
        for account in {account for call in self.calls() for account in call}:
            fits = min(self.chain.waiting[account], self.chain.left)
            self.chain.waiting[account] -= fits
            self.chain.counted[account] = self.chain.counted.get(account, 0) + fits
            self.chain.left -= fits
        self.end("mined")

    def end(self, state: str) -> None:
        with self.database.write() as connection:
            wanted = transactions.c.state == "queued"
            connection.execute(update(transactions).where(wanted).values(state=state, problem="why"))

    def final(self) -> None:
        """The follower has read the events of what the chain has counted."""
        with self.database.write() as connection:
            for account, counted in self.chain.counted.items():
                row = connection.execute(
                    select(rewards.c.counted).where(rewards.c.account == account)
                ).scalar_one()
                note_fees(connection, account, 1, counted=counted - row)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = Database.open(tmp_path / "relayer.sqlite3")
    yield Desk(database)
    database.close()


def test_step__fees_of_yesterday__are_counted_in_one_call_once_the_day_has_begun(desk: Desk) -> None:
    desk.settled(7, 1_000_000, MIDNIGHT - 5_000)
    desk.settled(4, 9_000_000, MIDNIGHT - 4_000)
    desk.step(START - 1)
    assert desk.calls() == []
    desk.step(START)
    assert desk.calls() == [[7, 4]]
    assert desk.keys() == [f"checkpoint:{START}:0"]


def test_step__fees_of_today__wait_for_tomorrow(desk: Desk) -> None:
    desk.settled(7, 1_000_000, START)
    desk.step(START + DAY - 1)
    assert desk.calls() == []
    desk.restart()
    desk.step(START + DAY)
    assert desk.calls() == [[7]]


def test_step__counted_and_not_final_yet__is_not_asked_for_again_by_this_or_the_next_process(
    desk: Desk,
) -> None:
    desk.settled(7, 1_000_000, MIDNIGHT - 5_000)
    desk.step(START)
    desk.step(START + PAUSE)  # it is on its way
    desk.mined()
    for _ in range(2):
        desk.step(START + 2 * PAUSE)
        desk.restart()
    desk.final()
    for day in range(1, 9):
        desk.step(START + day * DAY)
    assert desk.calls() == [[7]]


def test_step__dies_before_the_commit__asks_under_the_same_key_and_dies_after_it__asks_once(
    desk: Desk,
) -> None:
    desk.settled(7, 1_000_000, MIDNIGHT - 5_000)
    for place, calls in (("checkpoint.before", 0), ("checkpoint.after", 1)):

        def dies(reached: str, place: str = place) -> None:
            if reached == place:
                raise KeyboardInterrupt(place)

        desk.restart(dies)
        with pytest.raises(KeyboardInterrupt, match=place):
            desk.step(START)
        assert len(desk.calls()) == calls
    desk.restart()
    desk.step(START + 1)
    desk.mined()
    desk.step(START + PAUSE)
    assert desk.keys() == [f"checkpoint:{START}:0"]


def test_step__less_than_is_worth_it__waits_until_there_is_enough_or_for_a_week(desk: Desk) -> None:
    desk.settled(7, 999_999, START + 1)
    desk.settled(8, 1, START + 1)
    desk.step(START + DAY)
    assert desk.calls() == []
    desk.settled(7, 1, START + DAY + 5)
    desk.restart()
    desk.step(START + 2 * DAY)
    assert desk.calls() == [[7]]
    desk.mined()
    for day in range(3, 7):
        desk.restart()
        desk.step(START + day * DAY)
    assert desk.calls() == [[7]]
    desk.restart()
    desk.step(START + 7 * DAY)
    assert desk.calls() == [[7], [8]]


def test_step__more_than_the_gas_allows__goes_in_chunks_one_after_the_other(desk: Desk) -> None:
    # (1 021 000 - 21 000) / 100 000 = 10 accounts a transaction
    for account in range(1, 26):
        desk.settled(account, 1_000_000, MIDNIGHT - 5_000)
    desk.restart(gas=1_021_000)
    for later in range(4):
        desk.step(START + later)
        desk.step(START + later)  # the one before it is in no block yet
        desk.mined()
    assert desk.calls() == [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))]


def test_step__more_accounts_than_the_contract_takes__are_named_in_two_calls(desk: Desk) -> None:
    for account in range(1, MAX_REWARD_ITEMS + 2):
        desk.settled(account, 1_000_000, MIDNIGHT - 5_000)
    desk.restart(gas=10**9)
    desk.step(START)
    desk.mined()
    desk.step(START + 1)
    assert desk.calls() == [list(range(1, MAX_REWARD_ITEMS + 1)), [MAX_REWARD_ITEMS + 1]]


def test_step__day_is_full__what_waits_is_taken_up_the_next_day_where_it_stopped(desk: Desk) -> None:
    for account, at in ((1, 3), (2, 1), (3, 2)):  # 2 has waited longest
        desk.settled(account, 4_000_000, MIDNIGHT - 5_000 + at)
    desk.chain.left = 6_000_000
    desk.step(START)
    desk.step(START + PAUSE)  # it is in no block yet, and 3 will have something left
    assert desk.calls() == [[2, 3]]  # all of 2, half of 3
    desk.mined()
    assert desk.chain.waiting == {1: 4_000_000, 2: 0, 3: 2_000_000}
    looks = desk.chain.looks
    for later in (PAUSE, 2 * PAUSE, DAY // 2, DAY - 1):
        desk.step(START + later)
    assert desk.chain.looks == looks + 1  # asked once, then left alone until the day is over
    waits = {"fees": 6_000_000, "until": START + DAY}
    assert [details for event, details in desk.told if event == "checkpoint_waits"] == [waits]
    desk.final()
    desk.chain.left = 6_000_000
    desk.step(START + DAY)
    assert desk.calls()[1:] == [[3, 1]]
    desk.mined()
    assert sum(desk.chain.waiting.values()) == 0


def test_step__full_day_in_a_longer_period__does_not_wait_for_the_next_period(desk: Desk) -> None:
    desk.restart(interval=7 * DAY)
    begin = period_of(START, 7 * DAY, offset_of(1)) + 7 * DAY
    desk.settled(1, 4_000_000, begin - 1)
    desk.chain.left = 3_000_000
    desk.step(begin)
    desk.mined()
    desk.step(begin + PAUSE)
    desk.chain.left = 3_000_000
    desk.step(begin + DAY)
    assert desk.calls() == [[1], [1]]
    assert desk.keys() == [f"checkpoint:{begin}:0", f"checkpoint:{begin}:1"]


def test_step__fees_were_overturned__are_forfeited_at_once_and_once(desk: Desk) -> None:
    desk.settled(7, 5_000_000, MIDNIGHT - DAY)
    desk.settled(8, 5, MIDNIGHT - DAY)
    desk.step(START)
    desk.mined()
    desk.final()
    with desk.database.write() as connection:
        note_fees(connection, 7, START + 5, overturned=2_000_000)
    desk.chain.counted[7] = 3_000_000  # lifetimeOf says it as if it were checkpointed
    desk.chain.left = 0
    desk.step(START + DAY)
    assert desk.calls() == [[7], [7]]
    desk.end("mined")
    desk.step(START + DAY + PAUSE)
    with desk.database.write() as connection:
        note_fees(connection, 7, START + DAY, counted=-2_000_000)
    desk.restart()
    desk.step(START + 2 * DAY)
    assert desk.calls() == [[7], [7]]


def test_step__as_many_new_fees_as_were_overturned__hide_no_forfeiture(desk: Desk) -> None:
    desk.settled(7, 5_000_000, MIDNIGHT - DAY)
    desk.step(START)
    desk.mined()
    desk.final()
    desk.step(START + PAUSE)
    with desk.database.write() as connection:
        note_fees(connection, 7, START + PAUSE, overturned=5_000_000)
        note_fees(connection, 7, START + PAUSE, fees=5_000_000)
    desk.chain.counted[7], desk.chain.waiting[7], desk.chain.left = 0, 5_000_000, 0
    desk.step(START + DAY)  # the day has no room for the new ones
    assert desk.calls() == [[7], [7]]


def test_step__somebody_else_has_counted_it__sends_nothing(desk: Desk) -> None:
    desk.settled(7, 5_000_000, MIDNIGHT - 5_000)
    desk.chain.waiting[7], desk.chain.counted[7] = 0, 5_000_000
    desk.step(START)
    desk.step(START + 1)
    assert desk.calls() == []
    assert desk.chain.looks == 1


def test_step__transaction_fails__is_tried_again_after_a_while_and_given_up_for_the_day(desk: Desk) -> None:
    desk.settled(7, 5_000_000, MIDNIGHT - 5_000)
    desk.step(START)
    desk.end("reverted")
    desk.step(START + 9)
    assert len(desk.calls()) == 1
    desk.step(START + 10)  # 5 s, doubled
    assert desk.keys() == [f"checkpoint:{START}:0", f"checkpoint:{START}:1"]
    for later in range(1, 30):
        desk.end("refused")
        desk.step(START + later * PAUSE + 10)
    assert len(desk.calls()) == MAX_TRIES
    desk.step(START + DAY)
    assert desk.keys()[-1] == f"checkpoint:{START + DAY}:0"


def test_step__one_account_is_refused__keeps_nobody_else_waiting(desk: Desk) -> None:
    for account in (1, 2, 3):
        desk.settled(account, 5_000_000, MIDNIGHT - 5_000)
    desk.chain.poison = {1}
    for later in range(4):
        desk.step(START + later)
        desk.end("mined")
    assert desk.calls() == [[2, 3]]
    refused = [details["account"] for event, details in desk.told if event == "checkpoint_refused"]
    assert refused == [1]


def test_step__turned_off_or_no_such_contract__looks_at_nothing(desk: Desk) -> None:
    desk.settled(7, 5_000_000, MIDNIGHT - 5_000)
    desk.restart(interval=0)
    desk.step(START)
    desk.chain.rewards = None
    desk.restart()
    desk.step(START)
    assert (desk.calls(), desk.chain.looks) == ([], 0)


def test_note_fees__sums_and_waiting_since__by_hand(desk: Desk) -> None:
    c = rewards.c
    with desk.database.write() as connection:
        for at, change, expected in (
            (10, {"fees": 5}, (5, 0, 0, 0, 10)),
            (20, {"fees": 5}, (10, 0, 0, 0, 10)),
            (30, {"counted": 4}, (10, 0, 4, 0, 10)),
            (40, {"counted": 6}, (10, 0, 10, 0, 0)),
            (50, {"overturned": 7}, (10, 7, 10, 7, 0)),
            (60, {"fees": 1}, (11, 7, 10, 7, 60)),
            (70, {"counted": -7}, (11, 7, 3, 0, 60)),
            (75, {"counted": 1}, (11, 7, 4, 0, 0)),
            (80, {"fees": 2}, (13, 7, 4, 0, 80)),
            # more than what counts can only take that
            (90, {"overturned": 5}, (13, 12, 4, 4, 80)),
        ):
            note_fees(connection, 1, at, **change)
            found = connection.execute(
                select(c.fees, c.overturned, c.counted, c.forfeiting, c.waiting_since)
            ).one()
            assert tuple(found) == expected
