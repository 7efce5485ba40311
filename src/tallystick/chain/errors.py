"""What can go wrong between the package and a chain: stable codes, and sentences that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tallystick.protocol.errors import TallystickError

__all__ = [
    "AnvilFailed",
    "BadArgument",
    "BadArtifact",
    "BadPlan",
    "ChainError",
    "ContractRefused",
    "DeploymentMismatch",
    "NodeRefused",
    "NodeUnreachable",
    "OperatorRefusal",
    "RegistryProblem",
    "SignerProblem",
    "TransactionFailed",
]


class ChainError(TallystickError):
    """Anything that the chain side raises. The message is made a sentence: capital and full stop."""

    def __init__(self, code: str, message: str) -> None:
        text = message.strip()
        super().__init__(code, text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else "."))


class BadArgument(ChainError):
    """An argument does not fit the ABI: wrong name, count, type or range. Code `bad_argument`."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_argument", message)


class BadArtifact(ChainError):
    """A compiled artefact is missing or malformed. Code `bad_artifact`."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_artifact", message)


class BadPlan(ChainError):
    """A deployment plan contradicts the ABI or itself; nothing was sent. Code `bad_plan`."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_plan", message)


class ContractRefused(ChainError):
    """A contract reverted. `code` is the name of its custom error, `arguments` what came with it.

    Reverts that carry a string have the code `Error`, panics `Panic`, bare reverts `reverted`, and
    data of an error that no artefact declares `unknown_error`.
    """

    def __init__(self, code: str, message: str, arguments: Mapping[str, Any], data: bytes = b"") -> None:
        super().__init__(code, message)
        self.arguments: dict[str, Any] = dict(arguments)
        self.data = data


class NodeUnreachable(ChainError):
    """The node did not answer, or not with JSON-RPC. Code `node_unreachable`."""

    def __init__(self, message: str) -> None:
        super().__init__("node_unreachable", message)


class NodeRefused(ChainError):
    """The node answered with an error that is no revert. Code `node_refused`; `number` is JSON-RPC's."""

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__("node_refused", message)
        self.number = number


class TransactionFailed(ChainError):
    """A transaction was mined but failed, or was not mined in time. Code `transaction_failed`."""

    def __init__(self, message: str) -> None:
        super().__init__("transaction_failed", message)


class SignerProblem(ChainError):
    """A key is missing, malformed or cannot be unlocked. Code `signer_problem`. Never quotes the key."""

    def __init__(self, message: str) -> None:
        super().__init__("signer_problem", message)


class AnvilFailed(ChainError):
    """Anvil was not found, did not start, or died. Code `anvil_failed`."""

    def __init__(self, message: str) -> None:
        super().__init__("anvil_failed", message)


class RegistryProblem(ChainError):
    """The registry of a deployment is missing, malformed, or of another chain. Code `registry_problem`."""

    def __init__(self, message: str) -> None:
        super().__init__("registry_problem", message)


class DeploymentMismatch(ChainError):
    """What is on the chain is not what the plan or the registry says. Code `deployment_mismatch`."""

    def __init__(self, message: str) -> None:
        super().__init__("deployment_mismatch", message)


class OperatorRefusal(ChainError):
    """What somebody asked for cannot be done, and why; found out before anything was sent.

    Its codes stand in docs/errors.md, under the scripts.
    """
