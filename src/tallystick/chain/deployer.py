"""Puts a plan on a chain: sends what is missing, checks what is there, writes the registry.

Nothing is remembered but the Directory's address before it is created: everything else is read from the
chain, so an
interruption at any point is mended by running again, and a second run sends nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import eth_abi

from tallystick.chain.abi import checksum, short_string
from tallystick.chain.contracts import Contract, load
from tallystick.chain.deployment import Condition, Creation, Plan, PlannedCall, Step, create_address
from tallystick.chain.errors import ContractRefused, DeploymentMismatch, TransactionFailed
from tallystick.chain.node import Node, TransactionReceipt
from tallystick.chain.registry import Deployment, Pending, Record, Registry, is_live
from tallystick.chain.sender import Sender
from tallystick.protocol.hashing import keccak256

__all__ = ["Deployer", "Outcome", "deploy", "verify"]

_STRETCH = 2_000  # blocks
# How the AccessManager refuses what must be scheduled, is scheduled and not due, or was and has lapsed.
_DELAYED = {"AccessManagerNotScheduled", "AccessManagerNotReady", "AccessManagerExpired"}


@dataclass
class Outcome:
    """What a run did. `receipts` are those of the transactions that it sent, `gas` is their sum; `waiting` are the
    titles of steps that governance's delay holds up, to be run again when it is over."""

    deployment: Deployment
    receipts: list[TransactionReceipt] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def gas(self) -> int:
        return sum(receipt.gas_used for receipt in self.receipts)


def deploy(
    plan: Plan,
    node: Node,
    sender: Sender,
    registry: Registry,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Runs a plan. See `Deployer.run`."""
    return Deployer(plan, node, sender, registry, say).run()


class Deployer:
    """One run of a plan with one account."""

    def __init__(
        self,
        plan: Plan,
        node: Node,
        sender: Sender,
        registry: Registry,
        say: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._plan = plan
        self._node = node
        self._sender = sender
        self._registry = registry
        self._say = say
        self._sleep = sleep
        self._receipts: list[TransactionReceipt] = []
        self._waiting: list[str] = []

    def run(self) -> Outcome:
        """Creates what is missing, does the setup steps that are not done, verifies all, writes the registry.

        Raises DeploymentMismatch when the chain has something else than the plan says, RegistryProblem
        when another
        deployment's file is in the way, ContractRefused when a contract refuses.
        """
        chain_id = self._node.chain_id()
        if self._plan.chains and chain_id not in self._plan.chains:
            chains = ", ".join(map(str, self._plan.chains))
            raise DeploymentMismatch(
                f"the plan {self._plan.network} is for chain {chains}, but this node is of chain {chain_id}"
            )
        directory, since = self._directory(chain_id)
        self._create(directory, since)
        records = self._records(directory, since)
        verify(self._plan, self._node, records["Directory"].deployer, directory)
        deployment = Deployment(chain_id, records)
        self._registry.save(deployment, self._node)
        for step in self._plan.steps(records["Directory"].deployer, directory):
            self._do(step, directory)
        return Outcome(deployment, self._receipts, self._waiting)

    # The Directory

    def _directory(self, chain_id: int) -> tuple[str, int]:
        """Its address, and a block before it was created."""
        known = self._registry.find(chain_id)
        if known is not None and is_live(known, self._node):
            return known.address("Directory"), known.first_block
        pending = self._registry.pending(chain_id)
        if pending is not None and self._was_created(pending):
            self._say(f"An interrupted deployment is taken up: Directory {pending.directory}")
            return pending.directory, pending.block
        return self._create_directory(chain_id)

    def _was_created(self, pending: Pending) -> bool:
        """Waits for a Directory's transaction that was sent by an earlier run and is not in a block yet."""
        for _ in range(600):
            if self._node.code(pending.directory):
                return True
            mined = self._node.nonce(pending.deployer, "latest")
            if mined > pending.nonce or self._node.nonce(pending.deployer, "pending") <= pending.nonce:
                return False
            self._sleep(0.5)
        raise TransactionFailed(
            f"the Directory of an earlier run is still not in a block: look up the transaction with nonce "
            f"{pending.nonce} of {pending.deployer}"
        )

    def _create_directory(self, chain_id: int) -> tuple[str, int]:
        deployer = self._sender.address
        nonce, block = self._node.nonce(deployer), self._node.block_number()
        directory = create_address(deployer, nonce)
        self._registry.set_pending(chain_id, Pending(directory, deployer, nonce, block))
        receipt = self._send("Directory", None, self._plan.directory_code(deployer))
        if receipt.contract is None or checksum(receipt.contract) != directory:
            raise DeploymentMismatch(
                f"the Directory was created at {receipt.contract}, not at {directory}: something else sent "
                f"from "
                f"{deployer} at the same time; run again"
            )
        return directory, block

    # The contracts

    def _create(self, directory: str, since: int) -> None:
        contract = load("Directory")
        done = int(self._node.read(contract, directory, "count"))
        owner = checksum(self._node.read(contract, directory, "owner"))
        missing = len(self._plan.names) - done
        if missing < 0:
            raise DeploymentMismatch(
                f"the Directory {directory} has {done} contracts, more than the {len(self._plan.names)} of "
                f"the plan "
                f"{self._plan.network}"
            )
        if done:
            self._check_created(directory, since)
        if missing and owner != self._sender.address:
            raise DeploymentMismatch(
                f"{missing} contracts are missing, and the Directory {directory} belongs to {owner}: "
                f"send from that account, not from {self._sender.address}"
            )
        for creation in self._plan.creations(self._deployer(directory, since), directory)[done:]:
            arguments = (short_string(creation.name), creation.index, creation.init_code)
            self._send(creation.name, directory, contract.encode("deploy", *arguments))

    def _deployer(self, directory: str, since: int) -> str:
        """Who created the Directory: its first owner."""
        return str(self._birth(directory, since)[0])

    def _birth(self, directory: str, since: int) -> tuple[str, str, int]:
        """First owner, transaction and block of the Directory, from its first event."""
        first = self._events(directory, "OwnershipTransferred", since, 1)[0]
        owner = checksum("0x" + first["topics"][2][-40:])
        return owner, str(first["transactionHash"]), int(first["blockNumber"], 16)

    def _check_created(self, directory: str, since: int) -> None:
        """Names and arguments of what exists already must be the plan's."""
        creations = self._plan.creations(self._deployer(directory, since), directory)
        for log in self._deployed(directory, since):
            index, name = _index(log), _name(log)
            creation = creations[index - 1]
            if name != creation.name:
                raise DeploymentMismatch(
                    f"contract {index} of the Directory {directory} is {name}, but {creation.name} in the "
                    f"plan"
                )
            sent = self._node.request("eth_getTransactionByHash", [log["transactionHash"]])
            if sent and str(sent.get("to")).lower() == directory.lower():
                _check_arguments(creation, bytes.fromhex(sent["input"][2:]))

    def _deployed(self, directory: str, since: int) -> list[dict[str, Any]]:
        count = int(self._node.read(load("Directory"), directory, "count"))
        return self._events(directory, "Deployed", since, count)

    def _events(self, directory: str, event: str, since: int, wanted: int) -> list[dict[str, Any]]:
        """The first `wanted` events of a kind; asked for in stretches that public nodes allow."""
        topic = "0x" + load("Directory").events[event].digest.hex()
        found: list[dict[str, Any]] = []
        start, latest = since, self._node.block_number()
        while len(found) < wanted and start <= latest:
            found += self._node.logs(directory, [topic], start, min(latest, start + _STRETCH - 1))
            start += _STRETCH
        if len(found) < wanted:
            raise DeploymentMismatch(
                f"the node has {len(found)} of {wanted} events {event} of the Directory {directory} since "
                f"block {since}"
            )
        return found[:wanted]

    def _records(self, directory: str, since: int) -> dict[str, Record]:
        deployer, transaction, block = self._birth(directory, since)
        code_hash = "0x" + keccak256(self._node.code(directory)).hex()
        records = {"Directory": Record(directory, transaction, block, deployer, code_hash, 1)}
        for log in self._deployed(directory, since):
            records[_name(log)] = Record(
                address=checksum("0x" + log["topics"][3][-40:]),
                transaction=str(log["transactionHash"]),
                block=int(log["blockNumber"], 16),
                deployer=deployer,
                code_hash="0x" + log["data"][66:130],
                version=int(log["topics"][2], 16),
            )
        return records

    # The setup

    def _do(self, step: Step, directory: str) -> None:
        if self._holds(step):
            return
        for call in step.calls:
            if not self._perform(call, step.title, directory):
                return
        if not self._holds(step):
            raise DeploymentMismatch(f"a setup step had no effect: {step.title}")
        self._say(step.title)

    def _holds(self, step: Step) -> bool:
        return any(self._is_so(condition) for condition in step.done)

    def _is_so(self, condition: Condition) -> bool:
        call = condition.call
        answer = self._node.call(call.to, call.data)
        return condition.holds(load(call.contract).decode(call.function, answer))

    def _perform(self, call: PlannedCall, title: str, directory: str) -> bool:
        """Sends it; where the sender's role has a delay, schedules it instead, and says False until that is over."""
        try:
            self._send(f"{call.contract}.{call.function}", call.to, call.data)
        except ContractRefused as refused:
            if refused.code not in _DELAYED:
                raise
            self._wait_for(call, title, directory, refused)
            return False
        return True

    def _wait_for(self, call: PlannedCall, title: str, directory: str, refused: ContractRefused) -> None:
        contract, manager = load("AccessManager"), self._plan.addresses(directory)["AccessManager"]
        if refused.code != "AccessManagerNotReady":
            self._send("AccessManager.schedule", manager, contract.encode("schedule", call.to, call.data, 0))
        operation = refused.arguments["operationId"]
        ready = datetime.fromtimestamp(int(self._node.read(contract, manager, "getSchedule", operation)), UTC)
        self._waiting.append(title)
        self._say(f"{title}: scheduled; run again after {ready:%Y-%m-%d %H:%M:%S} UTC")

    def _send(self, what: str, to: str | None, data: bytes) -> TransactionReceipt:
        receipt = self._sender.send(to, data)
        self._receipts.append(receipt)
        self._say(f"{what}: {receipt.gas_used} gas, block {receipt.block}")
        return receipt


def verify(plan: Plan, node: Node, deployer: str, directory: str) -> None:
    """Holds the code at every address of a plan against the artefacts, immutables masked. Raises
    DeploymentMismatch."""
    expected: list[tuple[Contract, str]] = [(load("Directory"), directory)]
    expected += [(creation.contract, creation.address) for creation in plan.creations(deployer, directory)]
    codes = node.codes([address for _, address in expected])
    for (contract, address), code in zip(expected, codes, strict=True):
        if not code:
            raise DeploymentMismatch(f"there is no code of {contract.name} at {address}")
        if contract.masked_hash(code) != contract.code_hash:
            raise DeploymentMismatch(
                f"the code of {contract.name} at {address} is not what this version of the package compiles"
            )


def _check_arguments(creation: Creation, calldata: bytes) -> None:
    """The constructor arguments in a creation's transaction must be the plan's. Raises DeploymentMismatch."""
    _, _, init_code = load("Directory").function("deploy").decode_inputs(calldata)
    if init_code == creation.init_code:
        return
    code = creation.contract.creation_code
    if not init_code.startswith(code):
        raise DeploymentMismatch(
            f"{creation.name} was deployed by another version of this package: deploy anew into another "
            f"folder "
            "(--deployments), or use the version that deployed it"
        )
    parameters = creation.contract.constructor
    given = eth_abi.decode([part.type for part in parameters], init_code[len(code) :])
    names = [part.name for part in parameters]
    if len(parameters) == 1 and parameters[0].components:
        names, given = [part.name for part in parameters[0].components], given[0]
        planned = creation.arguments[0]
    else:
        planned = creation.arguments
    differences = _differences(dict(zip(names, given, strict=True)), dict(zip(names, planned, strict=True)))
    raise DeploymentMismatch(
        f"{creation.name} was deployed with other arguments than the plan's ({differences}): contracts "
        f"never change; "
        "deploy anew into another folder (--deployments)"
    )


def _differences(given: Mapping[str, Any], planned: Mapping[str, Any]) -> str:
    def shown(value: Any) -> str:
        return "0x" + value.hex() if isinstance(value, bytes) else str(value)

    return ", ".join(
        f"{name} is {shown(given[name])}, not {shown(planned[name])}"
        for name in planned
        if shown(given[name]).lower() != shown(planned[name]).lower()
    )


def _name(log: Mapping[str, Any]) -> str:
    return bytes.fromhex(log["topics"][1][2:]).rstrip(b"\0").decode("ascii", "replace")


def _index(log: Mapping[str, Any]) -> int:
    return int(log["data"][2:66], 16)
