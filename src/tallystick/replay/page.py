"""The HTML report: one file, charts inline, readable in the dark and on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2

from tallystick.protocol.amounts import format_amount, format_tally
from tallystick.replay.bins import Bins
from tallystick.replay.charts import Bar, bars, columns, curve, heatmap
from tallystick.replay.outcome import Outcome
from tallystick.replay.plan import Rejection

__all__ = ["CURRENCY", "render"]

CURRENCY = "tUSD"
MAX_HEATMAP_CELLS = 4_000
MAX_PROVIDER_BARS = 24
MAX_TABLE_LINES = 2_000


@dataclass(frozen=True, slots=True)
class _Chart:
    title: str
    svg: str
    keys: Sequence[tuple[str, str]] = ()
    note: str = ""


def render(
    outcome: Outcome,
    bins: Bins,
    *,
    kind: str,
    trace: str,
    customers: int,
    providers: int,
    unit_price: int,
    fee_bps: int,
    story: Sequence[str] = (),
) -> str:
    """The whole page. `kind` is what made it (a replay, a demo), `story` the sentences of the demo."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    source = resources.files("tallystick.replay").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        kind=kind,
        title=f"{trace}: {outcome.receipts:,} receipts, {format_amount(outcome.gross, CURRENCY)}",
        subtitle=(
            f"{customers} customers x {providers} providers, {unit_price} µ per 1e6 units,"
            f" provider fee {fee_bps} basis points"
        ),
        outcome=outcome,
        figures=_figures(outcome),
        charts=_charts(outcome, bins, customers, providers),
        story=story,
        dividends=[
            (one.staker, format_tally(one.staked), format_amount(one.claimed, CURRENCY))
            for one in outcome.dividends or ()
        ],
        reasons=reason_lines(outcome.rejected),
        shown=outcome.per_agreement[:MAX_TABLE_LINES],
        currency=CURRENCY,
    )


def reason_lines(rejected: Sequence[Rejection], most: int = 5) -> list[tuple[str, int, str]]:
    """(reason, how many, the first lines) of rejected rows, the most frequent reason first."""
    lines: dict[str, list[int]] = {}
    for one in rejected:
        lines.setdefault(one.reason, []).append(one.line)
    ordered = sorted(lines.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        (reason, len(found), ", ".join(map(str, found[:most])) + (", …" if len(found) > most else ""))
        for reason, found in ordered
    ]


def _figures(outcome: Outcome) -> list[tuple[str, str]]:
    return [
        ("receipts accepted", f"{outcome.receipts:,}"),
        ("rows rejected", f"{len(outcome.rejected):,}"),
        ("agreements with receipts", f"{len(outcome.per_agreement):,} of {outcome.opened:,}"),
        ("units", f"{outcome.units:,}"),
        ("customers paid", format_amount(outcome.gross, CURRENCY)),
        ("providers earned", format_amount(outcome.net, CURRENCY)),
        ("fees", format_amount(outcome.fees, CURRENCY)),
        ("gas per receipt (post + settle)", f"{outcome.gas.per_receipt(outcome.receipts):,.1f}"),
        ("seconds in all", f"{outcome.seconds:,.1f}"),
    ]


def _charts(outcome: Outcome, bins: Bins, customers: int, providers: int) -> list[_Chart]:
    return [
        _by_provider(outcome, providers),
        _over_time(bins),
        _Chart("Gas by kind", bars(_gas(outcome), title="Gas by kind of transaction")),
        _by_agreement(outcome, customers, providers),
    ]


def _over_time(bins: Bins) -> _Chart:
    accepted, rejected = bins.series
    unit = "second" if bins.timed else "row"
    svg = columns(
        accepted,
        rejected,
        title="Accepted and rejected rows over time" if bins.timed else "Accepted and rejected rows",
        label=bins.label,
        classes=("good", "bad"),
    )
    return _Chart(
        "Receipts over time" if bins.timed else "Receipts in the order of the trace",
        svg,
        keys=(("good", "accepted"), ("bad", "rejected")),
        note=f"By the trace's own clock. Each column is {bins.width} {unit}{'s' if bins.width > 1 else ''}."
        if bins.timed
        else f"Each column is {bins.width} {unit}{'s' if bins.width > 1 else ''}.",
    )


def _by_provider(outcome: Outcome, providers: int) -> _Chart:
    net, fees = [0] * providers, [0] * providers
    for line in outcome.per_agreement:
        net[line.provider] += line.net
        fees[line.provider] += line.fee
    order = (
        sorted(range(providers), key=lambda j: -(net[j] + fees[j]))
        if providers > MAX_PROVIDER_BARS
        else range(providers)
    )
    shown = list(order)[:MAX_PROVIDER_BARS]
    rows = [
        Bar(f"provider {j}", ((net[j], "net"), (fees[j], "fee")), format_amount(net[j] + fees[j], ""))
        for j in shown
    ]
    note = f"The {len(shown)} largest of {providers}." if len(shown) < providers else ""
    return _Chart(
        "Gross by provider",
        bars(rows, title=f"Gross by provider in {CURRENCY}"),
        keys=(("net", "net to the provider"), ("fee", "fee")),
        note=f"In {CURRENCY}. {note}".strip(),
    )


def _gas(outcome: Outcome) -> list[Bar]:
    gas = outcome.gas
    kinds = (("deploy", gas.deploy), ("open", gas.open), ("post", gas.post), ("settle", gas.settle))
    return [Bar(name, ((amount, "bar"),), f"{amount:,}") for name, amount in kinds]


def _by_agreement(outcome: Outcome, customers: int, providers: int) -> _Chart:
    if customers * providers <= MAX_HEATMAP_CELLS and providers <= 100:
        cells = [[0] * providers for _ in range(customers)]
        for line in outcome.per_agreement:
            cells[line.customer][line.provider] = line.onchain_paid
        svg = heatmap(
            cells,
            title="Paid per agreement, customers down, providers across",
            rows="customer",
            across="provider",
            say=lambda paid: format_amount(paid, CURRENCY),
        )
        return _Chart(
            "Paid per agreement",
            svg,
            note="Customers down, providers across; the stronger the colour, the more.",
        )
    ordered = sorted((line.onchain_paid for line in outcome.per_agreement), reverse=True)
    svg = curve(
        ordered,
        title="Paid per agreement, the largest first",
        unit="agreement",
        say=lambda paid: format_amount(paid, ""),
    )
    return _Chart("Paid per agreement", svg, note=f"In {CURRENCY}, the largest first.")
