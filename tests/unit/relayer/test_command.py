"""`tallystick relayer run`: where its endpoints come from. The relayer itself is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tallystick.relayer import command
from tallystick.relayer.config import RelayerConfig

FIRST, SECOND = "https://rpc.example/SECRET", "http://127.0.0.1:8545"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[RelayerConfig]:
    """What would have been run."""
    seen: list[RelayerConfig] = []
    monkeypatch.setattr(command, "run_relayer", lambda config, signer, api_keys: seen.append(config))
    monkeypatch.setenv("TALLYSTICK_RELAYER_KEY", "11" * 32)
    return seen


def run(*more: str) -> Result:
    flags = ["run", "--database", "x.sqlite3", "--policy", "1", "--operator", "1", *more]
    return CliRunner().invoke(command.app, flags)


def test_run__endpoints_in_the_variable__are_used(
    started: list[RelayerConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_RPC_URL", f"{FIRST},{SECOND}")
    assert run().exit_code == 0
    assert started[0].rpc == (FIRST, SECOND)


def test_run__endpoints_in_a_file__are_used(
    started: list[RelayerConfig], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "rpc"
    file.write_text(f"{FIRST}\n{SECOND}\n")
    monkeypatch.setenv("TALLYSTICK_RPC_URL_FILE", str(file))
    assert run().exit_code == 0
    assert started[0].rpc == (FIRST, SECOND)


def test_run__flags_and_variable__flags_win(
    started: list[RelayerConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_RPC_URL", FIRST)
    assert run("--rpc", SECOND, "--rpc", "http://127.0.0.1:8546").exit_code == 0
    assert started[0].rpc == (SECOND, "http://127.0.0.1:8546")


def test_run__no_endpoint_at_all__says_how_to_name_one(started: list[RelayerConfig]) -> None:
    result = run()
    assert result.exit_code == 2
    assert "TALLYSTICK_RPC_URL" in result.stderr
    assert "[bad_config]" in result.stderr


def test_run__variable_is_no_address__is_refused_without_quoting(
    started: list[RelayerConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_RPC_URL", "wss://rpc.example/SECRET")
    result = run()
    assert (result.exit_code, started) == (2, [])
    assert "[bad_endpoints]" in result.stderr
    assert "SECRET" not in result.output
