"""`tallystick replay` on a chain of its own, held against numbers worked out here."""

import json

import pytest
from typer.testing import CliRunner

from tallystick.cli import app

pytestmark = pytest.mark.node


def test_replay__csv_with_unusable_rows__settles_the_others_to_the_last_micro(run, tmp_path):
    # k:      0     1       2    3      4        5      6     7
    hours = ["1.5", "0.25", "x", "2", "0.0000004", "1e3", "", "0.75"]
    # A blank line between rows 3 and 4 is no row, but a line.
    lines = [
        "gpu;hours".replace(";", ","),
        *(f"a,{h}" for h in hours[:4]),
        "",
        *(f"b,{h}" for h in hours[4:]),
    ]
    trace = tmp_path / "usage.csv"
    trace.write_text("\n".join(lines) + "\n")
    done = run(
        *("replay", trace, "--format", "csv", "--units-column", "hours", "--units-scale", "1000000"),
        *("--customers", 3, "--providers", 2, "--unit-price", 2_500_001, "--fee-bps", 333),
        *("--report", tmp_path / "new" / "out.json"),
    )
    assert done.wait() == 0, done.said
    report = json.loads((tmp_path / "new" / "out.json").read_text())

    assert report["rejected"] == [
        {"line": 4, "reason": "units_not_a_number"},
        {"line": 7, "reason": "units_below_one"},
        {"line": 9, "reason": "units_not_a_number"},
    ]
    assert report["receipts"] == 5
    # Rows 0 and 3 and 7 and 1 and 5: customer k mod 3, provider (k div 3) mod 2.
    units = {(0, 0): 1_500_000, (1, 0): 250_000, (0, 1): 2_000_000, (2, 1): 1_000_000_000, (1, 0, 7): 750_000}
    # Row 7: customer 1, provider (7 div 3) mod 2 = 0; so (1, 0) has 1 000 000 in all.
    units[1, 0] += units.pop((1, 0, 7))
    expected = []
    for (customer, provider), total in sorted(units.items()):
        gross = total * 2_500_001 // 1_000_000
        fee = gross * 333 // 10_000
        expected.append(
            {
                "customer": customer,
                "provider": provider,
                "units": total,
                "gross": gross,
                "fee": fee,
                "net": gross - fee,
                "onchain_paid": gross,
            }
        )
    assert report["per_agreement"] == expected
    assert report["agreements"] == 4
    assert report["units"] == 1_004_500_000
    assert report["gross"] == sum(one["gross"] for one in expected)
    assert report["fees"] == sum(one["fee"] for one in expected)
    assert report["net"] == report["gross"] - report["fees"]
    assert report["conserved"] is True
    gas = report["gas"]
    assert gas["per_receipt"] == round((gas["post"] + gas["settle"]) / 5, 3)
    assert gas["deploy"] > 5_000_000 < 30_000_000
    assert all(gas[kind] > 21_000 for kind in ("open", "post", "settle"))
    assert report["seconds"] > 0
    page = (tmp_path / "new" / "out.html").read_text()
    assert "to the last µ" in page
    assert "conserved" in done.said
    assert "rejected 2 x units_not_a_number: lines 4, 9" in done.said


@pytest.mark.parametrize(("customers", "providers"), [(1, 101), (101, 1)])
def test_replay__every_agreement_of_a_transaction_touches_somebody_new__opens_all(
    run, llm_trace, tmp_path, customers, providers
):
    done = run(
        *("replay", llm_trace(150), "--format", "azure-llm", "--unit-price", 600_000, "--fee-bps", 500),
        *("--customers", customers, "--providers", providers, "--report", tmp_path / "out.json"),
    )
    assert done.wait() == 0, done.said
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["agreements"] == 101
    assert report["conserved"] is True


@pytest.mark.parametrize("rows", ["", "2026-11-02,0,0\n2026-11-02,-5,x\n"])
def test_replay__no_usable_row__ends_well_with_nothing(run, tmp_path, rows):
    trace = tmp_path / "trace.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + rows)
    done = run(
        *("replay", trace, "--format", "azure-llm", "--customers", 2, "--providers", 2),
        *("--unit-price", 600_000, "--fee-bps", 500, "--report", tmp_path / "out.json"),
    )
    assert done.wait() == 0, done.said
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["receipts"], report["agreements"], report["units"], report["gross"]) == (0, 0, 0, 0)
    assert len(report["rejected"]) == rows.count("\n")
    assert report["gas"]["per_receipt"] == 0
    assert report["per_agreement"] == []
    assert report["conserved"] is True
    assert (tmp_path / "out.html").is_file()


def test_replay__work_worth_less_than_one_micro__is_accepted_and_pays_nothing(run, tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2026-11-02,1,0\n2026-11-02,3,0\n")
    done = run(
        *("replay", trace, "--format", "azure-llm", "--customers", 2, "--providers", 1),
        *("--unit-price", 400_000, "--fee-bps", 2_000, "--report", tmp_path / "out.json"),
    )
    assert done.wait() == 0, done.said
    report = json.loads((tmp_path / "out.json").read_text())
    # floor(1 x 0.4) = 0, floor(3 x 0.4) = 1; the fee on 1 µ is floor(0.2) = 0.
    assert [(one["units"], one["gross"], one["fee"]) for one in report["per_agreement"]] == [
        (1, 0, 0),
        (3, 1, 0),
    ]
    assert (report["receipts"], report["conserved"]) == (2, True)


def test_replay__one_micro_missing_on_the_chain__exits_with_one_and_still_reports(
    llm_trace, tmp_path, monkeypatch
):
    from dataclasses import replace

    from tallystick.replay import run as module

    honest = module.read_books

    def short_by_one(*arguments):
        books = honest(*arguments)
        return replace(books, received=[books.received[0] - 1, *books.received[1:]])

    monkeypatch.setattr(module, "read_books", short_by_one)
    arguments = ["replay", llm_trace(8), "--format", "azure-llm", "--customers", 2, "--providers", 2]
    arguments += ["--unit-price", 600_000, "--fee-bps", 500, "--report", tmp_path / "out.json"]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 1
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["conserved"] is False
    assert report["receipts"] == 8
    assert "NOT conserved" in result.output
    assert "earnings of provider 0" in (tmp_path / "out.html").read_text()
