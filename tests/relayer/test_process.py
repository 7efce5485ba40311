"""The relayer as people run it: a process with flags, signals, exit codes, one JSON object a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.relayer.scene import Scene, ndjson, staged

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def live_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with staged(tmp_path_factory.mktemp("live"), agreements=4, window=60) as scene:
        yield scene


class Process:
    """One relayer process."""

    def __init__(self, scene: Scene, folder: Path, *more: str, key: str | None = "good") -> None:
        self.ready = folder / "ready.json"
        self.log = folder / "relayer.log"
        flags = {
            "--rpc": scene.anvil.url,
            "--deployments": str(scene.folder / "deployments"),
            "--database": f"sqlite:///{folder / 'relayer.sqlite3'}",
            "--policy": "1",
            "--operator": "1",
            "--ready-file": str(self.ready),
            "--poll-interval": "0.05",
            "--batch-age": "30",
        }
        given = dict(zip(more[::2], more[1::2], strict=True))
        command = [sys.executable, "-m", "tallystick", "relayer", "run"]
        for name, value in {**flags, **given}.items():
            command += [name, value]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TALLYSTICK")}
        if key is not None:
            secret = "0x" + scene.relayer.key.secret.hex() if key == "good" else key
            environment["TALLYSTICK_RELAYER_KEY"] = secret
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.PIPE, text=True
            )

    def url(self) -> str:
        """Waits until it listens."""
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            if self.ready.is_file():
                said = json.loads(self.ready.read_text())
                if said["pid"] == self.process.pid:
                    return str(said["url"])
            time.sleep(0.02)
        raise AssertionError(f"it does not listen: {self.log.read_text()} {self.end()}")

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and what it said on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        _, said = self.process.communicate(timeout=12)
        return self.process.returncode, said


@pytest.fixture
def start(live_scene: Scene, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def run(*more: str, key: str | None = "good") -> Process:
        started.append(Process(live_scene, tmp_path, *more, key=key))
        return started[-1]

    yield run
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def wait_for(what: Callable[[], Any], seconds: float = 30) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_run__killed_between_receipts_and_payment__pays_all_once(
    live_scene: Scene, start: Callable[..., Process]
) -> None:
    scene = live_scene
    numbers = scene.agreements
    first = start()
    url = first.url()
    lines = {"Content-Type": "application/x-ndjson"}
    wait_for(lambda: httpx.get(f"{url}/v1/agreements/{numbers[-1]}").status_code == 200)
    taken = httpx.post(
        f"{url}/v1/receipts", content=ndjson([scene.receipt(n, 2_000_000) for n in numbers]), headers=lines
    )
    assert taken.json()["accepted"] == 4
    assert first.end(signal.SIGKILL)[0] == -9
    second = start()
    url = second.url()
    again = httpx.post(
        f"{url}/v1/receipts", content=ndjson([scene.receipt(n, 2_000_000) for n in numbers]), headers=lines
    )
    assert again.json()["duplicate"] == 4
    httpx.post(
        f"{url}/v1/verdicts", content=ndjson([scene.verdict(n, 2_000_000) for n in numbers]), headers=lines
    )
    scene.anvil.increase_time(31)
    wait_for(lambda: scene.read("ReceiptLedger", "nextNonce", 1, 1) == 1)
    assert second.end(signal.SIGKILL)[0] == -9
    third = start()
    url = third.url()
    scene.anvil.increase_time(61)
    wait_for(lambda: scene.paid(numbers[0]) == 1_200_000)
    scene.anvil.mine(3)
    wait_for(lambda: 'kind="settle"' in httpx.get(f"{url}/metrics").text)
    metrics = httpx.get(f"{url}/metrics").text
    assert 'tallystick_gas_used_total{kind="settle"}' in metrics
    assert httpx.get(f"{url}/ready").status_code == 200
    began = time.monotonic()
    code, said = third.end()
    assert (code, said) == (0, "")
    assert time.monotonic() - began < 10
    assert [scene.paid(number) for number in numbers] == [1_200_000] * 4
    assert scene.read("ReceiptLedger", "nextNonce", 1, 1) == 1
    wal = third.log.parent / "relayer.sqlite3-wal"
    assert not wal.exists() or wal.stat().st_size == 0
    log = third.log.read_text()
    assert all(isinstance(json.loads(line), dict) for line in log.splitlines())
    assert scene.relayer.key.secret.hex() not in log


def test_run__a_second_one_on_the_same_database__is_sent_away(start: Callable[..., Process]) -> None:
    first = start()
    first.url()
    code, said = start("--ready-file", str(first.ready.with_name("other.json"))).process.wait(20), ""
    assert code == 3
    assert first.end()[0] == 0
    assert said == ""


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--batch-size", "0"), 2, "[bad_config]"),
        (("--listen", "nowhere"), 2, "[bad_config]"),
        (("--rpc", "ftp://example.org"), 2, "[bad_config]"),
        (("--poll-interval", "0"), 2, "[bad_config]"),
        (("--policy", "9"), 3, "[not_the_relayer]"),
        (("--operator", "2"), 3, "[not_the_relayer]"),
        (("--rpc", "http://127.0.0.1:9"), 3, "[node_unreachable]"),
        (("--deployments", "/nowhere"), 3, "[registry_problem]"),
        (("--database", "/nowhere/at/all.sqlite3"), 3, "[bad_database]"),
        (("--listen", "0.0.0.0:0"), 3, "[open_to_strangers]"),
    ],
)
def test_run__a_setting_is_wrong__one_sentence_and_a_code(
    start: Callable[..., Process], flags: tuple[str, ...], code: int, words: str
) -> None:
    found, said = start(*flags).process, ""
    _, said = found.communicate(timeout=30)
    assert found.returncode == code
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert "Traceback" not in said


@pytest.mark.parametrize("key", [None, "0x1234"])
def test_run__no_good_key__says_so_without_it(start: Callable[..., Process], key: str | None) -> None:
    process = start(key=key).process
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "[signer_problem]" in said
    assert "1234" not in said


def test_run__key_of_nobody__is_not_a_signer(start: Callable[..., Process]) -> None:
    process = start(key="11" * 32).process
    _, said = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "[not_a_signer]" in said
    assert "1111" not in said
