"""The Terms of leases: ahead of their starts, each with nonces of its own."""

from __future__ import annotations

import pytest
from tests.support.leases import plan_of

from tallystick.protocol.constants import MAX_TERM
from tallystick.protocol.enums import Mode
from tallystick.replay.cast import Cast, Parties
from tallystick.replay.lease.offers import base_time, offers_of

NOW = 1_800_000_000
PARTIES = Parties([1, 2, 3], [4, 5], [7, 9], 10, 11, 1)


@pytest.fixture
def plan(tmp_path):
    return plan_of(tmp_path)


@pytest.fixture
def offers(plan):
    return offers_of(plan, Cast("test", 3, 2), PARTIES, base_time(plan, NOW), NOW)


def test_base_time__first_start_is_0__lies_half_a_day_ahead(plan):
    assert base_time(plan, NOW) == NOW + 43_200


def test_base_time__trace_with_unix_times__lies_as_far_ahead(plan):
    from dataclasses import replace

    plan.leases = [replace(one, start=one.start + 1_700_000_000) for one in plan.leases]
    assert base_time(plan, NOW) + min(one.start for one in plan.leases) == NOW + 43_200


def test_offers_of__our_small_world__are_the_leases_in_file_order(plan, offers):
    base = NOW + 43_200
    found = [
        (one.terms.customer, one.terms.operator, one.terms.payee, one.terms.unit_price, one.terms.budget,
         one.terms.start - base) for one in offers
    ]  # fmt: skip
    # rack-b has operator 7 and account 4, rack-c operator 9 and account 5.
    assert found == [
        (1, 9, 5, 30_000_000, 1_200, 10),
        (2, 7, 4, 60_000_000, 6_000, 0),
        (1, 9, 5, 9_990_000, 70, 10),
        (2, 7, 4, 300_000, 2, 100),
        (1, 9, 5, 30_000_000, 3_000, 10),
    ]
    for one in offers:
        assert (one.terms.mode, one.terms.policy, one.terms.max_budget) == (Mode.LEASE, 1, one.terms.budget)
        assert one.terms.funder == one.terms.customer
        assert one.terms.expiry == one.terms.start + MAX_TERM
        assert one.terms.start > NOW
        assert one.terms.deadline == NOW + 86_400


def test_offers_of__every_signer__spends_each_nonce_once(offers):
    spent = [(one.customer_key.address, one.terms.customer_nonce) for one in offers]
    spent += [(one.provider_key.address, one.terms.operator_nonce) for one in offers]
    assert len(set(spent)) == 10
    assert [one.terms.customer_nonce for one in offers] == [0, 0, 1, 1, 2]


def test_offers_of__same_terms_otherwise__have_another_work_hash(offers):
    assert len({one.terms.work_hash for one in offers}) == 5


def test_offers_of__keys__are_those_of_the_parties(offers):
    cast = Cast("test", 3, 2)
    assert [one.customer_key.address for one in offers] == [
        cast.customer_keys[k].address for k in (0, 1, 0, 1, 0)
    ]
    assert [one.provider_key.address for one in offers] == [
        cast.provider_keys[k].address for k in (1, 0, 1, 0, 1)
    ]
