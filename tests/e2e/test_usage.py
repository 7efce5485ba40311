"""Bad usage: one sentence on stderr, exit code 2, nothing started, nothing written."""

import pytest
from typer.testing import CliRunner

from tallystick.cli import app
from tests.support.leases import write_world

GOOD = {
    "--format": "azure-llm",
    "--customers": "2",
    "--providers": "2",
    "--unit-price": "600000",
    "--fee-bps": "500",
}


def invoke(trace, report, **changes):
    flags = {
        **GOOD,
        **{f"--{name.replace('_', '-')}": value for name, value in changes.items()},
        "--report": report,
    }
    arguments = [part for name, value in flags.items() if value is not None for part in (name, str(value))]
    return CliRunner().invoke(app, ["replay", str(trace), *arguments])


@pytest.fixture
def trace(llm_trace):
    return llm_trace(3)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"format": "parquet"}, "parquet"),
        ({"customers": 0}, "--customers"),
        ({"providers": 0}, "--providers"),
        ({"unit_price": -1}, "--unit-price"),
        ({"unit_price": "half"}, "unit-price"),
        ({"fee_bps": 2001}, "--fee-bps"),
        ({"format": "csv"}, "--units-column"),
        ({"format": "csv", "units_column": "absent"}, "absent"),
        ({"format": "csv", "units_column": "ContextTokens", "units_scale": "x"}, "--units-scale"),
        ({"format": "openb"}, "scheduled_time"),
        ({"limit": -1}, "limit"),
        ({"mode": "rent"}, "--mode"),
        ({"mode": "lease"}, "--format openb"),
        ({"format": "openb", "mode": "lease"}, "--nodes"),
        ({"nodes": "nodes.csv"}, "--mode lease"),
        ({"budget_seconds": 5}, "--mode lease"),
        ({"format": "openb", "mode": "lease", "nodes": "absent.csv"}, "absent.csv"),
        ({"format": "openb", "mode": "lease", "nodes": "absent.csv", "rpc": "http://127.0.0.1:9"}, "--rpc"),
        ({"window": 0}, "--window"),
        ({"report": "/"}, "folder"),
        ({"rpc": "http://127.0.0.1:9"}, "127.0.0.1:9"),
        ({"rpc": "ftp://example"}, "http"),
        ({"fee_bps": None}, "fee-bps"),
    ],
)
def test_replay__bad_flag__one_sentence_and_two(trace, tmp_path, changes, word):
    report = changes.pop("report", tmp_path / "out.json")
    result = invoke(trace, report, **changes)
    assert result.exit_code == 2, result.output
    assert word in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a,b\n1,2\n"])
def test_replay__file_is_no_trace__one_sentence_and_two(tmp_path, content):
    trace = tmp_path / "odd.csv"
    trace.write_bytes(content)
    result = invoke(trace, tmp_path / "out.json")
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_replay__nodes_file_makes_no_sense__one_sentence_and_two(tmp_path):
    trace, nodes = write_world(tmp_path)
    nodes.write_text("sn,gpu\na,8\nb,many\n")
    flags = {"format": "openb", "mode": "lease", "nodes": nodes}
    result = invoke(trace, tmp_path / "out.json", **flags)
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (2, 1)
    assert "Line 3 of the nodes file" in result.stderr


def test_replay__missing_trace__one_sentence_and_two(tmp_path):
    result = invoke(tmp_path / "absent.csv", tmp_path / "out.json")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (2, 1)
    assert "absent.csv" in result.stderr


def test_demo__trace_of_another_format__one_sentence_and_two(tmp_path):
    trace = tmp_path / "odd.csv"
    trace.write_text("a,b\n1,2\n")
    result = CliRunner().invoke(app, ["demo", "--trace", str(trace), "--out", str(tmp_path / "demo")])
    assert result.exit_code == 2
    assert "odd.csv" in result.stderr


def test_version__asked__is_said():
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("tallystick ")


def test_help__shows_every_command(run):
    done = run("--help")
    assert done.wait(30) == 0, done.said
    assert all(f"\n  {name} " in done.said for name in ("replay", "demo", "relayer"))


def test_rpc__no_address__is_quoted(trace, tmp_path):
    done = invoke(trace, tmp_path / "out.json", rpc="me:secret@localhost:8545/secret")
    assert done.exit_code == 2
    assert "'localhost:8545' is no http or https address" in done.stderr
    assert "secret" not in done.stderr


def test_report__folder_that_takes_no_files__is_refused_before_anything_starts(trace):
    done = invoke(trace, "/proc/out.json")  # root may write there by its rights, and yet cannot
    assert done.exit_code == 2
    assert "/proc" in done.stderr
