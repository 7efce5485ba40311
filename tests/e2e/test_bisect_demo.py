"""`tallystick bisect-demo`: whole disputes on an Anvil of its own, and what it refuses."""

import json

import pytest
from typer.testing import CliRunner

from tallystick.cli import app


def invoke(out, **changes):
    flags = {"checkpoints": 8, "operations": 16, "fault": 37, "report": out, **changes}
    arguments = [
        part for name, value in flags.items() if value is not None for part in (f"--{name}", str(value))
    ]
    return CliRunner().invoke(app, ["bisect-demo", *arguments])


@pytest.mark.parametrize(
    ("checkpoints", "operations", "fault"), [(8, 16, 37), (3, 5, 0), (5, 200, 999), (1, 1, 0)]
)
def test_bisect_demo__with_a_fault__the_challenger_wins_there(tmp_path, checkpoints, operations, fault):
    out = tmp_path / "out.json"
    result = invoke(out, checkpoints=checkpoints, operations=operations, fault=fault)
    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text())
    assert (report["winner"], report["disputed_operation"]) == ("challenger", fault)
    assert report["rounds"] <= (checkpoints - 1).bit_length() + (operations - 1).bit_length()
    moves = report["gas_by_move"]
    assert report["gas"] == sum(move["sum"] for move in moves.values())
    assert report["rounds"] == moves.get("query", {"count": 0})["count"]
    assert report["ruling_units"] == 0


def test_bisect_demo__of_an_honest_solver__names_where_the_challenger_lies(tmp_path):
    out = tmp_path / "out.json"
    assert invoke(out, fault="none", lie=101).exit_code == 0
    report = json.loads(out.read_text())
    assert (report["winner"], report["disputed_operation"], report["fault"]) == ("solver", 101, "none")
    assert report["ruling_units"] == 1_000_000

    assert invoke(out, fault="none", seed=5).exit_code == 0
    drawn = json.loads(out.read_text())
    assert (drawn["winner"], drawn["seed"]) == ("solver", 5)
    assert 0 <= drawn["disputed_operation"] < 128


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"fault": 128}, "from 0 to 127"),
        ({"fault": -1}, "from 0 to 127"),
        ({"fault": "first"}, "first"),
        ({"fault": None}, "fault"),
        ({"checkpoints": 0}, "--checkpoints"),
        ({"checkpoints": "many"}, "checkpoints"),
        ({"operations": 0}, "--operations"),
        ({"operations": 2**30}, "at most"),
        ({"report": "/"}, "folder"),
        ({"report": "/proc/none/out.json"}, "report"),
        ({"lie": 4}, "--fault none"),
    ],
)
def test_bisect_demo__bad_usage__ends_with_a_sentence_and_2(tmp_path, changes, word):
    result = invoke(tmp_path / "out.json", **changes)
    assert result.exit_code == 2
    assert word in result.output
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []
