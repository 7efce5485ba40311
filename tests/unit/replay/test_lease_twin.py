"""The script in the model comes to what the trace says, lease by lease and in all books."""

from __future__ import annotations

from random import Random

import pytest
from tests.support.leases import plan_of
from tests.unit.replay.test_lease_plan import job

from tallystick.protocol.eip712 import agreement_number
from tallystick.protocol.enums import CloseReason
from tallystick.protocol.errors import Refused
from tallystick.replay.audit import balance_difference, differences
from tallystick.replay.cast import Cast, Parties
from tallystick.replay.lease import audit
from tallystick.replay.lease.offers import base_time, offers_of
from tallystick.replay.lease.plan import plan_leases
from tallystick.replay.lease.script import DAY, Act, Kind, Waits, acts_of
from tallystick.replay.lease.twin import facts_of_model, play_in_model
from tallystick.replay.opening import Opened
from tallystick.replay.stage import stakes_for
from tallystick.replay.twin import books_of
from tallystick.sources.nodes import NodeRow

NOW = 1_800_000_000
WAITS = Waits(lag=3 * DAY, refund=5 * DAY)


def stage(plan):
    """Cast, parties and openings as a chain would have numbered them."""
    cast = Cast("test", plan.customers, plan.providers)
    operators = list(range(1, plan.providers + 1))
    parties = Parties(
        list(range(1, plan.customers + 1)),
        [plan.customers + number for number in operators],
        operators,
        plan.providers + 1,
        plan.providers + 2,
        1,
    )
    base = base_time(plan, NOW)
    terms = [one.terms for one in offers_of(plan, cast, parties, base, NOW)]
    numbers = [agreement_number(k, one.hash_struct()) for k, one in enumerate(terms, 1)]
    return cast, parties, Opened(numbers, terms, 0, []), base


def play(plan, acts=None, window=DAY):
    cast, parties, opened, base = stage(plan)
    script = acts_of(plan.leases, WAITS) if acts is None else acts
    model = play_in_model(cast, parties, plan, opened, script, window=window, base=base, now=NOW)
    model.check_invariants()
    return model, parties, opened, base


def check(plan, model, parties, opened, base):
    facts = facts_of_model(model, opened)
    assert list(audit.fact_differences(plan, facts, audit.facts_of_plan(plan, base), "the trace")) == []
    books = books_of(model, parties, opened)
    assert list(differences(books, audit.expected_books(plan), "the trace")) == []
    assert list(balance_difference(books)) == []
    for number, staked in zip(parties.provider_operators, stakes_for(plan).providers, strict=True):
        operator = model.staking.operators[number - 1]
        assert (operator.free, operator.pledged) == (staked, 0)


@pytest.mark.parametrize("seconds", [None, 1, 100])
def test_play_in_model__our_small_world__comes_to_what_the_trace_says(tmp_path, seconds):
    plan = plan_of(tmp_path, seconds)
    check(plan, *play(plan))


def test_play_in_model__random_jobs_of_days__come_to_what_the_trace_says():
    random = Random(3)
    rows = []
    for index in range(300):
        began = random.randrange(5 * DAY)
        ended = began + random.randrange(1, 3 * DAY)
        rows.append(job(index, began, ended, random.choice((1, 2, 4)), random.choice((7, 333, 1_000))))
    nodes = [NodeRow(place, place + 2, f"n-{place}", 4) for place in range(3)]
    plan = plan_leases(rows, nodes, customers=7, unit_price=77_777, fee_bps=1_999, budget_seconds=DAY)
    check(plan, *play(plan))
    assert {lease.close_reason for lease in plan.leases} == {"stopped", "exhausted"}


def test_play_in_model__clock_paid_on_the_way__never_beyond_the_horizon(tmp_path):
    # 30 µ a second for days: after the first poke, three days and one after the start, one day is paid.
    plan = plan_leases(
        [job(0, 0, 9 * DAY)], [NodeRow(0, 2, "n", 1)], customers=1, unit_price=30_000_000, fee_bps=0
    )
    script = acts_of(plan.leases, WAITS)
    assert script[0] == Act(4 * DAY, Kind.POKE, (0,))
    model, _, opened, _ = play(plan, script[:1])
    assert model.escrow.agreements[opened.numbers[0]].paid == 30 * DAY


def test_play_in_model__a_close_that_comes_too_late__is_refused(tmp_path):
    plan = plan_of(tmp_path)
    with pytest.raises(Refused) as caught:
        play(plan, [Act(106, Kind.CLOSE, (3,))])
    assert caught.value.code == "Escrow_AlreadyEnding"


def test_play_in_model__nobody_closes__is_noticed(tmp_path):
    plan = plan_of(tmp_path)
    acts = [act for act in acts_of(plan.leases, WAITS) if act.kind is not Kind.CLOSE]
    model, _, opened, base = play(plan, acts)
    found = list(
        audit.fact_differences(
            plan, facts_of_model(model, opened), audit.facts_of_plan(plan, base), "the trace"
        )
    )
    # Line 6 ends a second later, at 106 by its money: floor(1.8) is the same µ.
    assert found == [
        f"stop at of the lease of line 6: 0 on the chain, {base + 105} by the trace",
        f"reason of the lease of line 6: {CloseReason.EXHAUSTED:d} on the chain,"
        f" {CloseReason.CLOSED_BY_PROVIDER:d} by the trace",
    ]
