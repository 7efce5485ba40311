"""Who pays for gas on somebody's chain, and how much a replay needs at most."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.errors import ChainError, ContractRefused
from tallystick.chain.node import Node
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner, secret_from_environment
from tallystick.protocol.keys import PrivateKey
from tallystick.replay.errors import UsageProblem

__all__ = ["DEV_CHAIN", "KEY_VARIABLE", "banker", "fund", "gas_needed", "give_back", "random_seed"]

KEY_VARIABLE = "TALLYSTICK_DEPLOYER_KEY"
DEV_CHAIN = 31337
TRANSFER_GAS = 21_000
GIVE_BACK_TIMEOUT = 20.0
SENDERS_AT_ONCE = 16
FEE_RESERVE = 3
"""Fees may rise while a replay runs; what is left over goes back."""


def gas_needed(agreements: int, customers: int, providers: int) -> tuple[int, int]:
    """(gas of everything that is set up, gas of the relayer), generously."""
    setup = 60_000_000 + 100_000 * agreements + 400_000 * customers + 3_000_000 * (providers + 2)
    relayer = 10_000_000 + 40_000 * agreements
    return setup, relayer


def random_seed() -> str:
    """A seed that nobody can guess, for keys that live as long as one replay."""
    return secrets.token_hex(32)


def banker(node: Node) -> KeySigner:
    """The key that pays: TALLYSTICK_DEPLOYER_KEY(_FILE), or Anvil's first well-known one on a dev chain.

    Raises:
        UsageProblem: when there is none.
        SignerProblem: when what is set is no key.
    """
    text = secret_from_environment(KEY_VARIABLE)
    if text is not None:
        return KeySigner.from_hex(text)
    if node.chain_id() == DEV_CHAIN:
        return KeySigner.from_hex(DEV_KEYS[0])
    raise UsageProblem(
        f"Chain {node.chain_id()} is no local one: set {KEY_VARIABLE} (or {KEY_VARIABLE}_FILE) to a key that"
        " can pay for gas."
    )


def fund(
    node: Node,
    payer: KeySigner,
    receiver: str,
    wei: int,
    *,
    tries: int = 30,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Sends `wei` to `receiver`. Others may send from the same account at the same time: then it tries again.

    Raises:
        UsageProblem: when the payer does not have it.
        ChainError: when the node keeps refusing.
    """
    have = node.balance(payer.address)
    if have < wei:
        raise UsageProblem(
            f"{payer.address} has {have / 1e18:.6f} of the chain's coin, and this replay may need"
            f" {wei / 1e18:.6f} for gas."
        )
    for attempt in range(tries):
        try:
            KeySender(node, payer, timeout=90.0).send(receiver, b"", wei, TRANSFER_GAS)
            return
        except ContractRefused:
            raise
        except ChainError:
            # A nonce that another run has just used, most likely.
            if node.balance(receiver) >= wei:
                return
            if attempt == tries - 1:
                raise
            sleep(random.uniform(0.05, 0.6))  # noqa: S311 - only to get out of each other's step


def give_back(node: Node, keys: Callable[[], Sequence[PrivateKey]], receiver: str) -> None:
    """Sends what is left at each of `keys` back to the payer. Best effort: a replay does not fail for it."""

    def one(key: PrivateKey) -> None:
        sender = KeySender(node, KeySigner(key), timeout=GIVE_BACK_TIMEOUT)
        with suppress(ChainError):
            left = node.balance(sender.address) - TRANSFER_GAS * node.fees().max_fee
            if left > 0:
                sender.send(receiver, b"", left, TRANSFER_GAS)

    with ThreadPoolExecutor(SENDERS_AT_ONCE) as pool:
        list(pool.map(one, keys()))
