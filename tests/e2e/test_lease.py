"""`tallystick replay --mode lease` on a chain of its own, held against numbers worked out by hand or anew here."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest
from typer.testing import CliRunner

from tallystick.cli import app
from tests.support.leases import FEE_BPS, LEASES, REJECTED, SECONDS, UNIT_PRICE, write_world

pytestmark = pytest.mark.node

HEADER = "name,num_gpu,gpu_milli,deletion_time,scheduled_time\n"


def arguments(trace, nodes, report, *more, customers=3, price=UNIT_PRICE, bps=FEE_BPS):
    return [
        *(
            "replay",
            trace,
            "--format",
            "openb",
            "--mode",
            "lease",
            "--nodes",
            nodes,
            "--customers",
            customers,
        ),
        *("--unit-price", price, "--fee-bps", bps, "--report", report, *more),
    ]


def test_lease__our_small_world__comes_to_what_was_worked_out_by_hand(run, tmp_path):
    trace, nodes = write_world(tmp_path)
    done = run(*arguments(trace, nodes, tmp_path / "out.json", "--budget-seconds", SECONDS))
    assert done.wait() == 0, done.said
    report = json.loads((tmp_path / "out.json").read_text())
    numbers = [line.pop("agreement") for line in report["leases"]]
    assert report["leases"] == LEASES
    assert [int(number) >> 32 for number in numbers] == [1, 2, 3, 4, 5]
    assert report["rejected"] == [{"line": line, "reason": reason} for line, reason in REJECTED]
    assert report["conserved"] is True
    assert (report["receipts"], report["agreements"]) == (5, 5)
    # 1 200 + 6 000 + 69 + 1 + 3 000; fees 39 + 199 + 2 + 0 + 99; milli-GPU-seconds as in the plan's test.
    assert (report["gross"], report["fees"], report["net"]) == (10_270, 339, 9_931)
    assert report["units"] == 40_000 + 200_000 + 2_331 + 50 + 100_000
    assert report["per_agreement"] == [
        {
            "customer": line["customer"],
            "provider": line["provider"],
            "units": units,
            "gross": line["gross"],
            "fee": line["fee"],
            "net": line["net"],
            "onchain_paid": line["gross"],
        }
        for line, units in zip(LEASES, (40_000, 200_000, 2_331, 50, 100_000), strict=True)
    ]
    gas = report["gas"]
    assert gas["settle"] == gas["close"] + gas["poke"] + gas["refund"]
    assert gas["post"] == 0
    assert all(gas[kind] > 21_000 for kind in ("deploy", "open", "close", "poke", "refund"))
    page = (tmp_path / "out.html").read_text()
    assert "to the last µ" in page
    assert "rack-c" in page
    assert "conserved" in done.said
    assert "stopped, out of money" in done.said
    assert not list(tmp_path.glob("**/relayer*"))


def test_lease__many_jobs_on_few_nodes__are_each_what_their_row_says(run, tmp_path):
    """More than one transaction of openings and pokes, stops of one second, jobs of days, money that runs out."""
    random = Random(20_261_102)
    rows, price, seconds, bps = [], 7_003, 90_000, 501
    for index in range(260):
        start = random.randrange(0, 6 * 86_400)
        # Three in ten end at one of three common seconds.
        end = random.choice((7, 8, 9)) * 86_400 if index % 10 < 3 else start + random.randrange(1, 200_000)
        rows.append((random.choice((1, 1, 2, 4)), random.choice((90, 333, 1_000)), end, start))
    trace, nodes = tmp_path / "pods.csv", tmp_path / "nodes.csv"
    trace.write_text(HEADER + "".join(f"p{k},{g},{m},{e},{s}\n" for k, (g, m, e, s) in enumerate(rows)))
    nodes.write_text("sn,gpu\na,4\nb,2\nc,4\n")
    more = ("--budget-seconds", seconds)
    done = run(*arguments(trace, nodes, tmp_path / "out.json", *more, customers=7, price=price, bps=bps))
    assert done.wait() == 0, done.said
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["conserved"] is True
    assert len(report["leases"]) == 260
    reasons = {"stopped": 0, "exhausted": 0}
    for line, (gpus, milli, end, start) in zip(report["leases"], rows, strict=True):
        rate = price * gpus * milli // 1_000
        budget = -(-rate * min(end - start, seconds) // 1_000_000)
        funded_until = start + budget * 1_000_000 // rate
        stop = min(end, funded_until)
        gross = (stop - start) * rate // 1_000_000
        fee = gross * bps // 10_000
        assert (line["rate"], line["start"], line["stop"], line["served"]) == (
            rate,
            start,
            stop,
            stop - start,
        )
        assert (line["gross"], line["fee"], line["net"]) == (gross, fee, gross - fee)
        assert (line["refund"], line["downtime"]) == (budget - gross, 0)
        assert line["close_reason"] == ("stopped" if end <= funded_until else "exhausted")
        reasons[line["close_reason"]] += 1
    assert min(reasons.values()) > 50


@pytest.mark.parametrize("rows", ["", "a,0,0,100,5\nb,9,1000,100,5\n"])
def test_lease__no_usable_row__ends_well_with_nothing(run, tmp_path, rows):
    trace, nodes = write_world(tmp_path)
    trace.write_text(HEADER + rows)
    done = run(*arguments(trace, nodes, tmp_path / "out.json"))
    assert done.wait() == 0, done.said
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["leases"], report["receipts"], report["gross"]) == ([], 0, 0)
    assert len(report["rejected"]) == rows.count("\n")
    assert report["conserved"] is True
    assert (tmp_path / "out.html").is_file()


def test_lease__one_micro_elsewhere_on_the_chain__exits_with_one_and_still_reports(tmp_path, monkeypatch):
    from tallystick.replay.lease import audit

    honest = audit.facts_of_chain

    def short_by_one(*arguments):
        facts = honest(*arguments)
        return [replace(facts[0], refunded=facts[0].refunded - 1), *facts[1:]]

    monkeypatch.setattr(audit, "facts_of_chain", short_by_one)
    trace, nodes = write_world(tmp_path)
    result = CliRunner().invoke(app, list(map(str, arguments(trace, nodes, tmp_path / "out.json"))))
    assert result.exit_code == 1
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["conserved"] is False
    assert report["leases"][0]["refund"] == -1
    assert "NOT conserved: 2 difference(s)" in result.output
    assert "refunded of the lease of line 2" in (tmp_path / "out.html").read_text()
