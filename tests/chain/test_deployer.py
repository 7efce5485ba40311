"""Deployments on a real node: whole, again, interrupted anywhere, and in the way of others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.policies import planned_policy

from tallystick.chain.anvil import DEV_KEYS, Anvil
from tallystick.chain.contracts import load
from tallystick.chain.deployer import Outcome, deploy, verify
from tallystick.chain.deployment import Plan, create_address
from tallystick.chain.errors import ContractRefused, DeploymentMismatch, RegistryProblem
from tallystick.chain.node import TransactionReceipt
from tallystick.chain.registry import Registry, check
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.hashing import keccak256

SMALL: dict[str, Any] = {
    "parameters": {"limit": 1_209_600},
    "contracts": {
        "AccessManager": {"initialAdmin": "$deployer"},
        "TestDollar": {"owner": "$deployer"},
        "PolicyBook": {"authority": "$AccessManager", "maxLiability": "$limit", "postGrace": 60},
    },
    "setup": [
        {
            "title": "There is money",
            "calls": [{"TestDollar.mint": {"to": "$deployer", "amount": 7}}],
            "done": {"read": "TestDollar.balanceOf", "with": ["$deployer"], "equals": 7},
        }
    ],
    "policies": [planned_policy()],
}
TRANSACTIONS = 6  # Directory, three contracts, mint, policy


class KilledError(Exception):
    """The process ended here."""


class Interrupted:
    """Sends a number of transactions, then is killed: before the next is sent, or after, with its receipt lost."""

    def __init__(self, inner: KeySender, left: int, after: bool) -> None:
        self._inner, self._left, self._after = inner, left, after

    @property
    def address(self) -> str:
        return self._inner.address

    def send(self, to: str | None, data: bytes, value: int = 0, gas: int | None = None) -> TransactionReceipt:
        if self._left == 0:
            if self._after:
                self._inner.send(to, data, value, gas)
            raise KilledError
        self._left -= 1
        return self._inner.send(to, data, value, gas)


def small(**changes: Any) -> Plan:
    return Plan.from_data("small", {**SMALL, **changes})


def test_deploy__local_network__is_whole_verified_and_recorded(
    anvil: Anvil, deployed: Outcome, registry: Registry, deployer: KeySender
) -> None:
    plan, found = Plan.from_yaml("local"), registry.open(anvil.node)
    assert found == deployed.deployment
    assert set(found.contracts) == {"Directory", *plan.names}
    directory = found.address("Directory")
    for index, name in enumerate(plan.names, 1):
        record = found.contracts[name]
        assert record.address == create_address(directory, index)
        assert record.code_hash == "0x" + keccak256(anvil.node.code(record.address)).hex()
        assert (record.deployer, record.version) == (deployer.address, 1)
        receipt = anvil.node.receipt(record.transaction)
        assert receipt is not None
        assert receipt.block == record.block
    assert deployed.gas == sum(receipt.gas_used for receipt in deployed.receipts)


def test_deploy__local_network__contracts_know_each_other(anvil: Anvil, deployed: Outcome) -> None:
    found = deployed.deployment

    def read(name: str, function: str, *values: Any) -> Any:
        return anvil.node.read(load(name), found.address(name), function, *values)

    assert read("Escrow", "LEDGER") == found.address("ReceiptLedger").lower()
    assert read("Escrow", "CURRENCY") == found.address("TestDollar").lower()
    assert read("Escrow", "fees") == (500, 0)
    assert read("ReceiptLedger", "STAKING") == found.address("Staking").lower()
    assert read("Staking", "INSURANCE") == found.address("InsurancePool").lower()
    assert read("FeeSplitter", "shares") == (7_000, 2_000, 1_000)
    assert read("PolicyBook", "count") == 1
    assert read("PolicyBook", "get", 1)["verifiers"] == [2]
    assert read("Staking", "isActive", 1, 4) is True
    assert read("Staking", "isActive", 2, 2) is True
    assert read("ReceiptLedger", "SESSION_KEYS") == found.address("SessionKeys").lower()
    assert read("ReceiptLedger", "CREDENTIALS") == found.address("Credentials").lower()
    assert read("Escrow", "CREDENTIALS") == found.address("Credentials").lower()
    assert read("SessionKeys", "LEDGER") == found.address("ReceiptLedger").lower()
    assert read("Directory", "count") == len(Plan.from_yaml("local").names)


def test_deploy__second_run__sends_nothing_and_leaves_the_file(
    anvil: Anvil, deployed: Outcome, registry: Registry, deployer: KeySender
) -> None:
    nonce, before = anvil.node.nonce(deployer.address), registry.path(31337).stat().st_mtime_ns
    again = deploy(Plan.from_yaml("local"), anvil.node, deployer, registry)
    assert (again.receipts, again.gas, again.deployment) == ([], 0, deployed.deployment)
    assert anvil.node.nonce(deployer.address) == nonce
    assert registry.path(31337).stat().st_mtime_ns == before


@pytest.mark.parametrize("after", [False, True], ids=["before it was sent", "after it was mined"])
@pytest.mark.parametrize("sent", range(TRANSACTIONS))
def test_deploy__interrupted_anywhere__the_next_run_ends_it(
    anvil: Anvil, deployer: KeySender, registry: Registry, sent: int, after: bool
) -> None:
    with pytest.raises(KilledError):
        deploy(small(), anvil.node, Interrupted(deployer, sent, after), registry)
    outcome = deploy(small(), anvil.node, deployer, registry)
    assert anvil.node.nonce(deployer.address) == TRANSACTIONS
    assert len(outcome.receipts) == TRANSACTIONS - sent - after
    check(registry.load(31337), anvil.node)
    assert registry.pending(31337) is None
    assert deploy(small(), anvil.node, deployer, registry).receipts == []


def test_deploy__directory_still_in_the_pool__is_waited_for(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    anvil.node.request("evm_setAutomine", [False])
    hasty = KeySender(anvil.node, deployer.signer, timeout=0.0)
    with pytest.raises(Exception, match="not mined"):
        deploy(small(), anvil.node, hasty, registry)
    anvil.node.request("evm_setAutomine", [True])
    anvil.mine()
    outcome = deploy(small(), anvil.node, deployer, registry)
    assert len(outcome.receipts) == TRANSACTIONS - 1
    assert outcome.deployment.address("Directory") == create_address(deployer.address, 0)


def test_deploy__contracts_added_to_the_plan__only_these_are_created(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    deploy(small(), anvil.node, deployer, registry)
    more = {**SMALL["contracts"], "TallyToken": {"minter": "$deployer"}}
    outcome = deploy(small(contracts=more), anvil.node, deployer, registry)
    assert len(outcome.receipts) == 1
    assert "TallyToken" in registry.load(31337).contracts


def test_deploy__other_arguments_than_before__says_which(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    deploy(small(), anvil.node, deployer, registry)
    with pytest.raises(DeploymentMismatch, match=r"PolicyBook.*maxLiability is 1209600, not 5"):
        deploy(small(parameters={"limit": 5}), anvil.node, deployer, registry)


def test_deploy__other_order_than_before__says_which(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    deploy(small(), anvil.node, deployer, registry)
    turned = dict(reversed(SMALL["contracts"].items()))
    with pytest.raises(
        DeploymentMismatch, match=r"Contract 1 of the Directory .* is AccessManager, but PolicyBook"
    ):
        deploy(small(contracts=turned), anvil.node, deployer, registry)


def test_deploy__shorter_plan_than_what_is_there__is_refused(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    deploy(small(), anvil.node, deployer, registry)
    fewer = {"AccessManager": {"initialAdmin": "$deployer"}}
    with pytest.raises(DeploymentMismatch, match="has 3 contracts, more than the 1"):
        deploy(small(contracts=fewer, setup=[], policies=[]), anvil.node, deployer, registry)


def test_deploy__another_account__may_check_but_not_add(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    deploy(small(), anvil.node, deployer, registry)
    other = KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[1]))
    assert deploy(small(), anvil.node, other, registry).receipts == []
    more = {**SMALL["contracts"], "TallyToken": {"minter": "$deployer"}}
    with pytest.raises(
        DeploymentMismatch, match=r"belongs to 0xf39F.*send from that account, not from 0x7099"
    ):
        deploy(small(contracts=more), anvil.node, other, registry)


def test_deploy__other_folder__makes_a_second_deployment_beside_the_first(
    anvil: Anvil, deployer: KeySender, registry: Registry, tmp_path: Path
) -> None:
    first = deploy(small(), anvil.node, deployer, registry)
    second = deploy(small(), anvil.node, deployer, Registry(tmp_path / "other"))
    assert len(second.receipts) == TRANSACTIONS
    assert first.deployment.address("PolicyBook") != second.deployment.address("PolicyBook")
    check(registry.load(31337), anvil.node)
    with pytest.raises(RegistryProblem, match="another deployment"):
        registry.save(second.deployment, anvil.node)


def test_deploy__chain_started_anew__keeps_the_old_record_beside(registry: Registry) -> None:
    blocks = []
    for blocks_before in (0, 1):
        with Anvil() as anvil:
            anvil.mine(1 + blocks_before)
            sender = KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[blocks_before]))
            blocks.append(deploy(small(), anvil.node, sender, registry).deployment)
    assert registry.load(31337) == blocks[1]
    assert len(list(registry.folder.glob("*.bak-*"))) == 1


def test_deploy__plan_of_another_chain__is_refused_before_anything_is_sent(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    with pytest.raises(DeploymentMismatch, match="for chain 11155111, but this node is of chain 31337"):
        deploy(Plan.from_yaml("sepolia"), anvil.node, deployer, registry)
    assert anvil.node.nonce(deployer.address) == 0


def test_deploy__constructor_that_refuses__tells_its_reason(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    with pytest.raises(ContractRefused, match="could not create Staking: A thaw of 5 s is too short"):
        deploy(Plan.from_yaml("local", {"thawPeriod": 5}), anvil.node, deployer, registry)


def test_deploy__policy_that_the_book_refuses__tells_which_figure(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    bad = [{**SMALL["policies"][0], "challengeWindow": 0}]
    with pytest.raises(ContractRefused) as caught:
        deploy(small(policies=bad), anvil.node, deployer, registry)
    assert caught.value.code == "PolicyBook_BadPolicy"


def test_verify__code_that_is_not_the_packages__is_found(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    found = deploy(small(), anvil.node, deployer, registry).deployment
    directory, book = found.address("Directory"), found.address("PolicyBook")
    verify(small(), anvil.node, deployer.address, directory)
    code = anvil.node.code(book)
    changes: list[tuple[Callable[[bytes], bytes], str]] = [
        (lambda code: code[:-1] + bytes([code[-1] ^ 1]), "is not what this version of the package compiles"),
        (lambda _: b"", "no code of PolicyBook"),
    ]
    for change, complaint in changes:
        anvil.node.request("anvil_setCode", [book, "0x" + change(code).hex()])
        with pytest.raises(DeploymentMismatch, match=complaint):
            verify(small(), anvil.node, deployer.address, directory)
