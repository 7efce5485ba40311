"""Each scenario on a small market: its numbers by hand, and that its checks see a model which is wrong."""

from dataclasses import replace

import pytest

from tallystick.protocol.accounting.dividends import DividendVault
from tallystick.protocol.accounting.rewards import Supplier, SupplierRewards
from tallystick.protocol.constants import MICRO, TALLY
from tallystick.simulate.courses import crash, decline, growth
from tallystick.simulate.options import SimulateOptions
from tallystick.simulate.sweeper import sweeper
from tallystick.simulate.wash import wash
from tallystick.simulate.whale import whale

SMALL = SimulateOptions(weeks=10, fees=1_000 * MICRO, suppliers=2, block=7_200)


@pytest.fixture(scope="module")
def washed():
    """Wash trading, played once."""
    return wash(SMALL)


def failed(result):
    return {check.name for check in result.checks if not check.ok}


def test_growth__ten_weeks__fees_rise_by_4_percent_and_suppliers_earn_19_times_them():
    result = growth(SMALL)
    assert failed(result) == set()
    weeks = result.figures["weeks"]
    assert [week["fees"] for week in weeks[:3]] == [1_000 * MICRO, 1_040 * MICRO, 1_081_600_000]
    assert [sum(week["stable"]) for week in weeks[:2]] == [19_000 * MICRO, 19_760 * MICRO]
    assert [week["credited"] for week in weeks[:2]] == [10_000 * TALLY, 10_400 * TALLY]
    assert weeks[0]["tally_value"] == 500 * MICRO  # 10 000 at 0.05
    assert [week["dividends_received"] for week in weeks[:2]] == [700 * MICRO, 728 * MICRO]
    assert weeks[0]["circulating"] == weeks[0]["staked"] == 0


def test_growth__beyond_the_daily_cap__fees_wait_and_the_rate_halves():
    """60 x 100 000 dollars a week are above 7 x D: whatever is above waits."""
    result = growth(replace(SMALL, weeks=60, fees=100_000 * MICRO, suppliers=1))
    assert failed(result) == set()
    last = result.figures["weeks"][-1]
    assert last["most_counted_on_a_day"] == 100_000 * MICRO
    assert last["counted"] == 700_000 * MICRO
    assert last["waiting"] > 0
    assert last["rate"] < 10 * 10**12


def test_decline__ten_weeks__fees_fall_by_4_percent():
    result = decline(SMALL)
    assert failed(result) == set()
    assert [week["fees"] for week in result.figures["weeks"][:2]] == [15_000 * MICRO, 14_400 * MICRO]


def test_crash__of_the_price__leaves_every_supplier_what_it_earned_in_stable():
    result = crash(SMALL)
    assert failed(result) == set()
    weeks, twin = result.figures["weeks"], result.figures["twin"]
    assert [week["price"] for week in weeks[4:6]] == [50_000, 500]
    assert [week["stable"] for week in weeks] == [week["stable"] for week in twin]
    assert sum(weeks[5]["stable"]) == 95_000 * MICRO
    assert weeks[4]["tally_value"] == 2_500 * MICRO  # 50 000 TALLY
    assert weeks[5]["tally_value"] == 25 * MICRO
    assert weeks[5]["staked"] == 0 < twin[5]["staked"]


def test_wash__by_share_of_the_stake__pays_above_ten_to_three_cents(washed):
    """700 000 dollars of fees bring 7 000 000 TALLY; 0.7 s of them come back."""
    assert failed(washed) == set()
    rows = washed.figures["sweep"]
    assert [row["break_even"] // 1_000 for row in rows] == [100, 93, 86, 79, 72, 65, 58, 51, 44, 37, 30]
    assert rows[0]["lost"] == 700_000 * MICRO
    assert abs(rows[10]["lost"] - 210_000 * MICRO) <= 3
    assert {row["reward"] for row in rows} == {7_000_000 * TALLY}
    profits = washed.figures["profit"]
    assert profits[0]["50000"] == -350_000 * MICRO
    assert profits[10]["50000"] >= 140_000 * MICRO - 3


def test_wash__while_it_fills_the_day__honest_fees_wait_and_all_count_later(washed):
    honest = washed.figures["honest"]
    daily = 5_000 * MICRO // 7
    assert [waits // daily for waits in honest["waiting"][:7]] == [1, 2, 3, 4, 5, 6, 7]
    assert honest["waiting"][8:] == [0] * 20
    assert honest["waiting_without"] == [0] * 28
    assert honest["counted"][-1] == honest["counted_without"][-1] == 50_000 * MICRO


def test_wash__across_halvings__honest_work_gets_the_lower_rate(washed):
    """40 000 dollars had counted and the rate halves every 240 000: of the 700 000 washed 200 000 earn 10 TALLY each,
    240 000 earn 5, 240 000 earn 2.5 and 20 000 earn 1.25, as do the 10 000 of honest work after them."""
    crossing = washed.figures["crossing"]
    assert crossing["halving"] == 240_000 * MICRO
    assert crossing["sweep"][0]["reward"] == (2_000_000 + 1_200_000 + 600_000 + 25_000) * TALLY
    assert crossing["honest_reward_without"] == 500_000 * TALLY
    assert crossing["honest_reward"] == (400_000 + 12_500) * TALLY


def test_whale__two_seconds__earn_two_seconds_of_nine_tenths():
    """3 500 dollars of dividends a week: two seconds are 11 574 µ, nine tenths of them 10 416."""
    result = whale(SMALL)
    assert failed(result) == set()
    visits = {row["visit"]: row for row in result.figures["visits"]}
    assert abs(visits["arrival"]["earned"] - 10_416) <= 1
    assert abs(visits["week"]["earned"] - 3_150 * MICRO) <= 1
    assert abs(visits["day"]["earned"] - 450 * MICRO) <= 1
    assert result.figures["instant_payout_would_give"] == 3_150 * MICRO


def test_sweeper__once_a_day__leaves_no_fees_behind():
    """Six pulls; the seventh day's fees come after the last of them, and are pulled when the week ends."""
    result = sweeper(replace(SMALL, block=86_400))
    assert failed(result) == set()
    assert result.figures["pulls"] == 6


def test_sweeper__83_pulls_in_a_week__change_nothing_for_anybody():
    result = sweeper(SMALL)
    assert failed(result) == set()
    figures = result.figures
    assert figures["pulls"] == 83  # (604 800 - 1) // 7 200
    assert figures["by_day"] == figures["by_day_of_the_twin"]
    assert figures["by_day"][0] == [375 * MICRO, 125 * MICRO]
    assert figures["by_day"][-1] == [2_625 * MICRO, 875 * MICRO]
    assert figures["a_restarting_stream_would_have_paid"] < 0.64 * 3_500 * MICRO


# A model that is wrong


def test_checks__a_vault_that_streams_at_once__is_seen_by_the_sweeper(monkeypatch):
    def pull_fees(self, *, now):
        amount = self.fee_splitter.pull(caller=self.address)
        self._advance(now)
        self.stream_state.this_week += amount
        self.received += amount
        return amount

    monkeypatch.setattr(DividendVault, "pull_fees", pull_fees)
    assert {"sweeper.every_day", "sweeper.stream"} <= failed(sweeper(SMALL))


def test_checks__an_emission_that_never_halves__is_seen(monkeypatch):
    """32 weeks of growth from 100 000 dollars bring 6 270 147 dollars of fees: past the first halving."""
    monkeypatch.setattr(SupplierRewards, "emission", lambda self, rate, start, fees: rate * fees)
    result = growth(replace(SMALL, weeks=32, fees=100_000 * MICRO, suppliers=1))
    assert failed(result) == {"growth.emission"}


def test_checks__a_day_without_a_cap_and_rewards_at_once__are_seen(monkeypatch):
    original = SupplierRewards.__init__

    def uncapped(self, **parameters):
        original(self, **parameters)
        self.daily_fees *= 2

    monkeypatch.setattr(SupplierRewards, "__init__", uncapped)
    monkeypatch.setattr(Supplier, "vested", lambda self, vesting, now: self.amount)
    assert {"wash.honest_wait", "wash.nothing_at_once"} <= failed(wash(SMALL))


@pytest.mark.parametrize("scenario", [growth, decline, crash])
def test_courses__another_seed__changes_days_and_not_the_sum(scenario):
    one, other = (scenario(replace(SMALL, weeks=8, seed=seed)).figures["weeks"] for seed in (1, 2))
    assert [week["fees"] for week in one] == [week["fees"] for week in other]
    assert [week["stable"] for week in one] != [week["stable"] for week in other]
