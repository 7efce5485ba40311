"""Ape's objects behind our protocols, with stand-ins for Ape."""

from types import SimpleNamespace
from typing import Any

import pytest
from eth_account import Account

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.ape_bridge import ApeSigner, ApeTransport
from tallystick.chain.errors import NodeRefused, NodeUnreachable, SignerProblem
from tallystick.chain.node import Node
from tallystick.chain.signers import KeySigner
from tallystick.protocol.hashing import keccak256

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
FIELDS = {
    "chainId": 31337, "nonce": 4, "gas": 21_000, "maxFeePerGas": 10, "maxPriorityFeePerGas": 1, "value": 5,
    "data": b"\x01", "to": "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512",
}  # fmt: skip


class FakeAccount:
    """Signs what the fake ecosystem made, or declines."""

    address = ALICE

    def __init__(self, willing: bool = True) -> None:
        self._willing = willing

    def sign_transaction(self, transaction: Any) -> Any:
        return transaction if self._willing else None


class FakeEcosystem:
    """Turns Ape's names into an eth-account transaction."""

    def create_transaction(self, **fields: Any) -> Any:
        content = {
            "chainId": fields["chainId"], "nonce": fields["nonce"], "gas": fields["gas_limit"],
            "maxFeePerGas": fields["max_fee"], "maxPriorityFeePerGas": fields["max_priority_fee"],
            "value": fields["value"], "data": fields["data"],
        }  # fmt: skip
        if "receiver" in fields:
            content["to"] = fields["receiver"]
        raw = KeySigner.from_hex(DEV_KEYS[0]).sign_transaction(content).raw
        return SimpleNamespace(signature=(1, 2, 3), serialize_transaction=lambda: raw)


@pytest.mark.parametrize("fields", [FIELDS, {name: FIELDS[name] for name in FIELDS if name != "to"}])
def test_sign_transaction__call_and_creation__equal_what_the_key_signs(fields: dict[str, Any]) -> None:
    signed = ApeSigner(FakeAccount(), FakeEcosystem()).sign_transaction(fields)
    assert signed == KeySigner.from_hex(DEV_KEYS[0]).sign_transaction(fields)
    assert signed.hash == "0x" + keccak256(signed.raw).hex()
    assert Account.recover_transaction(signed.raw) == ALICE


def test_sign_transaction__owner_declines__is_said() -> None:
    with pytest.raises(SignerProblem, match=f"{ALICE} did not sign"):
        ApeSigner(FakeAccount(willing=False), FakeEcosystem()).sign_transaction(FIELDS)


def transport(answer: Any) -> ApeTransport:
    def make_request(method: str, params: list[Any]) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    web3 = SimpleNamespace(provider=SimpleNamespace(make_request=make_request))
    return ApeTransport(SimpleNamespace(network_choice="ethereum:local:foundry", web3=web3))


def test_transport__answers_and_errors__come_back_as_they_are() -> None:
    assert Node(transport({"result": "0x7a69"})).chain_id() == 31337
    with pytest.raises(NodeRefused, match="node of ethereum:local:foundry refused eth_chainId: no"):
        Node(transport({"error": {"code": -1, "message": "no"}})).chain_id()


def test_transport__connection_breaks__is_unreachable() -> None:
    with pytest.raises(NodeUnreachable, match="node of ethereum:local:foundry does not answer: gone"):
        Node(transport(ConnectionError("gone"))).chain_id()
