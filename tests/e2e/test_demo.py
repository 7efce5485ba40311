"""`tallystick demo`: our own trace, then the dividends, every µ accounted for."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRACE = ROOT / "src" / "tallystick" / "demo" / "trace.csv"


def test_trace__made_again__is_the_one_that_is_shipped(tmp_path):
    made = tmp_path / "trace.csv"
    subprocess.run([sys.executable, ROOT / "tools" / "make_demo_trace.py", made], check=True)
    assert made.read_bytes() == TRACE.read_bytes()
    with TRACE.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 500
    assert all(int(row["ContextTokens"]) > 0 and int(row["GeneratedTokens"]) > 0 for row in rows)


@pytest.mark.node
def test_demo__own_trace__tells_where_every_micro_went(run, tmp_path):
    done = run("demo", "--out", tmp_path / "demo")
    assert done.wait() == 0, done.said
    report = json.loads((tmp_path / "demo" / "report.json").read_text())

    units = [[0] * 4 for _ in range(10)]
    with TRACE.open() as file:
        for k, row in enumerate(csv.DictReader(file)):
            units[k % 10][k // 10 % 4] += int(row["ContextTokens"]) + int(row["GeneratedTokens"])
    gross = [[u * 600_000 // 1_000_000 for u in line] for line in units]
    fees = [[g * 500 // 10_000 for g in line] for line in gross]
    assert [(one["customer"], one["provider"], one["units"]) for one in report["per_agreement"]] == [
        (i, j, units[i][j]) for i in range(10) for j in range(4)
    ]
    assert [one["onchain_paid"] for one in report["per_agreement"]] == [g for line in gross for g in line]
    total = sum(map(sum, fees))
    assert (report["receipts"], report["rejected"], report["agreements"]) == (500, [], 40)
    assert (report["gross"], report["fees"]) == (sum(map(sum, gross)), total)
    assert report["conserved"] is True

    # 70 / 20 / 10: insurance and treasury floored, the rest streams to 300 : 100, each share floored.
    dividends = total - total * 2_000 // 10_000 - total * 1_000 // 10_000
    big, small = report["dividends"]
    assert (big["staked"], small["staked"]) == (300 * 10**18, 100 * 10**18)
    assert (big["claimed"], small["claimed"]) == (dividends * 3 // 4, dividends // 4)
    assert big["staker"] != small["staker"]
    # A task of 100 dollars, 40 % of it done: 40 paid, 60 back; the pledge of 10 is slashed, a fifth to the watcher.
    (dispute,) = report["disputes"]
    assert dispute.pop("agreement") in range(1 << 32, 1 << 64)
    assert dispute == {
        "kind": "work",
        "outcome": "upheld",
        "rounds": 1,
        "slashed": 10_000_000,
        "to_victim": 0,
        "to_challenger": 2_000_000,
        "to_insurance": 8_000_000,
        "bond_returned": 50_000_000,
        "refunded": 60_000_000,
        "paid": 40_000_000,
        "arbiter_fee": 25_000_000,
    }
    # Suppliers: 10e12 TALLY-wei for each µ of fees of their own agreements, to the last one.
    by_provider = [sum(line[j] for line in fees) for j in range(4)]
    assert [(one["fees"], one["claimed"]) for one in report["rewards"]] == [
        (mine, mine * 10 * 10**12) for mine in by_provider
    ]
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "Where every µ went" in page
    assert "a jury ruled for the watcher" in page
    assert big["staker"] in page
    assert "Suppliers&#39; rewards" in page or "Suppliers' rewards" in page
    assert str(tmp_path / "demo" / "report.html") in done.said
    assert "NOT" not in done.said
