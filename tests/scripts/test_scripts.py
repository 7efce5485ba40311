"""`ape run deploy` and `ape run provider`, as people run them, against a real Anvil."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.chain.anvil import Anvil
from tallystick.chain.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.node, pytest.mark.slow]

PROVIDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # TEST::1
DEVICE = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"


class Ape:
    """Ape, started once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "scripts" / "ape_process.py")],
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if not name.endswith("SEPOLIA_RPC_URL")},
                "APE_DATA_FOLDER": str(ROOT / ".cache" / "ape"),
                "COLUMNS": "200",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: list[str]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


class Shell:
    """Runs Ape's scripts on one chain with one folder of deployments."""

    def __init__(self, ape: Ape, network: str, folder: Path) -> None:
        self.ape = ape
        self.network = network
        self.folder = folder

    def run(self, *arguments: str, account: str = "TEST::1") -> dict[str, Any]:
        where = ["--network", self.network, "--account", account]
        if "--deployments" not in arguments:
            where += ["--deployments", str(self.folder)]
        return self.ape.run(["run", *arguments, *where])

    def says(self, *arguments: str, account: str = "TEST::1") -> str:
        """What a command prints that must succeed."""
        done = self.run(*arguments, account=account)
        assert done["code"] == 0, done
        return str(done["stdout"])

    def refuses(self, *arguments: str) -> str:
        """What a command prints that must fail: one sentence, no traceback."""
        done = self.run(*arguments)
        assert done["code"] == 1, done
        assert "Traceback" not in done["stdout"] + done["stderr"], done
        (line,) = [line for line in done["stderr"].splitlines() if line.startswith("Error: ")]
        return str(line)


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with Anvil() as running:
        yield running


@pytest.fixture(scope="module")
def ape() -> Iterator[Ape]:
    running = Ape()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shell(ape: Ape, anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A network that was deployed by the script."""
    shell = Shell(ape, f"ethereum:local:{anvil.url}", tmp_path_factory.mktemp("deployments"))
    before = shell.says("deploy", "--dry-run", account="TEST::0")
    assert "Nothing was sent" in before
    assert not list(shell.folder.iterdir())
    assert "The registry is" in shell.says("deploy", account="TEST::0")
    return shell


def test_deploy__second_run__sends_nothing(anvil: Anvil, shell: Shell) -> None:
    deployment = Registry(shell.folder).open(anvil.node)
    assert {"Directory", "Escrow", "ReceiptLedger", "Staking", "TestDollar"} <= set(deployment.contracts)
    text, block = Registry(shell.folder).path(31337).read_text(), anvil.node.block_number()
    assert "Everything is in place already: nothing was sent" in shell.says("deploy", account="TEST::0")
    assert anvil.node.block_number() == block
    assert Registry(shell.folder).path(31337).read_text() == text
    assert json.loads(text)["chainId"] == 31337


def test_deploy__parameter_changed_afterwards__is_refused(shell: Shell) -> None:
    line = shell.refuses("deploy", "--set", "feeProvider=300")
    assert "feeProvider is 500, not 300" in line
    assert "no parameter feePrvider" in shell.refuses("deploy", "--set", "feePrvider=300")


def test_deploy__as_typed_on_a_chain_of_apes_own__is_deployed(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / "ape"), "run", "deploy", "--network", "ethereum:local:foundry", "--account", "TEST::0"],
        cwd=ROOT,
        env={**os.environ, "TALLYSTICK_DEPLOYMENTS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Policy 1 is in the book" in done.stdout
    assert (tmp_path / "31337.json").is_file()


def test_deploy__public_chain_with_a_key_that_everybody_knows__is_refused(ape: Ape, tmp_path: Path) -> None:
    with Anvil(chain_id=11155111) as sepolia:
        shell = Shell(ape, f"ethereum:sepolia:{sepolia.url}", tmp_path)
        assert "test account, whose key everybody knows" in shell.refuses("deploy")
        assert sepolia.node.block_number() == 0
    assert not list(tmp_path.iterdir())


def test_scripts__no_node_there__one_sentence(ape: Ape, tmp_path: Path) -> None:
    nobody = Shell(ape, "ethereum:local:http://127.0.0.1:9", tmp_path)
    for command in (("deploy",), ("provider", "earnings")):
        assert "is it running, is the address right? [node_unreachable]" in nobody.refuses(*command)
    unnamed = Shell(ape, "ethereum:sepolia", tmp_path)
    assert "set SEPOLIA_RPC_URL" in unnamed.refuses("deploy")


def test_provider__whole_life__is_told_step_by_step(anvil: Anvil, shell: Shell, tmp_path: Path) -> None:
    description = tmp_path / "farm.json"
    description.write_text('{"name": "farm"}')
    flags = ("--hardware-class", "data-centre-gpu", "--region", "US", "--metadata", str(description))

    assert "register first" in shell.refuses("provider", "stake", "2500 USDC")
    assert "no region" in shell.refuses("provider", "register", *flags[:2], "--region", "XX")
    dry = shell.says("provider", "register", *flags, "--dry-run")
    assert f"Would register {PROVIDER} as a provider (data-centre-gpu, region US)." in dry
    assert "Nothing was sent." in dry
    done = shell.says("provider", "register", *flags)
    assert "This is operator 3." in done
    assert "It earns into account 1." in done

    assert "not_enough_currency" in shell.refuses("provider", "stake", "2500 USDC")
    assert "The wallet has 3,000 tUSD" in shell.says("provider", "faucet", "3000 USDC")
    staked = shell.says("provider", "stake", "2500 USDC")
    assert "Will allow Staking to take 2,500 tUSD." in staked
    assert "Will stake 2,500 tUSD for operator 3" in staked
    assert "for operator 3, from now on" in shell.says("provider", "authorise-device", DEVICE)

    assert "has 2,500 tUSD free, but 2,501 tUSD are wanted" in shell.refuses(
        "provider", "unstake", "2501 USDC"
    )
    assert "can be withdrawn from" in shell.says("provider", "unstake", "1500 USDC")
    assert "still thawing until" in shell.refuses("provider", "withdraw")
    assert "thaw ends" in shell.says("provider", "earnings")
    assert "nothing was settled for it yet" in shell.refuses("provider", "claim")
    assert "Operator 1 does not belong" in shell.refuses("provider", "unstake", "1 USDC", "--operator", "1")
    assert "is not a unit known here" in shell.refuses("provider", "stake", "5 beans")

    anvil.increase_time(21 * 86_400)
    assert "so it can be withdrawn" in shell.says("provider", "earnings")
    assert "The wallet has 2,000 tUSD, after 500 tUSD." in shell.says("provider", "withdraw")
    table = shell.says("provider", "earnings")
    rows = dict(line.strip().split(None, 1) for line in table.splitlines() if line.startswith("  "))
    assert (rows["free"], rows["thawing"], rows["claimable"]) == ("1,000 tUSD", "0 tUSD", "0 tUSD")


def test_provider__folder_without_a_deployment__says_to_deploy(shell: Shell, tmp_path: Path) -> None:
    line = shell.refuses("provider", "earnings", "--deployments", str(tmp_path))
    assert "no deployment on chain 31337 (it knows no chain): deploy with `ape run deploy`" in line
