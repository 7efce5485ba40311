"""Calls by anybody on an Anvil that mines when it is told to."""

from __future__ import annotations

from typing import Any

from tallystick.chain.contracts import load
from tallystick.chain.signers import KeySigner
from tests.relayer.scene import Scene

__all__ = ["TIP", "post_call"]

TIP = 10**9  # wei per gas


def post_call(
    scene: Scene, who: KeySigner, name: str, function: str, *values: Any, gas: int = 2_000_000
) -> str:
    """Broadcasts a call of one of the deployment's contracts; the next block has it. Returns its hash."""
    node = scene.anvil.node
    signed = who.sign_transaction(
        {
            "chainId": scene.anvil.chain_id,
            "nonce": node.nonce(who.address),
            "gas": gas,
            "value": 0,
            "to": scene.address(name),
            "data": load(name).encode(function, *values),
            "maxFeePerGas": 100 * TIP,
            "maxPriorityFeePerGas": TIP,
        }
    )
    return node.send_raw(signed.raw)
