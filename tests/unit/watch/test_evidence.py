"""Signed receipts and verdicts out of files; what cannot be read is told, and keeps nothing else out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.market import DEVICE, DOMAIN, VERIFIERS, receipt_json, verdict_json

from tallystick.protocol.backing import Leaf
from tallystick.watch.errors import WatchProblem
from tallystick.watch.evidence import FileEvidence, read_truth

ROOT = b"\x11" * 32


def leaf(agreement: int, root: bytes = ROOT) -> Leaf:
    return Leaf(1, 0, agreement, 10, root, 0)


def test_files__folder_of_ndjson__receipts_and_verdicts_by_agreement_and_output(tmp_path: Path) -> None:
    lines = [receipt_json(102, 10), verdict_json(102, 10), receipt_json(102, 20, root=b"\x22" * 32)]
    (tmp_path / "a.ndjson").write_text("\n".join(json.dumps(one) for one in lines[:2]))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.jsonl").write_text(json.dumps(lines[2]) + "\n\n")
    (tmp_path / "notes.txt").write_text("not evidence")
    seen = FileEvidence(DOMAIN, [tmp_path]).behind(leaf(102, bytes.fromhex(lines[0]["outputRoot"][2:])))
    assert [receipt.units for receipt, _ in seen.receipts] == [10]
    assert [(verdict.units, key) for verdict, _, key in seen.verdicts] == [(10, VERIFIERS[3].address)]
    other = FileEvidence(DOMAIN, [tmp_path]).behind(leaf(102, b"\x22" * 32))
    assert [receipt.units for receipt, _ in other.receipts] == [20]


def test_files__broken_lines__are_told_and_the_others_count(tmp_path: Path) -> None:
    good = receipt_json(101, 10, key=DEVICE)
    file = tmp_path / "mixed.ndjson"
    file.write_text("\n".join(["{", json.dumps(good), '{"periodStart": 1}', "[]", '{"valid": true}']))
    evidence = FileEvidence(DOMAIN, [file])
    assert evidence.unread == [
        ("mixed.ndjson", 1, "malformed_json"),
        ("mixed.ndjson", 3, "bad_field"),
        ("mixed.ndjson", 4, "malformed_json"),
        ("mixed.ndjson", 5, "bad_field"),
    ]
    assert len(evidence.behind(leaf(101, bytes.fromhex(good["outputRoot"][2:]))).receipts) == 1


def test_files__missing__bad_evidence(tmp_path: Path) -> None:
    with pytest.raises(WatchProblem, match="cannot be read") as caught:
        FileEvidence(DOMAIN, [tmp_path / "none.ndjson"])
    assert caught.value.code == "bad_evidence"


def test_truth__last_line_of_an_agreement_counts(tmp_path: Path) -> None:
    file = tmp_path / "truth.ndjson"
    file.write_text(
        '{"agreement": "7", "units": 5}\n{"agreement": 8, "units": 0}\n{"agreement": 7, "units": "6"}\n'
    )
    assert read_truth(file) == {7: 6, 8: 0}
    assert read_truth(None) == {}


@pytest.mark.parametrize(
    "text", ["{}", "[1]", '{"agreement": 1, "units": -1}', '{"agreement": "x", "units": 1}']
)
def test_truth__something_else__bad_truth(tmp_path: Path, text: str) -> None:
    file = tmp_path / "truth.ndjson"
    file.write_text(text)
    with pytest.raises(WatchProblem) as caught:
        read_truth(file)
    assert caught.value.code == "bad_truth"
