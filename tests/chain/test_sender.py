"""Transactions on a real node: sent, mined, refused."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tallystick.chain.anvil import DEV_KEYS, Anvil
from tallystick.chain.contracts import load
from tallystick.chain.errors import ContractRefused, NodeRefused, TransactionFailed
from tallystick.chain.node import Fees
from tallystick.chain.sender import Call, KeySender
from tallystick.chain.signers import KeySigner

CAROL = "0x" + "33" * 20
DOLLAR = load("TestDollar")


def new_dollar(sender: KeySender) -> str:
    receipt = sender.send(None, DOLLAR.init_code({"owner": sender.address}))
    assert receipt.contract is not None
    return receipt.contract


def balance(sender: KeySender, dollar: str, holder: str) -> int:
    return int(sender.node.read(DOLLAR, dollar, "balanceOf", holder))


def test_send__call__is_mined_and_has_an_effect(deployer: KeySender) -> None:
    dollar = new_dollar(deployer)
    receipt = deployer.send(dollar, DOLLAR.encode("mint", CAROL, 2_500_000_000))
    assert receipt.ok
    assert receipt.block == deployer.node.block_number()
    assert balance(deployer, dollar, CAROL) == 2_500_000_000
    assert len(receipt.logs) == 1


def test_send__call_that_reverts__is_refused_before_it_costs_anything(deployer: KeySender) -> None:
    dollar = new_dollar(deployer)
    nonce = deployer.node.nonce(deployer.address)
    with pytest.raises(ContractRefused) as caught:
        deployer.send(dollar, DOLLAR.encode("transfer", CAROL, 5))
    assert caught.value.code == "ERC20InsufficientBalance"
    assert caught.value.arguments["needed"] == 5
    assert deployer.node.nonce(deployer.address) == nonce


def test_send__reverts_although_gas_was_given__has_the_reason_all_the_same(deployer: KeySender) -> None:
    dollar = new_dollar(deployer)
    with pytest.raises(ContractRefused) as caught:
        deployer.send(dollar, DOLLAR.encode("transfer", CAROL, 5), gas=100_000)
    assert caught.value.code == "ERC20InsufficientBalance"


def test_send__too_little_gas__is_told_apart_from_a_refusal(deployer: KeySender) -> None:
    dollar = new_dollar(deployer)
    with pytest.raises(TransactionFailed, match="ran out of its 30000 gas"):
        deployer.send(dollar, DOLLAR.encode("mint", CAROL, 5), gas=30_000)


def test_send_many__three_hundred__arrive_in_order_and_once(anvil: Anvil, deployer: KeySender) -> None:
    dollar = new_dollar(deployer)
    calls = [Call(dollar, DOLLAR.encode("mint", CAROL, amount), gas=100_000) for amount in range(1, 301)]
    receipts = deployer.send_many(calls)
    assert balance(deployer, dollar, CAROL) == 300 * 301 // 2
    assert [int(receipt.logs[0]["data"], 16) for receipt in receipts] == list(range(1, 301))
    assert anvil.node.nonce(deployer.address) == 301


def test_send_many__some_without_gas__are_estimated(deployer: KeySender) -> None:
    dollar = new_dollar(deployer)
    data = DOLLAR.encode("mint", CAROL, 1)
    receipts = deployer.send_many([Call(dollar, data), Call(dollar, data, gas=200_000), Call(dollar, data)])
    assert all(receipt.ok for receipt in receipts)
    assert balance(deployer, dollar, CAROL) == 3


def test_send_many__one_fails__raises_it_after_the_others_went_out(deployer: KeySender) -> None:
    dollar = new_dollar(deployer)
    mint = Call(dollar, DOLLAR.encode("mint", CAROL, 1), gas=100_000)
    bad = Call(dollar, DOLLAR.encode("transfer", CAROL, 5), gas=100_000)
    with pytest.raises(ContractRefused, match="base units of the currency"):
        deployer.send_many([mint, bad, mint])
    assert balance(deployer, dollar, CAROL) == 2


def test_send__from_many_threads__nonces_never_clash(deployer: KeySender) -> None:
    dollar = new_dollar(deployer)
    data = DOLLAR.encode("mint", CAROL, 1)
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: deployer.send(dollar, data, gas=100_000), range(40)))
    assert len({receipt.transaction for receipt in receipts}) == 40
    assert balance(deployer, dollar, CAROL) == 40


def test_send__nonce_used_elsewhere_meanwhile__goes_on_from_the_chain(anvil: Anvil) -> None:
    first, second = (KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[1])) for _ in range(2))
    first.send(CAROL, b"", 1)
    second.send(CAROL, b"", 1)
    first.send(CAROL, b"", 1)
    assert anvil.node.balance(CAROL) == 3


def test_send__after_a_broadcast_that_failed__is_not_stuck(anvil: Anvil) -> None:
    poor = KeySender(anvil.node, KeySigner.from_hex("0x" + "07" * 32))
    anvil.set_balance(poor.address, 10**15)
    with pytest.raises((NodeRefused, ContractRefused)):
        poor.send(CAROL, b"", 10**18, gas=21_000)
    assert poor.send(CAROL, b"", 5).ok


def test_wait__nothing_is_mined__gives_up_with_the_hash(anvil: Anvil) -> None:
    ticks = iter(range(0, 10_000, 60))
    sender = KeySender(
        anvil.node,
        KeySigner.from_hex(DEV_KEYS[2]),
        clock=lambda: float(next(ticks)),
        sleep=lambda _: None,
    )
    anvil.node.request("evm_setAutomine", [False])
    try:
        with pytest.raises(TransactionFailed, match=r"0x[0-9a-f]{64} was not mined within 180 s"):
            sender.send(CAROL, b"", 5)
    finally:
        anvil.node.request("evm_setAutomine", [True])


def test_post_many__node_that_mines_when_told__lands_in_one_block_of_that_second(
    anvil: Anvil, deployer: KeySender
) -> None:
    dollar = new_dollar(deployer)
    calls = [Call(dollar, DOLLAR.encode("mint", CAROL, amount), gas=100_000) for amount in (1, 2, 4)]
    second = deployer.node.timestamp() + 86_400
    anvil.node.request("evm_setAutomine", [False])
    try:
        sent = deployer.post_many(calls)
        assert deployer.node.receipts([one.hash for one in sent]) == [None, None, None]
        anvil.node.request("evm_mine", [{"timestamp": second}])
        receipts = deployer.receipts_of(sent)
    finally:
        anvil.node.request("evm_setAutomine", [True])
    assert balance(deployer, dollar, CAROL) == 7
    assert len({receipt.block for receipt in receipts}) == 1
    assert deployer.node.timestamp() == second


def test_receipts_of__one_failed__raises_its_reason(deployer: KeySender) -> None:
    dollar = new_dollar(deployer)
    good = Call(dollar, DOLLAR.encode("mint", CAROL, 1), gas=100_000)
    sent = deployer.post_many([good, Call(dollar, DOLLAR.encode("transfer", CAROL, 5), gas=100_000)])
    with pytest.raises(ContractRefused) as caught:
        deployer.receipts_of(sent)
    assert caught.value.code == "ERC20InsufficientBalance"
    assert balance(deployer, dollar, CAROL) == 1


def test_send__alone_with_fees_of_its_own__asks_the_node_for_its_nonce_once(
    deployer: KeySender, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = deployer.node
    asked: list[str] = []
    request = node.request
    monkeypatch.setattr(
        node, "request", lambda method, params=(): asked.append(method) or request(method, params)
    )
    sender = KeySender(node, deployer.signer, fees=Fees(10**10, 10**9), alone=True)
    before = node.balance(CAROL)
    receipts = [sender.send(CAROL, b"", 1, 21_000) for _ in range(3)]
    assert asked.count("eth_getTransactionCount") == 1
    assert [receipt.ok for receipt in receipts] == [True] * 3
    assert node.balance(CAROL) == before + 3
    # 1 gwei of tip on the base fee of each block.
    assert all(10**9 <= receipt.gas_price <= 10**10 for receipt in receipts)
