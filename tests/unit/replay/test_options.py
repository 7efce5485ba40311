"""What is refused before anything starts, each with a sentence."""

from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.replay import options as module
from tallystick.replay.errors import UsageProblem
from tallystick.replay.options import ReplayOptions, html_path_of


@pytest.fixture
def good(tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n")
    return ReplayOptions(
        trace=trace, format="azure-llm", report=tmp_path / "out.json", unit_price=600_000, fee_bps=500
    )


def test_check__good_options__pass(good):
    good.check_numbers()
    good.check_files()
    assert (good.customers, good.providers, good.agreements) == (10, 4, 40)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format": "parquet"}, "parquet"),
        ({"customers": 0}, "--customers"),
        ({"providers": -1}, "--providers"),
        ({"customers": 1001, "providers": 1000}, "1001000 agreements"),
        ({"unit_price": 0}, "--unit-price"),
        ({"unit_price": -5}, "--unit-price"),
        ({"unit_price": 2**56}, "--unit-price"),
        ({"fee_bps": 2001}, "--fee-bps"),
        ({"fee_bps": -1}, "--fee-bps"),
        ({"limit": -1}, "--limit"),
        ({"window": 0}, "--window"),
        ({"window": 496_801}, "--window"),
        ({"chaos_kills": -1}, "--chaos-kills"),
        ({"format": "csv"}, "--units-column"),
        ({"units_column": "tokens"}, "--format csv"),
        ({"units_scale": "2"}, "--format csv"),
    ],
)
def test_check_numbers__bad_value__names_the_flag(good, change, word):
    with pytest.raises(UsageProblem, match=word) as caught:
        replace(good, **change).check_numbers()
    assert caught.value.code == "bad_usage"


@pytest.mark.parametrize(
    "change", [{"fee_bps": 0}, {"fee_bps": 2000}, {"unit_price": 1}, {"limit": 0}, {"window": 496_800}]
)
def test_check_numbers__at_its_bound__passes(good, change):
    replace(good, **change).check_numbers()


@pytest.fixture
def leased(good, tmp_path):
    nodes = tmp_path / "nodes.csv"
    nodes.write_text("sn,gpu\na,8\n")
    return replace(good, format="openb", mode="lease", nodes=nodes)


def test_check__good_options_of_leases__pass(leased):
    for change in ({}, {"budget_seconds": 1}, {"window": 1}, {"customers": 100_000, "providers": 100_000}):
        replace(leased, **change).check_numbers()
    leased.check_files()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"mode": "rent"}, "'rent': --mode is one of metered, lease"),
        ({"format": "azure-llm"}, "--mode lease needs --format openb"),
        ({"format": "csv", "units_column": "x"}, "--mode lease needs --format openb"),
        ({"nodes": None}, "--mode lease needs --nodes"),
        ({"budget_seconds": 0}, "--budget-seconds must be at least 1, not 0"),
        ({"rpc": "http://localhost:1"}, "leave --rpc out"),
        ({"chaos_kills": 1}, "--mode lease starts none"),
        ({"customers": 100_001}, "--customers is at most 100000"),
        ({"mode": "metered"}, "belong to --mode lease"),
        ({"mode": "metered", "nodes": None, "budget_seconds": 5}, "belong to --mode lease"),
    ],
)
def test_check_numbers__wrong_combination_with_leases__says_what_to_do(leased, change, word):
    with pytest.raises(UsageProblem, match=word) as caught:
        replace(leased, **change).check_numbers()
    assert caught.value.code == "bad_usage"


def test_check_files__nodes_file__must_be_there_and_is_not_overwritten(leased, tmp_path):
    with pytest.raises(UsageProblem, match=r"no nodes file at .*absent"):
        replace(leased, nodes=tmp_path / "absent.csv").check_files()
    with pytest.raises(UsageProblem, match="nodes file must be a plain file"):
        replace(leased, nodes=tmp_path).check_files()
    with pytest.raises(UsageProblem, match="overwrite the nodes file"):
        replace(leased, report=leased.nodes).check_files()
    assert leased.nodes.read_text().startswith("sn,gpu")


def test_challenge_window__not_said__is_a_day_at_home_and_half_a_minute_elsewhere(good):
    assert good.challenge_window == 86_400
    assert replace(good, rpc="http://localhost:1").challenge_window == 30
    assert replace(good, rpc="http://localhost:1", window=7).challenge_window == 7


def test_check_files__missing_trace__says_where(good, tmp_path):
    with pytest.raises(UsageProblem, match=r"no trace at .*absent"):
        replace(good, trace=tmp_path / "absent.csv").check_files()


def test_check_files__trace_is_a_folder__is_refused(good, tmp_path):
    with pytest.raises(UsageProblem, match="plain file"):
        replace(good, trace=tmp_path).check_files()


def test_check_files__report_in_a_missing_folder__makes_it(good, tmp_path):
    replace(good, report=tmp_path / "a" / "b" / "out.json").check_files()
    assert (tmp_path / "a" / "b").is_dir()


def test_check_files__report_folder_cannot_be_made__is_refused(good):
    with pytest.raises(UsageProblem, match="folder"):
        replace(good, report=good.trace / "out.json").check_files()


def test_check_files__report_is_a_folder__is_refused(good, tmp_path):
    with pytest.raises(UsageProblem, match="is a folder"):
        replace(good, report=tmp_path).check_files()


def test_check_files__report_over_the_trace__is_refused(good):
    with pytest.raises(UsageProblem, match="overwrite"):
        replace(good, report=good.trace).check_files()
    assert good.trace.read_text().startswith("TIMESTAMP")


def test_check_files__report_is_html__is_refused(good, tmp_path):
    with pytest.raises(UsageProblem, match="JSON"):
        replace(good, report=tmp_path / "out.html").check_files()


def test_check_disk__too_little_room__says_how_much(good, monkeypatch, tmp_path):
    class Usage:
        free = 1024

    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Usage)
    with pytest.raises(UsageProblem, match="Not enough disk"):
        good.check_disk(tmp_path)


@pytest.mark.parametrize(
    ("report", "page"),
    [("out.json", "out.html"), ("a/b.json", "a/b.html"), ("out", "out.html"), ("out.v1", "out.v1.html")],
)
def test_html_path_of__report__is_its_neighbour(report, page):
    assert html_path_of(Path(report)) == Path(page)
