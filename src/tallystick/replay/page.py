"""The HTML report: one file, charts inline, readable in the dark and on a phone."""

from __future__ import annotations

from collections.abc import Sequence

from tallystick.protocol.amounts import format_amount, format_tally
from tallystick.replay.bins import Bins
from tallystick.replay.outcome import LeaseLine, Outcome
from tallystick.replay.plan import Rejection
from tallystick.reports.charts import Bar, bars, columns, curve, heatmap
from tallystick.reports.page import CURRENCY, Chart, page_template

__all__ = ["CURRENCY", "lease_figures", "noun", "reason_lines", "render"]

MAX_HEATMAP_CELLS = 4_000
MAX_PROVIDER_BARS = 24
MAX_TABLE_LINES = 2_000
MAX_LABEL = 12


def render(
    outcome: Outcome,
    bins: Bins,
    *,
    kind: str,
    trace: str,
    subtitle: str,
    customers: int,
    providers: int,
    story: Sequence[str] = (),
) -> str:
    """The whole page. `kind` is what made it (a replay, a demo), `story` the sentences of the demo."""
    return page_template("tallystick.replay", "report.html.j2").render(
        kind=kind,
        title=f"{trace}: {outcome.receipts:,} {noun(outcome)}, {format_amount(outcome.gross, CURRENCY)}",
        subtitle=subtitle,
        outcome=outcome,
        figures=_figures(outcome),
        charts=_charts(outcome, bins, customers, providers),
        story=story,
        dividends=[
            (one.staker, format_tally(one.staked), format_amount(one.claimed, CURRENCY))
            for one in outcome.dividends or ()
        ],
        rewards=[
            (one.account, format_amount(one.fees, CURRENCY), format_tally(one.claimed))
            for one in outcome.rewards or ()
        ],
        reasons=reason_lines(outcome.rejected),
        shown=outcome.per_agreement[:MAX_TABLE_LINES],
        leases=(outcome.leases or [])[:MAX_TABLE_LINES],
        currency=CURRENCY,
    )


def noun(outcome: Outcome) -> str:
    """What one accepted row is: a receipt, or a lease."""
    return "receipts" if outcome.leases is None else "leases"


def lease_figures(leases: Sequence[LeaseLine]) -> list[tuple[str, str]]:
    """What only leases have, for people."""
    stopped = sum(line.close_reason == "stopped" for line in leases)
    return [
        ("stopped, out of money", f"{stopped:,}, {len(leases) - stopped:,}"),
        ("seconds served", f"{sum(line.served for line in leases):,}"),
        ("customers got back", format_amount(sum(line.refund for line in leases), CURRENCY)),
    ]


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
    figures = [
        (f"{noun(outcome)} accepted", f"{outcome.receipts:,}"),
        ("rows rejected", f"{len(outcome.rejected):,}"),
        ("units", f"{outcome.units:,}"),
        ("customers paid", format_amount(outcome.gross, CURRENCY)),
        ("providers earned", format_amount(outcome.net, CURRENCY)),
        ("fees", format_amount(outcome.fees, CURRENCY)),
        ("seconds in all", f"{outcome.seconds:,.1f}"),
    ]
    if outcome.leases is not None:
        figures[2:2] = lease_figures(outcome.leases)
        return figures
    figures.insert(2, ("agreements with receipts", f"{len(outcome.per_agreement):,} of {outcome.opened:,}"))
    figures.insert(
        -1, ("gas per receipt (post + settle)", f"{outcome.gas.per_receipt(outcome.receipts):,.1f}")
    )
    return figures


def _charts(outcome: Outcome, bins: Bins, customers: int, providers: int) -> list[Chart]:
    return [
        _by_provider(outcome, providers),
        _over_time(bins, noun(outcome).capitalize()),
        Chart("Gas by kind", bars(_gas(outcome), title="Gas by kind of transaction")),
        _by_agreement(outcome, customers, providers),
    ]


def _over_time(bins: Bins, what: str) -> Chart:
    accepted, rejected = bins.series
    unit = "second" if bins.timed else "row"
    svg = columns(
        accepted,
        rejected,
        title="Accepted and rejected rows over time" if bins.timed else "Accepted and rejected rows",
        label=bins.label,
        classes=("good", "bad"),
    )
    return Chart(
        f"{what} over time" if bins.timed else f"{what} in the order of the trace",
        svg,
        keys=(("good", "accepted"), ("bad", "rejected")),
        note=f"By the trace's own clock. Each column is {bins.width} {unit}{'s' if bins.width > 1 else ''}."
        if bins.timed
        else f"Each column is {bins.width} {unit}{'s' if bins.width > 1 else ''}.",
    )


def _by_provider(outcome: Outcome, providers: int) -> Chart:
    """Every provider, paid or not; of nodes only those that had a job, since there are thousands."""
    sums = {} if outcome.leases is not None else {j: [0, 0] for j in range(providers)}
    for line in outcome.per_agreement:
        pair = sums.setdefault(line.provider, [0, 0])
        pair[0] += line.net
        pair[1] += line.fee
    order = sorted(sums)
    if len(order) > MAX_PROVIDER_BARS:
        order.sort(key=lambda j: -sum(sums[j]))
    shown = order[:MAX_PROVIDER_BARS]
    names = {line.provider: _short(line.node) for line in outcome.leases or ()}
    rows = [
        Bar(
            names.get(j, f"provider {j}"),
            ((sums[j][0], "net"), (sums[j][1], "fee")),
            format_amount(sum(sums[j]), ""),
        )
        for j in shown
    ]
    note = f"The {len(shown)} largest of {len(order)}." if len(shown) < len(order) else ""
    return Chart(
        "Gross by provider",
        bars(rows, title=f"Gross by provider in {CURRENCY}"),
        keys=(("net", "net to the provider"), ("fee", "fee")),
        note=f"In {CURRENCY}. {note}".strip(),
    )


def _short(name: str) -> str:
    """A node's name as it fits beside a bar: names of one cluster differ at their ends."""
    return name if len(name) <= MAX_LABEL else "…" + name[1 - MAX_LABEL :]


def _gas(outcome: Outcome) -> list[Bar]:
    gas = outcome.gas
    rest = tuple(gas.parts.items()) or (("post", gas.post), ("settle", gas.settle))
    kinds = (("deploy", gas.deploy), ("open", gas.open), *rest)
    return [Bar(name, ((amount, "bar"),), f"{amount:,}") for name, amount in kinds]


def _by_agreement(outcome: Outcome, customers: int, providers: int) -> Chart:
    if outcome.leases is None and customers * providers <= MAX_HEATMAP_CELLS and providers <= 100:
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
        return Chart(
            "Paid per agreement",
            svg,
            note="Customers down, providers across; the stronger the colour, the more.",
        )
    ordered = sorted((line.onchain_paid for line in outcome.per_agreement), reverse=True)
    svg = curve(
        ordered,
        title="Paid per agreement, the largest first",
        unit="agreement" if outcome.leases is None else "lease",
        say=lambda paid: format_amount(paid, ""),
    )
    title = "Paid per agreement" if outcome.leases is None else "Paid per lease"
    return Chart(title, svg, note=f"In {CURRENCY}, the largest first.")
