"""What a relayer is told to do. Values only; who reads flags and the environment is `command.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tallystick.chain.engine import EngineLimits
from tallystick.protocol.constants import MAX_BATCH_LEAVES, SETTLE_GRACE
from tallystick.protocol.errors import TallystickError

__all__ = ["BadConfig", "BatchLimits", "RelayerConfig", "parse_listen"]

MAX_POLL: Final = 3_600.0

LONGEST_AGE: Final = SETTLE_GRACE // 2
"""Chain seconds that a figure may wait for its batch. Receipts are taken until end + POST_GRACE, and a refund is
possible once the longest window and SETTLE_GRACE have passed after that: the rest is for posting and settling."""


class BadConfig(TallystickError):
    """A setting that makes no sense. Code `bad_config`."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_config", message)


@dataclass(frozen=True)
class BatchLimits:
    """When a batch is closed: by age, by size or by gas, whichever comes first.

    Args:
        age: Seconds of chain time that the oldest figure may wait.
        leaves: Figures in one batch, at most 256.
        waiting: Agreements that must wait for the size to count; `leaves` when 0.
        gas: Estimated gas of the more expensive of a batch's two transactions, at most.
    """

    age: int = 3_600
    leaves: int = MAX_BATCH_LEAVES
    waiting: int = 0
    gas: int = 12_000_000

    def __post_init__(self) -> None:
        if self.age < 0:
            raise BadConfig(f"--batch-age is in seconds, zero or more, not {self.age}.")
        if self.age > LONGEST_AGE:
            raise BadConfig(
                f"--batch-age is at most {LONGEST_AGE} s, not {self.age}: a figure must be posted and settled "
                "before its agreement can be refunded."
            )
        if not 1 <= self.leaves <= MAX_BATCH_LEAVES:
            raise BadConfig(f"--batch-size lies between 1 and {MAX_BATCH_LEAVES}, not {self.leaves}.")
        if self.waiting < 0:
            raise BadConfig(f"--batch-waiting counts agreements, zero or more, not {self.waiting}.")
        if self.gas < 500_000:
            raise BadConfig(f"--batch-gas must allow at least 500000 gas, not {self.gas}.")


@dataclass(frozen=True)
class RelayerConfig:
    """Everything that `tallystick relayer run` can be told.

    Args:
        rpc: Addresses of JSON-RPC endpoints of one chain.
        deployments: Folder of the registry.
        database: `sqlite:///FILE` or a path.
        policies: Numbers of the policies that this relayer posts for.
        operator: Its number in `Staking`.
        host: Address to listen at.
        port: Port to listen at; 0 picks a free one.
        poll: Seconds of real time between two rounds of the loops.
        post_deadline: Seconds of chain time within which a batch must be posted.
        log_range: Blocks in one eth_getLogs.
        keep_refunds: Whether to refund agreements whose waiting is over.
        poke_interval: Seconds of chain time between two payments of one lease's clock; 0: never.
        checkpoint_interval: Seconds of chain time between two checkpoints of one payee's rewards; 0: never.
        checkpoint_fees: µ of a payee's new fees that are worth a checkpoint; less waits, for a week at most.
        credentials_age: Seconds of chain time that a credential or revocation waits at most for others to share its
            transaction.
        ready_file: Written once the service listens: {"url", "pid"}.
    """

    rpc: tuple[str, ...]
    deployments: Path
    database: str
    policies: tuple[int, ...]
    operator: int
    host: str = "127.0.0.1"
    port: int = 0
    poll: float = 0.5
    batch: BatchLimits = field(default_factory=BatchLimits)
    engine: EngineLimits = field(default_factory=EngineLimits)
    post_deadline: int = 7 * 86_400
    log_range: int = 2_000
    keep_refunds: bool = False
    poke_interval: int = 86_400
    checkpoint_interval: int = 86_400
    checkpoint_fees: int = 1_000_000
    credentials_age: int = 60
    ready_file: Path | None = None

    def __post_init__(self) -> None:
        if not self.rpc:
            raise BadConfig("Name an endpoint, with --rpc, TALLYSTICK_RPC_URL or TALLYSTICK_RPC_URL_FILE.")
        for url in self.rpc:
            if not url.startswith(("http://", "https://")):
                raise BadConfig("--rpc takes addresses that start with http:// or https://.")
        if not self.policies or any(not 1 <= policy < 2**16 for policy in self.policies):
            raise BadConfig("--policy takes the number of a policy: 1 to 65535.")
        if len(set(self.policies)) != len(self.policies):
            raise BadConfig("--policy names a policy twice.")
        if not 1 <= self.operator < 2**32:
            raise BadConfig("--operator takes the number of the relayer's operator, from 1 on.")
        if not 0 < self.poll <= MAX_POLL:
            raise BadConfig(f"--poll-interval is in seconds, above zero and at most {MAX_POLL:g}.")
        if self.engine.confirmations < 1:
            raise BadConfig("--confirmations must be at least 1.")
        if self.poke_interval < 0:
            raise BadConfig(f"--poke-interval is in seconds, zero (never) or more, not {self.poke_interval}.")
        if self.checkpoint_interval < 0:
            raise BadConfig(
                f"--checkpoint-interval is in seconds, zero (never) or more, not {self.checkpoint_interval}."
            )
        if self.checkpoint_fees < 0:
            raise BadConfig(f"--checkpoint-fees is in µ, zero or more, not {self.checkpoint_fees}.")
        if self.credentials_age < 0:
            raise BadConfig(f"--credentials-age is in seconds, zero or more, not {self.credentials_age}.")
        if not 1 <= self.log_range <= 1_000_000:
            raise BadConfig("--log-range counts blocks, 1 to 1000000.")


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8080` or `[::1]:8080`. Raises BadConfig."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdigit() or int(port) > 65_535:
        raise BadConfig(f"--listen takes HOST:PORT, like 127.0.0.1:8080, not {text!r}.")
    return host, int(port)
