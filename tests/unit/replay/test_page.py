"""The HTML report: self-contained, well-formed where it can be checked, and true to the figures."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from tallystick.replay.bins import Bins
from tallystick.replay.outcome import AgreementLine, Dividend, Gas, LeaseLine, Outcome
from tallystick.replay.page import reason_lines, render
from tallystick.replay.plan import Rejection
from tallystick.reports.charts import Bar, bars, columns, curve, heatmap, nice_ceiling
from tallystick.sources.base import Row


def page(outcome, customers=2, providers=2, story=()):
    bins = Bins()
    for k in range(outcome.receipts):
        bins.add(Row(k, k + 2, 1), True)
    return render(
        outcome,
        bins,
        kind="replay",
        trace="<trace>.csv",
        subtitle="2 customers x 2 providers",
        customers=customers,
        providers=providers,
        story=story,
    )


def outcome(**changes):
    fields = {
        "receipts": 3,
        "rejected": [],
        "gas": Gas(1, 2, 3, 4),
        "seconds": 1.0,
        "per_agreement": [AgreementLine(0, 1, 1_000, 1_234_567, 61_728, 1_172_839, 1_234_567)],
        "opened": 4,
    }
    return Outcome(**{**fields, **changes})


def test_render__any_page__asks_nobody_for_anything():
    text = page(outcome())
    assert not re.search(r"(src|href)\s*=|@import|url\(|<script", text)
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_render__figures__are_on_the_page():
    text = page(outcome())
    for figure in ("1.234567 tUSD", "1.172839 tUSD", "0.061728 tUSD", "to the last µ", "1 of 4"):
        assert figure in text


def test_render__differences__are_listed():
    text = page(outcome(differences=["paid of agreement 1: 5 on the chain, 6 by the model"]))
    assert "5 on the chain, 6 by the model" in text
    assert "to the last µ" not in text


def test_render__trace_name__is_escaped():
    assert "<trace>" not in page(outcome())
    assert "&lt;trace&gt;" in page(outcome())


def test_render__rejected_rows__are_shown_by_reason():
    rejected = [Rejection(line, "no_gpu") for line in range(2, 9)] + [Rejection(9, "nothing_used")]
    text = page(outcome(rejected=rejected))
    assert "Rejected rows: 8" in text
    assert "2, 3, 4, 5, 6, …" in text


def test_render__nothing_at_all__is_a_page_all_the_same():
    text = page(outcome(receipts=0, per_agreement=[], gas=Gas()))
    assert text.count("<svg") == 4


def test_render__thousands_of_agreements__draws_a_curve_instead_of_cells():
    lines = [AgreementLine(i, j, 1, i + j, 0, i + j, i + j) for i in range(500) for j in range(10)]
    text = page(outcome(per_agreement=lines), customers=500, providers=10)
    assert 'class="cell"' not in text
    assert 'class="area"' in text
    assert "The first 2000" in text


def test_render__demo__tells_the_story_and_the_dividends():
    text = page(
        outcome(dividends=[Dividend("0xAb", 300 * 10**18, 7_000_000)]), story=("Everybody was paid.",)
    )
    assert "Everybody was paid." in text
    assert "300 TALLY" in text
    assert "7 tUSD" in text


def leases(count=2):
    """Leases that alternate between two nodes; the first of each pair was stopped, the second ran out."""
    return [
        LeaseLine(
            line=k + 2, rate=7, start=k, stop=k + 10, downtime=0, served=10, gross=1_500_000, fee=75_000,
            net=1_425_000, refund=250_000, close_reason="exhausted" if k % 2 else "stopped",
            deletion_time=k + 99, budget=1_750_000, customer=0, provider=700 + k % 2, node=f"rack-{k % 2}",
            agreement=k + 1,
        )
        for k in range(count)
    ]  # fmt: skip


def leased(count=2):
    lines = [AgreementLine(0, 700 + k % 2, 1, 1_500_000, 75_000, 1_425_000, 1_500_000) for k in range(count)]
    gas = Gas(1, 2, 0, 66, {"close": 11, "poke": 22, "refund": 33})
    return outcome(receipts=count, per_agreement=lines, leases=leases(count), gas=gas)


def test_render__leases__are_listed_with_their_nodes_and_ends():
    text = page(leased(), customers=1, providers=4)
    assert "Leases over" in text or "Leases in the order" in text
    assert "<td>3, rack-1</td><td>1</td><td>11</td><td>10</td><td>7</td><td>1500000</td>" in text
    assert "<td>250000</td><td>exhausted</td>" in text
    assert "Leases: 2" in text
    assert "By agreement" not in text
    # 2 x 0.25 back; rack-0 and rack-1 have a bar each, and none of the other nodes does.
    for words in (
        "1, 1</b>",
        "0.5 tUSD",
        ">rack-0<",
        ">rack-1<",
        "close",
        "poke",
        "refund",
        "2 leases, 3 tUSD",
    ):
        assert words in text
    assert "provider 0" not in text


def test_render__long_names_of_nodes__keep_their_ends_beside_the_bars():
    lines = [replace(line, node=f"cluster-node-{line.provider:04}") for line in leases()]
    text = page(replace(leased(), leases=lines))
    assert ">…r-node-0700<" in text
    assert "cluster-node-0700" in text  # whole in the table


def test_render__thousands_of_leases__shows_the_first_ones():
    assert "The first 2000" in page(leased(2_001))


def test_print_outcome__leases__says_how_they_ended(capsys):
    from rich.console import Console

    from tallystick.replay.terminal import print_outcome

    print_outcome(leased(3), Console(width=120, highlight=False))
    said = capsys.readouterr().out
    for words in (
        "leases accepted",
        "2, 1",
        "gas: close, poke, refund",
        "11, 22, 33",
        "0.75 tUSD",
        "conserved",
    ):
        assert words in said


def test_reason_lines__two_reasons__most_frequent_first():
    rejected = [Rejection(3, "b"), Rejection(5, "a"), Rejection(7, "b")]
    assert reason_lines(rejected) == [("b", 2, "3, 7"), ("a", 1, "5")]


@pytest.mark.parametrize(
    "svg",
    [
        bars([], title="none"),
        bars([Bar("a & b", ((0, "net"), (0, "fee")), "0")], title="zero"),
        bars([Bar("provider 0", ((3, "net"), (1, "fee")), "4")], title="one"),
        columns([], [], title="none", label=str, classes=("good", "bad")),
        columns([1, 0, 5], [0, 2, 1], title="some", label="<{}>".format, classes=("good", "bad")),
        heatmap([[0]], title="zero", rows="customer", across="provider", say=str),
        heatmap([[1, 2], [0, 10**15]], title="<big>", rows="customer", across="provider", say=str),
        curve([], title="none", unit="agreement", say=str),
        curve(list(range(5000)), title="long", unit="agreement", say=str),
    ],
)
def test_charts__any_input__are_well_formed_and_stay_in_their_box(svg):
    root = ET.fromstring(svg)
    _, _, width, height = map(float, root.get("viewBox").split())
    assert width == 440
    for rect in root.iter("rect"):
        assert float(rect.get("x")) + float(rect.get("width")) <= width + 0.01
        assert float(rect.get("y")) + float(rect.get("height")) <= height + 0.01
    for line in root.iter("text"):
        assert 0 <= float(line.get("y")) <= height


def test_bars__parts__are_as_long_as_their_shares():
    root = ET.fromstring(bars([Bar("x", ((300, "net"), (100, "fee")), "")], title="t"))
    net, fee = [float(rect.get("width")) for rect in root.iter("rect")]
    assert net == pytest.approx(3 * fee)


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 1), (1, 1), (2, 2), (3, 5), (21, 25), (26, 50), (51, 100), (256, 500), (10**15 + 1, 2 * 10**15)],
)
def test_nice_ceiling__value__is_the_next_round_number(value, top):
    assert nice_ceiling(value) == top
