"""`tallystick replay`: where its node comes from. The replay itself is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tallystick.cli import app
from tallystick.replay import command
from tallystick.replay.options import ReplayOptions

FIRST, SECOND = "https://rpc.example/SECRET", "http://127.0.0.1:8545"


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[ReplayOptions]:
    """What would have been played."""
    seen: list[ReplayOptions] = []
    monkeypatch.setattr(command, "replay_trace", lambda options, work: seen.append(options) or True)
    return seen


def play(*more: str) -> Result:
    flags = ["--format", "azure-llm", "--unit-price", "1", "--fee-bps", "0", "--report", "out.json", *more]
    return CliRunner().invoke(app, ["replay", "trace.csv", *flags])


def test_replay__no_flag__starts_a_chain_of_its_own_whatever_the_environment_says(
    played: list[ReplayOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_RPC_URL", FIRST)
    assert play().exit_code == 0
    assert (played[0].rpc, played[0].more_rpc) == (None, ())
    assert played[0].challenge_window == 86_400


def test_replay__variable__is_the_node_and_the_rest_is_for_the_relayer(
    played: list[ReplayOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_RPC_URL", f"{FIRST},{SECOND}")
    assert play("--rpc", "env").exit_code == 0
    assert (played[0].rpc, played[0].more_rpc) == (FIRST, (SECOND,))
    assert played[0].challenge_window == 30


def test_replay__file__is_read(
    played: list[ReplayOptions], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "rpc"
    file.write_text(FIRST + "\n")
    monkeypatch.setenv("TALLYSTICK_RPC_URL_FILE", str(file))
    assert play("--rpc", "env").exit_code == 0
    assert (played[0].rpc, played[0].more_rpc) == (FIRST, ())


def test_replay__flag_and_variable__the_flag_wins(
    played: list[ReplayOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_RPC_URL", FIRST)
    assert play("--rpc", SECOND).exit_code == 0
    assert (played[0].rpc, played[0].more_rpc) == (SECOND, ())


def test_replay__both_variables__one_sentence_and_two(
    played: list[ReplayOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_RPC_URL", FIRST)
    monkeypatch.setenv("TALLYSTICK_RPC_URL_FILE", "rpc")
    result = play("--rpc", "env")
    assert (result.exit_code, played) == (2, [])
    assert "both set" in result.stderr
    assert "SECRET" not in result.output


def test_replay__env_and_no_variable__says_what_to_set(played: list[ReplayOptions]) -> None:
    result = play("--rpc", "env")
    assert (result.exit_code, played) == (2, [])
    assert "TALLYSTICK_RPC_URL" in result.stderr
