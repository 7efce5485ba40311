"""Where a deployment's contracts are: one sorted JSON file a chain, `deployments/<chain id>.json`.

`{"chainId": …, "contracts": {Name: {"address", "transaction", "block", "deployer", "codeHash", "version"}}}`;
`codeHash` is keccak-256 of the code on the chain, which EXTCODEHASH gives as well.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tallystick.chain.abi import checksum
from tallystick.chain.errors import BadArgument, RegistryProblem
from tallystick.chain.node import Node
from tallystick.protocol.hashing import keccak256

__all__ = [
    "TOKEN_SIDE",
    "Deployment",
    "Pending",
    "Record",
    "Registry",
    "check",
    "default_folder",
    "write_atomically",
]

TOKEN_SIDE: Final = frozenset({"TallyToken", "TestTally", "SupplierRewards", "DividendVault", "FeeSplitter"})
"""Whatever becomes of these, work is paid (PROTOCOL.md section 2, B04): who serves payments starts without them."""


@dataclass(frozen=True)
class Record:
    """One contract of a deployment. `code_hash`: keccak-256 of the code on the chain, immutables included."""

    address: str
    transaction: str
    block: int
    deployer: str
    code_hash: str
    version: int

    def to_json(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "block": self.block,
            "codeHash": self.code_hash,
            "deployer": self.deployer,
            "transaction": self.transaction,
            "version": self.version,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        return cls(
            address=checksum(data["address"]),
            transaction=str(data["transaction"]),
            block=int(data["block"]),
            deployer=checksum(data["deployer"]),
            code_hash=str(data["codeHash"]),
            version=int(data["version"]),
        )


@dataclass(frozen=True)
class Deployment:
    """The contracts of one deployment, by name."""

    chain_id: int
    contracts: Mapping[str, Record]

    def address(self, name: str) -> str:
        """Checksummed address. Raises RegistryProblem when this deployment has no such contract."""
        try:
            return self.contracts[name].address
        except KeyError:
            known = ", ".join(sorted(self.contracts))
            raise RegistryProblem(
                f"the deployment on chain {self.chain_id} has no {name}; it has {known}"
            ) from None

    @property
    def first_block(self) -> int:
        """The first block that can hold an event of these contracts."""
        return min((record.block for record in self.contracts.values()), default=0)

    def to_json(self) -> dict[str, Any]:
        contracts = {name: self.contracts[name].to_json() for name in sorted(self.contracts)}
        return {"chainId": self.chain_id, "contracts": contracts}


@dataclass(frozen=True)
class Pending:
    """A Directory that was about to be created, written down before its transaction was sent."""

    directory: str
    deployer: str
    nonce: int
    block: int


def default_folder(environment: Mapping[str, str] | None = None) -> Path:
    """TALLYSTICK_DEPLOYMENTS, else `deployments` of the checkout that this package lies in, else of the
    work folder."""
    said = (os.environ if environment is None else environment).get("TALLYSTICK_DEPLOYMENTS")
    if said:
        return Path(said)
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "ape-config.yaml").is_file():
        return checkout / "deployments"
    return Path.cwd() / "deployments"


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that a reader, or a crash, sees the old or the new content and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Registry:
    """A folder with one file a chain."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: `default_folder()` when left out."""
        self.folder = folder if folder is not None else default_folder()

    def path(self, chain_id: int) -> Path:
        """The file of one chain."""
        return self.folder / f"{chain_id}.json"

    def find(self, chain_id: int) -> Deployment | None:
        """The deployment on a chain, None when there is no file. Raises RegistryProblem when it is
        malformed."""
        path = self.path(chain_id)
        if not path.is_file():
            return None
        try:
            data = json.loads(path.read_text("utf-8"))
            contracts = {str(name): Record.from_json(entry) for name, entry in data["contracts"].items()}
            found = Deployment(int(data["chainId"]), contracts)
        except (ValueError, KeyError, TypeError, AttributeError, BadArgument) as error:
            raise RegistryProblem(
                f"{path} is no registry of a deployment ({type(error).__name__}: {error}); "
                "mend it, or move it away and deploy again"
            ) from None
        if found.chain_id != chain_id:
            raise RegistryProblem(f"{path} says chain {found.chain_id}, but its name says {chain_id}")
        return found

    def load(self, chain_id: int) -> Deployment:
        """The deployment on a chain. Raises RegistryProblem when there is none, naming those that are
        known."""
        found = self.find(chain_id)
        if found is None:
            known = sorted(path.stem for path in self.folder.glob("*.json") if path.stem.isdigit())
            others = f"it knows chains {', '.join(known)}" if known else "it knows no chain"
            raise RegistryProblem(
                f"{self.folder} has no deployment on chain {chain_id} ({others}): "
                "deploy with `ape run deploy`, or say where it is with --deployments or "
                "TALLYSTICK_DEPLOYMENTS"
            )
        return found

    def open(self, node: Node, *, without: Collection[str] = ()) -> Deployment:
        """The deployment on a node's chain, checked against it but for the contracts `without`. Raises
        RegistryProblem."""
        found = self.load(node.chain_id())
        check(found, node, without=without)
        return found

    def save(self, deployment: Deployment, node: Node) -> None:
        """Writes the file, sorted and in one piece; does nothing when it says the same already.

        A file of another deployment stays unless its Directory has no code on this chain (a chain that was
        started
        anew); it is then kept as `.bak-N`. Raises RegistryProblem otherwise.
        """
        path = self.path(deployment.chain_id)
        old = self.find(deployment.chain_id)
        if old is not None and not _same(old, deployment):
            if is_live(old, node):
                raise RegistryProblem(
                    f"{path} is of another deployment, which is on this chain (Directory "
                    f"{old.address('Directory')}): write the new one into another folder with --deployments"
                )
            path.rename(self._backup(path))
        text = json.dumps(deployment.to_json(), indent=2, sort_keys=True) + "\n"
        if not path.is_file() or path.read_text("utf-8") != text:
            write_atomically(path, text)
        self.forget_pending(deployment.chain_id)

    def _backup(self, path: Path) -> Path:
        number = 1
        while (backup := path.with_name(f"{path.name}.bak-{number}")).exists():
            number += 1
        return backup

    # A deployment under way

    def _pending_path(self, chain_id: int) -> Path:
        return self.folder / f"{chain_id}.pending.json"

    def pending(self, chain_id: int) -> Pending | None:
        """The Directory that an interrupted deployment was about to create. Raises RegistryProblem."""
        path = self._pending_path(chain_id)
        try:
            return Pending(**json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise RegistryProblem(f"{path} is malformed: move it away and deploy again") from error

    def set_pending(self, chain_id: int, pending: Pending) -> None:
        """Writes down what is about to be sent."""
        text = json.dumps(vars(pending), indent=2, sort_keys=True) + "\n"
        write_atomically(self._pending_path(chain_id), text)

    def forget_pending(self, chain_id: int) -> None:
        """The deployment is complete."""
        self._pending_path(chain_id).unlink(missing_ok=True)


def _same(one: Deployment, other: Deployment) -> bool:
    """The same Directory, by address and by the transaction that created it."""
    first, second = one.contracts.get("Directory"), other.contracts.get("Directory")
    return (
        first is not None
        and second is not None
        and (first.address, first.transaction) == (second.address, second.transaction)
    )


def is_live(deployment: Deployment, node: Node) -> bool:
    """Whether the deployment's Directory has the code on this chain that its record says."""
    record = deployment.contracts.get("Directory")
    return record is not None and "0x" + keccak256(node.code(record.address)).hex() == record.code_hash


def check(deployment: Deployment, node: Node, *, without: Collection[str] = ()) -> None:
    """Holds a deployment against a node: chain id, and the code at every address but those of `without`. Raises
    RegistryProblem."""
    if node.chain_id() != deployment.chain_id:
        raise RegistryProblem(
            f"the node {node.transport.name} is of chain {node.chain_id()}, the deployment of "
            f"{deployment.chain_id}"
        )
    records = sorted(item for item in deployment.contracts.items() if item[0] not in without)
    codes = node.codes([record.address for _, record in records])
    for (name, record), code in zip(records, codes, strict=True):
        where = f"{name} at {record.address} on chain {deployment.chain_id}"
        if not code:
            raise RegistryProblem(
                f"there is no code of {where}: the registry is of another chain, or the chain was started "
                f"anew; "
                "deploy again"
            )
        if "0x" + keccak256(code).hex() != record.code_hash:
            raise RegistryProblem(f"the code of {where} is not the one that was deployed")
