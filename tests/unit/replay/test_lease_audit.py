"""The chain's leases held against the trace: one µ or second elsewhere is noticed, and events must tell the same."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.leases import LEASES, plan_of

from tallystick.chain.event_types import (
    EscrowClosed,
    EscrowFigureSkipped,
    EscrowPledgeStuck,
    EscrowSettled,
    Place,
)
from tallystick.protocol.enums import CloseReason, SkipReason, Status
from tallystick.replay.audit import Books, differences
from tallystick.replay.lease import audit
from tallystick.replay.lease.audit import Facts

BASE = 1_800_000_000
NUMBERS = [(k << 32) | 7 for k in range(1, 6)]
PLACE = Place(1, "0x", "0x", 0)


@pytest.fixture
def plan(tmp_path):
    return plan_of(tmp_path)


@pytest.fixture
def facts(plan):
    return audit.facts_of_plan(plan, BASE)


def settled(number, paid):
    return EscrowSettled(PLACE, number, paid)


def story(facts):
    """The events of a chain on which nothing went wrong."""
    paid = [settled(number, one.paid) for number, one in zip(NUMBERS, facts, strict=True)]
    return [
        *paid,
        *(
            EscrowClosed(PLACE, number, one.paid, one.refunded, CloseReason(one.reason))
            for number, one in zip(NUMBERS, facts, strict=True)
        ),
    ]


def chain_of(facts):
    """A world whose Escrow has these leases, field by field as `agreementOf` names them."""
    views = {
        number: {
            "unitPrice": one.rate,
            "budget": one.budget,
            "feeProvider": one.fee_bps,
            "start": one.start,
            "end": one.expiry,
            "stopAt": one.stop_at,
            "downtime": one.downtime,
            "paid": one.paid,
            "status": one.status,
        }
        for number, one in zip(NUMBERS, facts, strict=True)
    }
    ends = {number: BASE + end for number, end in zip(NUMBERS, (50, 100, 17, 106, 110), strict=True)}
    answers: Any = {"agreementOf": views, "paidUntil": ends}
    return SimpleNamespace(
        read_many=lambda name, function, arguments: [answers[function][one] for (one,) in arguments],
        ends=ends,
    )


def test_facts_of_plan__our_small_world__ends_as_by_hand(facts):
    assert [one.reason for one in facts] == [
        CloseReason.EXHAUSTED,
        CloseReason.EXHAUSTED,
        CloseReason.EXHAUSTED,
        CloseReason.CLOSED_BY_PROVIDER,
        CloseReason.EXHAUSTED,
    ]
    assert [one.stop_at for one in facts] == [0, 0, 0, BASE + 105, 0]
    assert [one.stop - BASE for one in facts] == [50, 100, 17, 105, 110]
    assert {one.status for one in facts} == {Status.CLOSED}


def test_facts_of_chain__state_and_closings__are_put_together(facts):
    assert audit.facts_of_chain(chain_of(facts), NUMBERS, story(facts)) == facts


def test_facts_of_chain__no_event_of_closing__has_no_refund_and_no_reason(facts):
    found = audit.facts_of_chain(chain_of(facts), NUMBERS, [])
    assert [(one.refunded, one.reason) for one in found] == [(0, CloseReason.NONE)] * 5


def test_lease_lines__chain_as_the_trace__is_the_report_by_hand(plan, facts):
    lines = [line.to_json() for line in audit.lease_lines(plan, NUMBERS, facts, BASE)]
    assert [line.pop("agreement") for line in lines] == [str(number) for number in NUMBERS]
    assert lines == LEASES


def test_lease_lines__chain_that_ended_elsewhere__says_what_the_chain_says(plan, facts):
    # Line 3 was stopped at 60 instead, with 20 s of downtime, and paid 2 400.
    facts[1] = replace(
        facts[1],
        stop_at=BASE + 60,
        downtime=20,
        paid=2_400,
        refunded=3_600,
        reason=CloseReason.CLOSED_BY_PROVIDER,
    )
    line = audit.lease_lines(plan, NUMBERS, facts, BASE)[1]
    assert (line.stop, line.downtime, line.served, line.gross, line.fee, line.net, line.refund) == (
        60, 20, 40, 2_400, 79, 2_321, 3_600,
    )  # fmt: skip
    assert line.close_reason == "stopped"


@pytest.mark.parametrize("name", [field.name for field in fields(Facts)])
def test_fact_differences__one_more_anywhere__is_noticed_with_its_line(plan, facts, name):
    other = [*facts[:3], replace(facts[3], **{name: getattr(facts[3], name) + 1}), facts[4]]
    (sentence,) = audit.fact_differences(plan, other, facts, "the trace")
    assert "lease of line 6" in sentence
    assert sentence.endswith("by the trace")


def test_fact_differences__none__says_nothing(plan, facts):
    assert list(audit.fact_differences(plan, facts, facts, "the model")) == []


def test_event_differences__good_story__says_nothing(plan, facts):
    assert list(audit.event_differences(plan, NUMBERS, facts, story(facts))) == []


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (settled(NUMBERS[0], 1_200), "line 2 did not rise: 1200 after 1200"),
        (settled(NUMBERS[0], 1_201), "line 2: 1200 on the chain, 1201 by its events"),
        (EscrowFigureSkipped(PLACE, NUMBERS[1], 0, SkipReason.STALE), "clock of the lease of line 3 .*STALE"),
        (EscrowPledgeStuck(PLACE, NUMBERS[2]), "pledge of the lease of line 5 is stuck"),
        (EscrowPledgeStuck(PLACE, 99), "pledge of agreement 99"),
    ],
)
def test_event_differences__what_should_not_be__is_told(plan, facts, extra, words):
    found = list(audit.event_differences(plan, NUMBERS, facts, [*story(facts), extra]))
    assert len(found) == 1
    assert re.search(words, found[0]), found


def test_event_differences__payment_without_an_event__is_told(plan, facts):
    found = list(audit.event_differences(plan, NUMBERS, facts, story(facts)[1:]))
    assert found == ["paid of the lease of line 2: 1200 on the chain, 0 by its events"]


def test_funding_differences__view_as_the_trace__says_nothing(plan, facts):
    # Line 6 has 2 µ at 0.3 µ a second: floor(6.67) seconds from 100.
    assert list(audit.funding_differences(chain_of(facts), plan, NUMBERS, BASE)) == []


def test_funding_differences__a_second_more__is_told(plan, facts):
    world = chain_of(facts)
    world.ends[NUMBERS[3]] += 1
    assert list(audit.funding_differences(world, plan, NUMBERS, BASE)) == [
        f"end of the money of the lease of line 6: {BASE + 107} on the chain, {BASE + 106} by the trace"
    ]


def test_expected_books__our_small_world__by_hand(plan):
    books = audit.expected_books(plan)
    assert books.paid == [1_200, 6_000, 69, 1, 3_000]
    # Lines 5 and 6 leave 1 µ each: customers 0 and 1.
    assert (books.free, books.locked) == ([1, 1, 0], [0, 0, 0])
    # rack-b: 5 801 + 1, rack-c: 1 161 + 67 + 2 901; fees 199 + 0 and 39 + 2 + 99.
    assert (books.received, books.reward_base) == ([5_802, 4_129], [199, 140])
    assert books.fees_accrued == 339
    assert books.currency == books.obligations == 10_272


@pytest.mark.parametrize("name", [field.name for field in fields(Books) if field.name != "block"])
def test_expected_books__one_micro_more_anywhere__is_noticed(plan, name):
    books = audit.expected_books(plan)
    value = getattr(books, name)
    changed = [*value[:-1], value[-1] + 1] if isinstance(value, list) else value + 1
    assert len(list(differences(replace(books, **{name: changed}), books, "the trace"))) == 1


def test_stake_differences__a_pledge_that_stayed__is_told():
    world = SimpleNamespace(
        read_many=lambda *_: [{"free": 1_000, "pledged": 0}, {"free": 1_999, "pledged": 1}]
    )
    parties: Any = SimpleNamespace(provider_operators=[1, 2])
    (sentence,) = audit.stake_differences(world, parties, [1_000, 2_000])  # type: ignore[arg-type]
    assert "stake of provider 1: 1999 µ free and 1 pledged" in sentence


def test_agreement_lines__one_a_lease__has_the_node_and_what_was_paid(plan, facts):
    short = [replace(one, paid=one.paid - 1) for one in facts]
    lines = [line.to_json() for line in audit.agreement_lines(plan, short)]
    assert lines[1] == {
        "customer": 1,
        "provider": 1,
        "units": 200_000,
        "gross": 6_000,
        "fee": 199,
        "net": 5_801,
        "onchain_paid": 5_999,
    }
    assert len(lines) == 5
