"""`tallystick simulate`: what it writes, that it writes the same again, and how it ends."""

import json
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from tallystick.cli import app
from tallystick.simulate import command
from tallystick.simulate.page import short
from tallystick.simulate.result import equal

FLAGS = ("--weeks", "8", "--fees", "500 USDC", "--suppliers", "2", "--block", "21600")


def simulate(*arguments):
    return CliRunner().invoke(app, ["simulate", *arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All scenarios, once."""
    out = tmp_path_factory.mktemp("all")
    done = simulate("--out", str(out), *FLAGS)
    assert done.exit_code == 0, done.output
    assert "checks hold" in done.output
    return out


def test_simulate__without_names__plays_all_and_every_check_holds(folder):
    report = json.loads((folder / "report.json").read_text())
    assert list(report) == ["parameters", "scenarios", "checks"]
    assert list(report["scenarios"]) == ["growth", "decline", "crash", "wash", "whale", "sweeper"]
    assert report["parameters"]["weeks"] == 8
    assert report["parameters"]["fees_of_first_week"] == 500_000_000
    assert all(check["ok"] for check in report["checks"])
    names = [check["name"] for check in report["checks"]]
    assert len(names) == len(set(names)) > 60
    assert {name.partition(".")[0] for name in names} == set(report["scenarios"])
    assert all({"name", "ok", "expected", "found"} <= check.keys() for check in report["checks"])


def test_simulate__report__knows_no_fractions(folder):
    json.loads((folder / "report.json").read_text(), parse_float=pytest.fail)


def test_simulate__same_seed__writes_the_same_bytes(monkeypatch, folder, tmp_path):
    monkeypatch.setattr(command, "draw", lambda result, path: None)
    names = ("crash", "whale")
    for out in (tmp_path / "a", tmp_path / "b"):
        assert simulate(*names, "--out", str(out), "--seed", "5", *FLAGS).exit_code == 0
    assert (tmp_path / "a" / "report.json").read_bytes() == (tmp_path / "b" / "report.json").read_bytes()
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()
    assert (tmp_path / "a" / "report.json").read_bytes() != (folder / "report.json").read_bytes()


def test_simulate__pictures__are_png_files_of_each_scenario(folder):
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert pictures == ["crash.png", "decline.png", "growth.png", "sweeper.png", "wash.png", "whale.png"]
    for name in pictures:
        assert (folder / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_simulate__page__is_one_file_with_charts_and_tables_inside(folder):
    text = (folder / "report.html").read_text()
    assert not re.search(r"(src|href)\s*=|@import|url\(|<script", text)
    assert 'name="viewport"' in text
    assert "checks hold, to the µ" in text
    charts = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(charts) == 3 * 4 + 3 + 1 + 1
    for chart in charts:
        ET.fromstring(chart)
    for words in ("Above which price washing pays", "around the arrival", "wash.share_0.break_even"):
        assert words in text


def test_simulate__a_check_that_does_not_hold__ends_with_1_and_says_it(monkeypatch, tmp_path):
    def wrong(options):
        result = command.whale(options)
        result.checks.append(equal("whale.made_up", 1, 2, "<something>"))
        return result

    monkeypatch.setattr(command, "PLAYS", {"whale": wrong})
    monkeypatch.setattr(command, "draw", lambda result, path: None)
    done = simulate("whale", "--out", str(tmp_path), *FLAGS)
    assert done.exit_code == 1
    assert "does not hold: whale.made_up: <something>: expected 1, found 2" in done.output
    text = (tmp_path / "report.html").read_text()
    assert "1 of 8 checks do not hold" in text
    assert "&lt;something&gt;" in text
    assert not json.loads((tmp_path / "report.json").read_text())["checks"][-1]["ok"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("boom",), "There is no scenario 'boom'"),
        (("--weeks", "3"), "--weeks must be from 8 to 260, not 3."),
        (("--fees", "lots"), "--fees: 'lots' is not an amount"),
        (("--price", "-1"), "--price: '-1' is negative"),
    ],
)
def test_simulate__bad_input__ends_with_2_a_sentence_and_a_code(tmp_path, arguments, words):
    done = simulate(*arguments, "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert words in done.output
    assert "[bad_usage]" in done.output
    assert not (tmp_path / "out").exists()


def test_command__once_it_is_loaded__has_not_loaded_matplotlib():
    code = "import sys, tallystick.cli, tallystick.simulate.command; print('matplotlib' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_short__values_of_an_axis__keep_few_digits():
    said = [short(value, 1_000_000) for value in (0, 500_000, 1_500_000_000, 2_000_000_000_000, 30_000)]
    assert said == ["0", "0.5", "1.5k", "2M", "0.03"]
