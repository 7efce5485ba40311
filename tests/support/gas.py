"""Exact gas of a transaction, by py-evm under Prague: cold slots, true original values, refunds, the floor of EIP-7623.

pyrevm cannot tell (see `evm.py`); py-evm is slow, so only what a gas figure is asked of runs here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # py-evm announces its own end
    from eth.chains.base import MiningChain
    from eth.consensus.noproof import NoProofConsensus
    from eth.db.atomic import AtomicDB
    from eth.vm.forks.prague import PragueVM
    from eth_keys.datatypes import PrivateKey

__all__ = ["AccountState", "transaction_gas"]

BLOCK_GAS: Final = 100_000_000
_GAS_PRICE: Final = 10**10


@dataclass(frozen=True)
class AccountState:
    """One account before the transaction: `balance` in wei, storage by slot."""

    balance: int
    nonce: int
    code: bytes
    storage: Mapping[int, int]


def transaction_gas(
    accounts: Mapping[str, AccountState],
    *,
    secret: bytes,
    to: str,
    data: bytes,
    chain_id: int,
    now: int,
) -> int:
    """Gas used by one transaction from the owner of `secret` on top of `accounts`.

    Raises AssertionError when the transaction fails.
    """
    key = PrivateKey(secret)
    sender = key.public_key.to_canonical_address()
    genesis: dict[Any, Any] = {
        bytes.fromhex(address[2:]): {
            "balance": state.balance,
            "nonce": state.nonce,
            "code": state.code,
            "storage": {slot: value for slot, value in state.storage.items() if value},
        }
        for address, state in accounts.items()
    }
    nonce = genesis.get(sender, {"nonce": 0})["nonce"]
    genesis[sender] = {"balance": 10**24, "nonce": nonce, "code": b"", "storage": {}}

    chain_class = MiningChain.configure(
        "GasChain",
        vm_configuration=((0, PragueVM.configure(consensus_class=NoProofConsensus)),),
        chain_id=chain_id,
    )
    header: dict[str, Any] = {"timestamp": now - 1, "gas_limit": BLOCK_GAS, "difficulty": 0}
    chain: Any = chain_class.from_genesis(AtomicDB(), header, genesis)
    chain.header = chain.header.copy(timestamp=now)
    transaction = chain.create_unsigned_transaction(
        nonce=nonce, gas_price=_GAS_PRICE, gas=16_777_216, to=bytes.fromhex(to[2:]), value=0, data=data
    ).as_signed_transaction(key, chain_id)
    _, receipt, computation = chain.apply_transaction(transaction)
    assert computation.is_success, computation.error
    return int(receipt.gas_used)
