"""`tallystick relayer run`: where its endpoints come from. The relayer itself is left out."""

from __future__ import annotations

import signal
import threading
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


def test_run__how_rewards_are_counted__is_passed_on(started: list[RelayerConfig]) -> None:
    assert run("--rpc", SECOND).exit_code == 0
    assert run("--rpc", SECOND, "--checkpoint-interval", "0", "--checkpoint-fees", "5").exit_code == 0
    found = [(config.checkpoint_interval, config.checkpoint_fees) for config in started]
    assert found == [(86_400, 1_000_000), (0, 5)]


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


class HeldLog:
    """A log whose lock is taken while it writes, as structlog's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.said = threading.Event()
        self.blocked_in_main = False

    def info(self, _event: str, **_details: object) -> None:
        in_main = threading.current_thread() is threading.main_thread()
        if not self.lock.acquire(timeout=0.2 if in_main else 5.0):
            self.blocked_in_main = in_main
            return
        self.lock.release()
        self.said.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_on_signals__comes_while_the_log_is_written__stops_and_blocks_nothing(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(command, "DRAIN_LIMIT", 1e6)  # seconds: the guard must not end the tests
    stop, log = threading.Event(), HeldLog()
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        command._drain_on_signals(stop, log)
        with log.lock:  # the main thread is in the middle of a line
            signal.raise_signal(number)
        assert stop.wait(5.0)
        assert log.said.wait(5.0)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert not log.blocked_in_main
