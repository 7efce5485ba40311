"""What a supplier can do about its rewards, with every refusal, and the statement of them, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tallystick.chain import reward_ops as ops
from tallystick.chain.contracts import load
from tallystick.chain.dividend_ops import NOBODY
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.event_types import Event, Place
from tallystick.chain.provider_ops import Action
from tallystick.chain.reward_statement import histories, reward_rows
from tallystick.chain.statements import Row, Span
from tallystick.chain.token_events import (
    SupplierRewardsCheckpointCapped,
    SupplierRewardsCheckpointed,
    SupplierRewardsForfeited,
    SupplierRewardsRateLowered,
    SupplierRewardsRewardsClaimed,
    SupplierRewardsRewardShareClaimed,
)
from tallystick.protocol.accounting.rewards import Supplier
from tallystick.protocol.constants import DAY, TALLY, WEEK

ME, OTHER, REWARDS, ELSEWHERE = ("0x" + digit * 40 for digit in "1234")
SCHEDULE = ops.Schedule(
    rewards=REWARDS, symbol="USDC", now=10 * DAY + 60, most=2, rate=5 * 10**12, first_rate=10**13,
    counted=7_000_000, left_today=1_000_000, daily_fees=4_000_000, halving=5_000_000, vesting=90 * DAY,
    credited=60 * TALLY, forfeited=0, minted=0,
)  # fmt: skip
FIRST = ops.AccountRewards(
    1, fees=400_000, credited=4 * TALLY, vested=TALLY, claimable=TALLY, next_day=TALLY, whole_at=100 * DAY
)
SECOND = replace(FIRST, account=2, claimable=2 * TALLY)
EMPTY = ops.AccountRewards(3)
MINE = ops.Rewards(ME, SCHEDULE, (FIRST, SECOND, EMPTY))


def calls(actions: list[Action]) -> list[tuple[str, tuple[Any, ...]]]:
    """The functions that are called with their arguments, in order."""
    functions = {function.selector: function for function in load("SupplierRewards").functions.values()}
    assert {action.to for action in actions} == {REWARDS}
    return [
        (functions[action.data[:4]].name, functions[action.data[:4]].decode_inputs(action.data))
        for action in actions
    ]


def refused(code: str, what: Any) -> str:
    with pytest.raises(OperatorRefusal) as caught:
        what()
    assert caught.value.code == code
    return caught.value.message


def test_checkpoint__more_than_the_day_takes__says_what_waits_chunk_by_chunk() -> None:
    waiting = [replace(EMPTY, account=number, waiting=400_000) for number in (4, 5, 6)]
    actions = ops.checkpoint(SCHEDULE, [FIRST, *waiting])
    assert calls(actions) == [("checkpoint", ((4, 5),)), ("checkpoint", ((6,),))]
    assert actions[0].says == "count 0.8 USDC of fees of accounts 4, 5"
    assert actions[1].says == "count 0.2 USDC of fees of account 6; 0.2 USDC wait for a later day"


def test_checkpoint__nothing_new_or_a_full_day__refused_unless_something_was_overturned() -> None:
    assert "of accounts 1, 3 wait" in refused(
        "nothing_to_count", lambda: ops.checkpoint(SCHEDULE, [FIRST, EMPTY])
    )
    full, waiting = replace(SCHEDULE, left_today=0), replace(EMPTY, waiting=5)
    text = refused("day_full", lambda: ops.checkpoint(full, [waiting]))
    assert "4 USDC counted today" in text
    assert "0.000005 USDC wait until 1970-01-12 00:00:00 UTC" in text
    (action,) = ops.checkpoint(full, [replace(FIRST, overturned=300_000)])
    assert "take back what 0.3 USDC of overturned fees brought" in action.says


def test_claim__accounts_with_something_vested__in_as_few_calls_as_fit() -> None:
    (action,) = ops.claim(MINE, ELSEWHERE)
    assert calls([action]) == [("claim", ((1, 2), ELSEWHERE))]
    assert action.says == f"claim what has vested of accounts 1, 2, 3 TALLY by now, to {ELSEWHERE}"
    assert calls(ops.claim(MINE, account=2)) == [("claim", ((2,), ME))]
    many = replace(MINE, accounts=tuple(replace(FIRST, account=number) for number in range(1, 4)))
    assert [call[1][0] for call in calls(ops.claim(many))] == [(1, 2), (3,)]
    refused("bad_value", lambda: ops.claim(MINE, NOBODY))
    refused("not_owner", lambda: ops.claim(MINE, account=9))
    refused("unknown_account", lambda: ops.claim(replace(MINE, accounts=())))


@pytest.mark.parametrize(
    ("credited", "vested", "why"),
    [
        (0, 0, "no fees of it have counted yet"),
        (4, 0, "next is 1970-01-12 00:00:00 UTC"),
        (4, 1, "0.000000000000000001 TALLY were claimed"),
    ],
)  # fmt: skip
def test_claim__nothing__says_why(credited: int, vested: int, why: str) -> None:
    nothing = replace(FIRST, credited=credited, vested=vested, claimed=vested, claimable=0)
    assert why in refused("nothing_to_claim", lambda: ops.claim(replace(MINE, accounts=(nothing,))))


def test_claim_and_stake__less_than_a_tally_staked_then__refused() -> None:
    (action,) = ops.claim_and_stake(MINE, 5 * TALLY)
    assert calls([action]) == [("claimAndStake", ((1, 2), ME))]
    assert f"3 TALLY by now, and stake it for {ME}" in action.says
    assert calls(ops.claim_and_stake(MINE, 0, OTHER, 1)) == [("claimAndStake", ((1,), OTHER))]
    little = replace(MINE, accounts=(replace(FIRST, claimable=TALLY - 1),))
    refused("below_minimum", lambda: ops.claim_and_stake(little, 0))
    assert ops.claim_and_stake(little, 1)


def test_claim_share__that_member_only_and_with_the_splits_own_lists() -> None:
    share = ops.Share(7, 1, (OTHER, ME), (1, 3), claimable=30, claimed=0, whole=FIRST)
    assert calls(ops.claim_share(MINE, [share], ELSEWHERE)) == [
        ("claimShare", (7, 1, (OTHER, ME), (1, 3), ELSEWHERE))
    ]
    refused("not_member", lambda: ops.claim_share(MINE, []))
    for index in (0, 2):
        refused("not_member", lambda index=index: ops.claim_share(MINE, [replace(share, index=index)]))
    refused("nothing_to_claim", lambda: ops.claim_share(MINE, [replace(share, claimable=0)]))
    assert [one.account for one in replace(MINE, accounts=(), shares=(share,)).all_accounts()] == [1]


def test_describe__rate_halving_today_and_each_account() -> None:
    share = ops.Share(7, 1, (OTHER, ME), (1, 3), claimable=30, claimed=0, whole=replace(FIRST, overturned=8))
    paid = replace(FIRST, claimed=3 * TALLY, claimable=0, waiting=9)
    whole = replace(MINE, accounts=(paid,), shares=(share,))
    text = "\n".join([*ops.describe_schedule(SCHEDULE), *ops.describe(whole)])
    assert "rate          5 TALLY for 1 USDC of fees (it began at 10 TALLY)" in text
    assert "7 USDC counted; the rate halves after 3 USDC more" in text  # at 10 USDC
    assert "1 USDC of 4 USDC still count, until 1970-01-12 00:00:00 UTC" in text
    assert "next day      1 TALLY vest; all of it by 1970-04-11 00:00:00 UTC" in text
    assert "set off       2 TALLY were paid and then forfeited" in text
    assert "waiting       0.000009 USDC: `ape run rewards checkpoint`" in text
    assert "member 1 of account 7, weight 3 of 4; the account:" in text
    assert "overturned    0.000008 USDC" in text
    assert "no account in Escrow" in "\n".join(ops.describe(replace(MINE, accounts=())))


# The statement: account 1 counts on days 0 and 2, loses half of day 2's, and is paid; vesting takes 10 days

VESTING = 10 * DAY


def at(block: int) -> Place:
    return Place(block, "0x" + "ab" * 32, f"0x{block:064x}", 0)


EVENTS: list[Event] = [
    SupplierRewardsRateLowered(at(0), 10**13),
    SupplierRewardsCheckpointed(at(1), 1, 0, 100, 1_000),
    SupplierRewardsCheckpointed(at(2), 2, 0, 7, 70),
    SupplierRewardsCheckpointCapped(at(3), 1, 0, 55),
    SupplierRewardsCheckpointed(at(4), 1, 2, 55, 551),
    SupplierRewardsRewardsClaimed(at(5), 1, b"\x05" * 20, 400),
    SupplierRewardsForfeited(at(6), 1, 28, 281),
    SupplierRewardsRewardShareClaimed(at(7), 2, 3, b"\x06" * 20, 21),
]
TIMES = {0: 5, 1: 10, 2: 20, 3: 30, 4: 2 * DAY, 5: 5 * DAY, 6: 8 * DAY, 7: 9 * DAY}


def short(rows: list[Row]) -> list[tuple[int, str, int]]:
    return [(row.time, row.kind, row.amount) for row in rows]


def test_statement__forfeiture__takes_back_the_newest_and_all_sums_agree() -> None:
    rows = reward_rows(EVENTS, TIMES, {1}, Span(), VESTING, 14 * DAY)
    # Day 0's 1 000 vest from day 1 on, 100 a day; day 2's 551 from day 3 on, 55.1 a day. At day 7 (a week's end):
    # 600 + 220.4. At day 8: 700 + 275.5. Then 27 of 55 µ stay of day 2, which brought floor(551 x 27 / 55) = 270:
    # 700 + 135, so 140 are taken back. At day 14: 1 000 + 270, the tenth day of both being over.
    assert short(rows) == [
        (10, "counted", 100),
        (10, "credited", 1_000),
        (30, "waiting", 55),
        (2 * DAY, "counted", 55),
        (2 * DAY, "credited", 551),
        (5 * DAY, "claimed", 400),
        (WEEK, "vested", 820),
        (8 * DAY, "vested", 155),
        (8 * DAY, "overturned", 28),
        (8 * DAY, "forfeited", 281),
        (8 * DAY, "unvested", 140),
        (14 * DAY, "vested", 435),
    ]
    assert dict(rows[-1].figures) == {"fees": 127, "credited": 1_270, "vested": 1_270, "claimed": 400}
    assert rows[5].figures["vested"] == 400 + 110  # day 5: 4 x 100 + 2 x 55.1
    income = sum(row.amount * {"vested": 1, "unvested": -1}.get(row.kind, 0) for row in rows)
    assert income == 1_270
    assert {row.account for row in rows} == {"1"}


def test_statement__of_a_split__names_the_member() -> None:
    rows = reward_rows(EVENTS, TIMES, {2}, Span(), VESTING, 20 * DAY)
    assert short(rows)[-2:] == [(9 * DAY, "share-claimed", 21), (14 * DAY, "vested", 70 - 42)]
    (claimed,) = (row for row in rows if row.kind == "share-claimed")
    assert (claimed.account, claimed.member, claimed.to) == ("2", "3", "0x" + "06" * 20)
    assert rows[-1].figures["claimed"] == 21
    assert reward_rows(EVENTS, TIMES, {9}, Span(), VESTING, 20 * DAY) == []


def test_histories__two_checkpoints_on_one_day__are_one_grant() -> None:
    twice = [*EVENTS[:2], SupplierRewardsCheckpointed(at(2), 1, 0, 1, 4)]
    (grant,) = histories(twice)[1].grants
    assert (grant.day, grant.fees, grant.amount) == (0, 101, 1_004)
    after = histories(EVENTS)
    assert (after[1].fees, after[1].amount, after[1].forfeited, after[1].claimed) == (127, 1_270, 281, 400)
    assert (after[2].fees, after[2].claimed) == (7, 21)


def test_account_rewards__overturned_but_not_yet_checkpointed__is_told_and_vests_no_more() -> None:
    history = histories(EVENTS[:5])[1]  # 100 µ of day 0 and 55 µ of day 2
    schedule = replace(SCHEDULE, vesting=VESTING, now=5 * DAY)
    life = (127, 9, 1_270, 454, 400)  # as the contract's views would say it: 28 of day 2's 55 µ are gone
    found = ops.account_rewards(1, life, 54, history, schedule)
    assert (found.overturned, found.waiting, found.claimable) == (28, 9, 54)
    assert found.next_day == 100 + 27
    assert found.whole_at == 13 * DAY
    (action,) = ops.checkpoint(schedule, [found])
    assert "count 0.000009 USDC" in action.says
    assert "0.000028 USDC of overturned fees" in action.says
    none = ops.account_rewards(9, (0, 0, 0, 0, 0), 0, Supplier(), schedule)
    assert none == ops.AccountRewards(9)
