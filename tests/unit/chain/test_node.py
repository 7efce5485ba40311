"""The small JSON-RPC client, against a node that answers from a table."""

import pytest
from tests.unit.chain.fakes import FakeTransport, revert

from tallystick.chain.contracts import load
from tallystick.chain.errors import ContractRefused, NodeRefused, NodeUnreachable
from tallystick.chain.node import HttpTransport, Node, redacted

CAROL = "0x" + "33" * 20
RECEIPT: dict[str, object] = {
    "transactionHash": "0xaa",
    "blockNumber": "0x5",
    "status": "0x1",
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0x3b9aca00",
    "contractAddress": None,
    "logs": [],
}


def test_redacted__key_in_path_query_or_user__is_hidden() -> None:
    assert redacted("https://rpc.example/v3/SECRET") == "https://rpc.example/…"
    assert redacted("https://me:SECRET@rpc.example:8545/") == "https://rpc.example:8545"
    assert redacted("http://127.0.0.1:8545?key=SECRET") == "http://127.0.0.1:8545/…"


def test_transport__repr_and_errors__do_not_show_the_url() -> None:
    transport = HttpTransport("https://rpc.example/SECRET")
    assert "SECRET" not in repr(Node(transport))
    with pytest.raises(NodeUnreachable) as caught:
        HttpTransport("ftp://rpc.example/SECRET")
    assert "SECRET" not in str(caught.value)


def test_call__revert_with_data__is_explained() -> None:
    data = "0x" + (load("Staking").errors["Staking_ZeroAmount"].selector).hex()
    node = Node(FakeTransport({"eth_call": lambda *_: revert(data)}))
    with pytest.raises(ContractRefused) as caught:
        node.call(CAROL, b"")
    assert (caught.value.code, caught.value.message) == ("Staking_ZeroAmount", "The amount is zero.")


@pytest.mark.parametrize(
    "wrap", [lambda data: data, lambda data: {"data": data}, lambda data: {"result": data}]
)
def test_call__revert_data_wherever_clients_put_it__is_found(wrap: object) -> None:
    data = "0x" + (load("Staking").errors["Staking_ZeroAmount"].selector).hex()
    answer = Exception({"code": 3, "message": "execution reverted", "data": wrap(data)})  # type: ignore[operator]
    with pytest.raises(ContractRefused, match="amount is zero"):
        Node(FakeTransport({"eth_call": lambda *_: answer})).call(CAROL, b"")


def test_call__revert_without_data__is_a_refusal_too() -> None:
    node = Node(FakeTransport({"eth_call": lambda *_: revert(None)}))
    with pytest.raises(ContractRefused) as caught:
        node.call(CAROL, b"")
    assert caught.value.code == "reverted"


def test_request__other_error__is_the_nodes() -> None:
    node = Node(FakeTransport({"eth_foo": lambda: Exception({"code": -32601, "message": "no such method"})}))
    with pytest.raises(NodeRefused, match="fake node refused eth_foo: no such method") as caught:
        node.request("eth_foo")
    assert caught.value.number == -32601


def test_read__view_with_struct__gives_fields_by_name() -> None:
    words = [1_797_193_920, 0]
    answer = "0x" + "".join(f"{word:064x}" for word in words)
    transport = FakeTransport({"eth_call": lambda *_: answer})
    found = Node(transport).read(load("Staking"), CAROL, "keyValidity", 3, 0, CAROL)
    assert found == {"validFrom": 1_797_193_920, "revokedAt": 0}
    message, block = transport.asked[0][1]
    assert (message["to"], block) == (CAROL, "latest")
    assert message["data"].endswith("33" * 20)


def test_chain_id__asked_twice__is_fetched_once() -> None:
    transport = FakeTransport({"eth_chainId": lambda: "0x7a69"})
    node = Node(transport)
    assert (node.chain_id(), node.chain_id(), transport.exchanges) == (31337, 31337, 1)


def test_receipts__some_missing__keep_their_places_in_one_exchange() -> None:
    transport = FakeTransport({"eth_getTransactionReceipt": lambda h: RECEIPT if h == "0xaa" else None})
    first, second = Node(transport).receipts(["0xbb", "0xaa"])
    assert first is None
    assert second is not None
    assert (second.block, second.ok, second.gas_used, second.gas_price) == (5, True, 21_000, 10**9)
    assert transport.exchanges == 1


def test_fees__base_of_10_and_tip_of_3__doubles_the_base() -> None:
    node = Node(
        FakeTransport(
            {
                "eth_getBlockByNumber": lambda *_: {"baseFeePerGas": "0xa"},
                "eth_maxPriorityFeePerGas": lambda: "0x3",
            }
        )
    )
    assert (node.fees().max_fee, node.fees().priority_fee) == (23, 3)


def test_block__unknown_number__is_refused() -> None:
    node = Node(FakeTransport({"eth_getBlockByNumber": lambda *_: None}))
    with pytest.raises(NodeRefused, match="no block 7"):
        node.timestamp(7)


def test_batch__empty__asks_nothing() -> None:
    transport = FakeTransport({})
    assert Node(transport).batch([]) == []
    assert transport.exchanges == 0


@pytest.mark.parametrize(
    "url", ["http://host:SECRET", "http://[::1/SECRET", "http://é☃.example/SECRET", "http:///SECRET"]
)
def test_http_transport__malformed_address__is_refused_in_a_sentence_without_it(url: str) -> None:
    with pytest.raises(NodeUnreachable) as problem:
        HttpTransport(url)
    assert "SECRET" not in str(problem.value)
    assert "no http or https address" in problem.value.message


def test_all_logs__node_that_takes_three_blocks_at_once__finds_each_once_in_order() -> None:
    def logs(filters: dict[str, str]) -> object:
        first, last = int(filters["fromBlock"], 16), int(filters["toBlock"], 16)
        if last - first >= 3:
            return Exception({"code": -32005, "message": "block range too wide"})
        return [{"blockNumber": hex(number)} for number in range(first, last + 1)]

    node = Node(FakeTransport({"eth_getLogs": logs, "eth_blockNumber": lambda: "0x1f"}))
    assert [int(log["blockNumber"], 16) for log in node.all_logs(CAROL, (), 5)] == list(range(5, 32))
    assert [int(log["blockNumber"], 16) for log in node.all_logs(CAROL, (), 7, 9)] == [7, 8, 9]


def test_all_logs__node_that_refuses_any__is_refused_and_not_asked_for_ever() -> None:
    transport = FakeTransport(
        {"eth_getLogs": lambda _: Exception({"code": -32601, "message": "no such method"})}
    )
    with pytest.raises(NodeRefused, match="no such method"):
        Node(transport).all_logs(CAROL, (), 0, (1 << 20) - 1)
    assert transport.exchanges == 21


@pytest.mark.parametrize(
    ("pending", "now"), [({"timestamp": "0x14"}, 20), ({"timestamp": "0x1"}, 10), (None, 10)]
)
def test_now__block_under_way__counts_when_it_is_known_and_later(pending: object, now: int) -> None:
    def block(tag: str, _: bool) -> object:
        return {"timestamp": "0xa"} if tag == "latest" else pending

    assert Node(FakeTransport({"eth_getBlockByNumber": block})).now() == now
