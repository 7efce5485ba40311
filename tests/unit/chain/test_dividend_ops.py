"""What a holder of TALLY can do, with every refusal, and the statement of a stake, worked out by hand."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.chain.fakes import FakeTransport

from tallystick.chain import dividend_ops as ops
from tallystick.chain.contracts import load
from tallystick.chain.dividend_desk import DividendDesk
from tallystick.chain.dividend_statement import DIVIDEND_COLUMNS, dividend_rows
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.event_types import Event, Place
from tallystick.chain.node import Node, TransactionReceipt
from tallystick.chain.provider_ops import Action
from tallystick.chain.registry import Deployment, Record
from tallystick.chain.statements import MICRO, Row, Span, marks, to_csv
from tallystick.chain.token_events import (
    DividendVaultClaimed,
    DividendVaultExitStarted,
    DividendVaultFeesReceived,
    DividendVaultPayoutSet,
    DividendVaultStaked,
    DividendVaultWithdrawn,
)
from tallystick.protocol.constants import DAY, TALLY, WEEK
from tallystick.protocol.enums import ClaimSkip

ME, FRIEND, VAULT, TOKEN, PAYOUT = ("0x" + digit * 40 for digit in "12345")
POOL = ops.Pool(
    vault=VAULT, token=TOKEN, symbol="USDC", faucet=None, now=10 * WEEK + 100, exit_delay=WEEK, most=2,
    staked=400 * TALLY, this_week=700, next_week=11, received=5_000, claimed=4_000, pullable=90,
)  # fmt: skip
MINE = ops.Holding(
    owner=ME, pool=POOL, wallet=50 * TALLY, allowance=20 * TALLY, staked=300 * TALLY, claimable=525, earned=600,
    claimed=75,
)  # fmt: skip


def calls(actions: list[Action]) -> list[tuple[str, tuple[Any, ...]]]:
    """The functions that are called with their arguments, in order."""
    functions = {
        function.selector: function
        for contract in ("DividendVault", "TestTally")
        for function in load(contract).functions.values()
    }
    found = [(functions[action.data[:4]], action.data) for action in actions]
    return [(function.name, function.decode_inputs(data)) for function, data in found]


def refused(code: str, what: Any) -> str:
    with pytest.raises(OperatorRefusal) as caught:
        what()
    assert caught.value.code == code
    return caught.value.message


def test_stake__allowance_too_small__approves_exactly_that_first() -> None:
    assert calls(ops.stake(MINE, 20 * TALLY)) == [("stake", (20 * TALLY,))]
    approve, stake = ops.stake(MINE, 21 * TALLY)
    assert calls([approve, stake]) == [("approve", (VAULT, 21 * TALLY)), ("stake", (21 * TALLY,))]
    assert (approve.to, stake.to) == (TOKEN, VAULT)
    assert stake.says == "stake 21 TALLY: 321 TALLY earn then; leaving takes 7 days"


def test_stake__for_another__counts_what_the_other_has() -> None:
    friend = ops.Holding(FRIEND, POOL, staked=TALLY // 2)
    (action,) = ops.stake(MINE, TALLY // 2, friend)
    assert calls([action]) == [("stakeFor", (FRIEND, TALLY // 2))]
    assert f"for {FRIEND}, to whom they belong from then on: 1 TALLY earn then" in action.says
    text = refused("below_minimum", lambda: ops.stake(MINE, TALLY // 2 - 1, friend))
    assert f"0.999999999999999999 TALLY would be staked for {FRIEND}; the least is 1 TALLY" in text
    refused("bad_value", lambda: ops.stake(MINE, TALLY, replace(friend, owner=ops.NOBODY)))


def test_stake__nothing_or_more_than_there_is__refused() -> None:
    refused("bad_value", lambda: ops.stake(MINE, 0))
    assert "faucet" not in refused("not_enough_tally", lambda: ops.stake(MINE, 50 * TALLY + 1))
    local = replace(MINE, pool=replace(POOL, faucet=TOKEN))
    assert "`ape run dividends faucet 2 TALLY`" in refused(
        "not_enough_tally", lambda: ops.stake(local, 52 * TALLY)
    )


def test_unstake__what_stays_is_nothing_or_a_tally_at_least() -> None:
    assert calls(ops.unstake(MINE, None)) == [("unstake", (300 * TALLY,))]
    assert calls(ops.unstake(MINE, 299 * TALLY)) == [("unstake", (299 * TALLY,))]
    text = refused("below_minimum", lambda: ops.unstake(MINE, 299 * TALLY + 1))
    assert "take at most 299 TALLY, or `all`" in text
    single = replace(MINE, staked=TALLY)
    assert "the least is 1 TALLY: take `all`" in refused("below_minimum", lambda: ops.unstake(single, 1))
    refused("not_enough_staked", lambda: ops.unstake(MINE, 300 * TALLY + 1))
    refused("not_enough_staked", lambda: ops.unstake(replace(MINE, staked=0), None))
    refused("bad_value", lambda: ops.unstake(MINE, 0))


def test_unstake__says_until_when_and_that_the_clock_starts_anew() -> None:
    (action,) = ops.unstake(replace(MINE, exiting=5 * TALLY, unlocks_at=10 * WEEK + 200), TALLY)
    assert "from about 1970-03-19 00:01:40 UTC on" in action.says  # week 11, 100 s
    assert "the 5 TALLY that leave already wait anew" in action.says


def test_withdraw__before_and_at_the_second__refused_and_sent() -> None:
    leaving = replace(MINE, exiting=5 * TALLY, unlocks_at=POOL.now)
    assert calls(ops.withdraw(leaving, PAYOUT)) == [("withdraw", (PAYOUT,))]
    assert calls(ops.withdraw(leaving)) == [("withdraw", (ME,))]
    refused("still_locked", lambda: ops.withdraw(replace(leaving, unlocks_at=POOL.now + 1)))
    refused("nothing_leaves", lambda: ops.withdraw(MINE))
    refused("bad_value", lambda: ops.withdraw(leaving, ops.NOBODY))


def test_claim__nothing__says_why() -> None:
    assert calls(ops.claim(MINE, PAYOUT)) == [("claim", (PAYOUT,))]
    nothing = replace(MINE, claimable=0)
    assert "all of the 0.0006 USDC earned" in refused("nothing_to_claim", lambda: ops.claim(nothing))
    fresh = replace(nothing, earned=0)
    assert "nothing has streamed" in refused("nothing_to_claim", lambda: ops.claim(fresh))
    none = replace(fresh, staked=0)
    assert "ape run dividends stake" in refused("nothing_to_claim", lambda: ops.claim(none))


def test_payout__set_and_taken_back_but_not_twice() -> None:
    assert calls(ops.set_payout(MINE, PAYOUT)) == [("setPayout", (PAYOUT,))]
    refused("already_set", lambda: ops.set_payout(replace(MINE, payout=PAYOUT), PAYOUT))
    refused("already_set", lambda: ops.set_payout(MINE, ops.NOBODY))


def test_claim_for__three_with_a_payout_two_at_once__two_calls_and_two_reasons() -> None:
    due = [replace(MINE, owner=f"0x{place:040x}", payout=PAYOUT) for place in (7, 8, 9)]
    lacking = [replace(MINE, owner=FRIEND), replace(MINE, owner=ME, payout=PAYOUT, claimable=0)]
    actions, left_out = ops.claim_for(POOL, [*due, *lacking])
    assert calls(actions) == [
        ("claimFor", ((due[0].owner, due[1].owner),)),
        ("claimFor", ((due[2].owner,),)),
    ]
    assert left_out == [
        f"{FRIEND} is left out: it has set no payout address",
        f"{ME} is left out: it is owed nothing",
    ]
    assert "set no payout address" in refused("nothing_to_claim", lambda: ops.claim_for(POOL, lacking))
    for reason in ClaimSkip:
        assert "is left out: " in ops.skipped(ME, reason)


def test_pull_fees_and_faucet__only_where_there_is_something() -> None:
    (action,) = ops.pull_fees(POOL)
    assert calls([action]) == [("pullFees", ())]
    assert "0.00009 USDC of fees, which stream over the week from 1970-03-19 00:00:00 UTC on" in action.says
    refused("nothing_to_pull", lambda: ops.pull_fees(replace(POOL, pullable=0)))
    refused("no_faucet", lambda: ops.faucet(MINE, TALLY))
    local = replace(MINE, pool=replace(POOL, faucet=TOKEN))
    assert calls(ops.faucet(local, TALLY, FRIEND)) == [("drip", (FRIEND, TALLY))]
    refused("bad_value", lambda: ops.faucet(local, 0))


def test_describe__share_and_expected_stream__three_quarters_floored() -> None:
    text = "\n".join([*ops.describe_pool(POOL), *ops.describe(replace(MINE, exiting=1, unlocks_at=1))])
    assert "staked        300 TALLY (75.0000 % of all that earns)" in text
    assert "this week     0.000525 USDC of the whole week's stream" in text  # 700 x 3 / 4
    assert "next week     0.000008 USDC" in text  # 11 x 3 / 4 = 8.25
    assert "leaving       0.000000000000000001 TALLY, can be withdrawn" in text
    assert "payout        none" in text
    assert ops.Holding(ME, replace(POOL, staked=0)).weekly(700) == 0


def test_news__what_changed_and_nothing_else() -> None:
    after = replace(MINE, wallet=49 * TALLY, staked=301 * TALLY, exiting=TALLY, unlocks_at=10 * WEEK)
    assert ops.news(MINE, MINE) == []
    assert ops.news(MINE, after) == [
        "The wallet has 49 TALLY, after 50 TALLY.",
        "301 TALLY earn now.",
        "1 TALLY can be withdrawn from 1970-03-12 00:00:00 UTC on.",
    ]


# The statement: 300 of ME and 100 of FRIEND; 1 001 µ come in week 10 and stream over week 11

ONE, TWO, THREE = (bytes.fromhex(digit * 40) for digit in "125")


def at(block: int) -> Place:
    return Place(block, "0x" + "ab" * 32, f"0x{block:064x}", 0)


EVENTS: list[Event] = [
    DividendVaultStaked(at(1), ONE, 300 * TALLY),
    DividendVaultStaked(at(2), TWO, 100 * TALLY),
    DividendVaultFeesReceived(at(3), 10, 1_001),
    DividendVaultExitStarted(at(4), TWO, 100 * TALLY, 12 * WEEK),
    DividendVaultPayoutSet(at(5), ONE, THREE),
    DividendVaultClaimed(at(6), ONE, THREE, 800),
    DividendVaultExitStarted(at(7), ONE, 300 * TALLY, 13 * WEEK),
    DividendVaultWithdrawn(at(8), ONE, ONE, 300 * TALLY),
]
HALF = 11 * WEEK + WEEK // 2
TIMES = {
    1: 10 * WEEK, 2: 10 * WEEK + 5, 3: 10 * WEEK + 9, 4: HALF, 5: HALF + 1, 6: 12 * WEEK, 7: 12 * WEEK + 7,
    8: 13 * WEEK + 7,
}  # fmt: skip


def short(rows: list[Row]) -> list[tuple[int, str, int]]:
    return [(row.time, row.kind, row.amount) for row in rows]


def test_statement__two_stakers_and_an_exit__income_is_told_at_the_weeks_end() -> None:
    rows = dividend_rows(EVENTS, TIMES, ONE, Span(), 13 * WEEK + 100)
    # Half of the week streams floor(1 001 / 2) = 500 µ to both, of which three quarters, 375, are ME's; the other
    # 501 go to ME alone: 876, told at the week's end, before the claim of that second.
    assert short(rows) == [
        (10 * WEEK, "staked", 300 * TALLY),
        (10 * WEEK + 9, "fees-received", 1_001),
        (HALF + 1, "payout-set", 0),
        (12 * WEEK, "earned", 876),
        (12 * WEEK, "claimed", 800),
        (12 * WEEK + 7, "exit-started", 300 * TALLY),
        (13 * WEEK + 7, "withdrawn", 300 * TALLY),
    ]
    assert dict(rows[-1].figures) == {"staked": 0, "leaving": 0, "earned": 876, "claimed": 800}
    assert dict(rows[2].figures) == {"staked": 300 * TALLY, "leaving": 0, "earned": 375, "claimed": 0}
    assert rows[-2].figures["leaving"] == 300 * TALLY
    assert dividend_rows(EVENTS, TIMES, TWO, Span(), 13 * WEEK)[-1].figures["earned"] == 125
    assert short(dividend_rows(EVENTS, TIMES, THREE, Span(), 13 * WEEK)) == [
        (10 * WEEK + 9, "fees-received", 1_001)
    ]
    assert dividend_rows([], {}, ONE, Span(), 13 * WEEK) == []


def test_statement__of_some_days__has_what_was_earned_in_them() -> None:
    """Days 3 and 4 of week 11: floor(1 001 x 2 / 7) = 286 had streamed before, half the week is within."""
    span = Span(11 * WEEK + 2 * DAY, 11 * WEEK + 4 * DAY)
    rows = dividend_rows(EVENTS, TIMES, ONE, span, 14 * WEEK)
    # Before: 286 x 3 / 4 = 214.5, so 214. At its end: 500 x 3 / 4 + (572 - 500) = 447.
    assert short(rows) == [(HALF + 1, "payout-set", 0), (11 * WEEK + 4 * DAY, "earned", 447 - 214)]
    whole = dividend_rows(EVENTS, TIMES, ONE, Span(), 14 * WEEK)
    parts = [Span(0, span.start), span, Span(span.end, 1 << 62)]
    split = [row for part in parts for row in dividend_rows(EVENTS, TIMES, ONE, part, 14 * WEEK)]
    for kind in ("earned", "claimed", "staked", "withdrawn"):
        assert sum(row.amount for row in split if row.kind == kind) == sum(
            row.amount for row in whole if row.kind == kind
        )


def test_statement__stake_that_grows_in_the_middle_of_a_week__earns_by_the_second() -> None:
    """Half of 1 000 µ by 100 of 200, half by 300 of 400: 250 + 375."""
    events: list[Event] = [
        DividendVaultStaked(at(1), ONE, 100 * TALLY),
        DividendVaultStaked(at(2), TWO, 100 * TALLY),
        DividendVaultFeesReceived(at(3), 10, 1_000),
        DividendVaultStaked(at(4), ONE, 200 * TALLY),
    ]
    for whose, earned in ((ONE, 625), (TWO, 375)):
        last = dividend_rows(events, TIMES, whose, Span(), 12 * WEEK)[-1]
        assert (last.kind, last.amount, last.figures["earned"]) == ("earned", earned, earned)


def test_statement__event_in_the_last_second__earlier_moments_come_before_it() -> None:
    span = Span(11 * WEEK + 2 * DAY)
    rows = dividend_rows(EVENTS[:4], TIMES, ONE, span, HALF)
    assert short(rows) == [(HALF, "earned", 375 - 214)]


def test_span__days__are_whole_and_both_included() -> None:
    assert Span.of_days("1970-01-02", "1970-01-03") == Span(DAY, 3 * DAY)
    assert Span.of_days(None, None).start == 0
    for first, last in (("1970-01-03", "1970-01-02"), ("31.12.2026", None), (None, "2026-02-30")):
        refused("bad_value", lambda first=first, last=last: Span.of_days(first, last))


def test_marks__week_ends_and_the_ends_of_the_span__rise_within_the_time() -> None:
    assert marks(Span(WEEK + 5, 2 * WEEK + 5), WEEK, 3 * WEEK) == [
        WEEK + 5, 2 * WEEK, 2 * WEEK + 5, 3 * WEEK
    ]  # fmt: skip
    assert marks(Span(), WEEK, WEEK) == []


def test_to_csv__columns_and_cells__as_documented_and_no_cell_is_a_formula() -> None:
    foreign = [
        Row(0, None, kind, ME, MICRO, 5, to=kind) for kind in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "ok")
    ]
    columns = DIVIDEND_COLUMNS[:9]
    text = to_csv([replace(foreign[0], place=at(3), kind="claimed"), *foreign], columns)
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == [
        "time", "block", "transaction", "log_index", "kind", "account", "to", "unit", "amount"
    ]  # fmt: skip
    assert rows[1] == ["1970-01-01T00:00:00Z", "3", f"0x{3:064x}", "0", "claimed", ME, "'=1+1", "micro", "5"]
    assert [row[4] for row in rows[2:]] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "ok"]
    assert rows[2][1:4] == ["", "", ""]
    assert text.endswith("\r\n")


def test_sent_by__claim_for_that_sent_one_and_skipped_one__a_line_each() -> None:
    """The currency may refuse an address between the look and the transaction."""
    record = Record(VAULT, "0x", 1, ME, "0x", 1)
    desk = DividendDesk(Node(FakeTransport({})), Deployment(31337, {"DividendVault": record}))
    claimed, missed = (load("DividendVault").events[name] for name in ("Claimed", "ClaimSkipped"))
    who, to = "0x" + ONE.hex().zfill(64), "0x" + THREE.hex().zfill(64)
    where = {
        "address": VAULT,
        "blockNumber": "0x1",
        "blockHash": "0x",
        "transactionHash": "0x",
        "logIndex": "0x0",
    }
    logs = (
        {**where, "topics": ["0x" + claimed.digest.hex(), who, to], "data": f"0x{525:064x}"},
        {**where, "topics": ["0x" + missed.digest.hex(), to], "data": f"0x{2:064x}"},
    )
    assert desk.sent_by([TransactionReceipt("0x", 1, True, 1, 1, None, logs)], POOL) == [
        f"Sent 0.000525 USDC of {ME} to {PAYOUT}.",
        f"{PAYOUT} is left out: the currency does not send to its payout address; it stays owed.",
    ]
