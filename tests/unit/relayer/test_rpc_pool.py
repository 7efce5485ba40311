"""The pool of endpoints: reads fail over, sends go to all, wrong chains are never listened to."""

from __future__ import annotations

import pytest
from tests.support.fake_chain import FakeChain, FakeEndpoint

from tallystick.chain.errors import ContractRefused, NodeRefused, NodeUnreachable
from tallystick.chain.rpc import COOL_DOWN, RpcPool, SendOutcome, WrongChain, classify_send_error


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
def pair(chain: FakeChain) -> tuple[FakeEndpoint, FakeEndpoint]:
    return FakeEndpoint(chain, "http://one"), FakeEndpoint(chain, "http://two")


def reads(endpoint: FakeEndpoint) -> int:
    return endpoint.asked.count("eth_getBlockByNumber")


def test_head__first_is_down__the_second_answers_and_is_asked_first_from_then_on(
    pair: tuple[FakeEndpoint, FakeEndpoint], chain: FakeChain
) -> None:
    one, two = pair
    one.down = True
    pool = RpcPool(pair, 31337)
    assert pool.head().number == 0
    one.down = False
    chain.mine()
    assert pool.head().timestamp == 1_000_012
    assert (reads(one), reads(two)) == (0, 2)


def test_head__all_are_down__says_so(pair: tuple[FakeEndpoint, FakeEndpoint]) -> None:
    for endpoint in pair:
        endpoint.down = True
    with pytest.raises(NodeUnreachable):
        RpcPool(pair, 31337).head()


def test_head__one_is_of_another_chain__is_never_listened_to(
    pair: tuple[FakeEndpoint, FakeEndpoint], chain: FakeChain
) -> None:
    foreign = FakeEndpoint(FakeChain(chain_id=1), "http://foreign")
    foreign.chain.mine()
    pool = RpcPool([foreign, pair[0]], 31337)
    assert pool.head().number == 0
    assert reads(foreign) == 0
    with pytest.raises(WrongChain):
        pool.check()
    with pytest.raises(WrongChain):
        RpcPool([foreign], 31337).head()


def test_check__an_endpoint_changes_its_chain_after_a_failure__is_noticed(
    pair: tuple[FakeEndpoint, FakeEndpoint],
) -> None:
    one, _ = pair
    pool = RpcPool([one], 31337)
    pool.head()
    one.down = True
    with pytest.raises(NodeUnreachable):
        pool.head()
    one.down = False
    one.chain.chain_id = 5
    with pytest.raises(WrongChain):
        pool.head()


def test_check__one_is_silent__is_named_without_secrets(chain: FakeChain) -> None:
    silent = FakeEndpoint(chain, "http://silent")
    silent.down = True
    assert RpcPool([silent, FakeEndpoint(chain)], 31337).check() == ["http://silent"]


@pytest.mark.parametrize("answer", [{"jsonrpc": "2.0"}, [], "x", 7])
def test_head__half_an_answer__counts_as_none(
    pair: tuple[FakeEndpoint, FakeEndpoint], answer: object
) -> None:
    one, two = pair
    one.answers["eth_getBlockByNumber"] = answer or "nothing"
    assert RpcPool(pair, 31337).head().number == 0
    assert reads(two) == 1


def test_request__over_its_limit__the_next_is_asked_and_the_last_word_counts(
    pair: tuple[FakeEndpoint, FakeEndpoint],
) -> None:
    one, two = pair
    one.answers["eth_getBlockByNumber"] = {"error": {"code": -32005, "message": "limit exceeded"}}
    pool = RpcPool(pair, 31337)
    assert pool.head().number == 0
    two.answers["eth_getBlockByNumber"] = one.answers["eth_getBlockByNumber"]
    with pytest.raises(NodeRefused, match="limit exceeded"):
        pool.head()


def test_call__contract_reverts__is_an_answer_and_no_reason_to_ask_others(
    pair: tuple[FakeEndpoint, FakeEndpoint], chain: FakeChain
) -> None:
    chain.reverts = lambda data: b""
    with pytest.raises(ContractRefused):
        RpcPool(pair, 31337).node.call("0x" + "11" * 20, b"")
    assert pair[1].asked == []


def test_exchange__a_send__is_not_let_through_as_a_read(pair: tuple[FakeEndpoint, FakeEndpoint]) -> None:
    with pytest.raises(ValueError, match="send_raw"):
        RpcPool(pair, 31337).exchange([("eth_sendRawTransaction", ["0x02"])])


def raw_transaction() -> bytes:
    from tallystick.chain.signers import KeySigner
    from tallystick.protocol.keys import PrivateKey

    return (
        KeySigner(PrivateKey.from_seed("pool", "sender"))
        .sign_transaction(
            {
                "chainId": 31337, "nonce": 0, "to": "0x" + "11" * 20, "value": 0, "data": b"", "gas": 21_000,
                "maxFeePerGas": 10, "maxPriorityFeePerGas": 1,
            }
        )
        .raw
    )  # fmt: skip


def test_send_raw__several_endpoints__each_gets_it_once(pair: tuple[FakeEndpoint, FakeEndpoint]) -> None:
    pool = RpcPool(pair, 31337)
    raw = raw_transaction()
    assert [answer.outcome for answer in pool.send_raw(raw)] == [SendOutcome.ACCEPTED] * 2
    assert [answer.outcome for answer in pool.send_raw(raw)] == [SendOutcome.ALREADY_KNOWN] * 2
    assert [endpoint.asked.count("eth_sendRawTransaction") for endpoint in pair] == [2, 2]


def test_send_raw__no_answer__is_unknown_and_not_tried_again_by_itself(
    pair: tuple[FakeEndpoint, FakeEndpoint],
) -> None:
    clock = Clock()
    pool = RpcPool(pair, 31337, clock)
    pool.check()
    pair[0].down = True
    answers = pool.send_raw(raw_transaction())
    assert [answer.outcome for answer in answers] == [SendOutcome.UNKNOWN, SendOutcome.ACCEPTED]
    assert [answer.arrived for answer in answers] == [False, True]
    assert pair[0].asked.count("eth_sendRawTransaction") == 1
    assert len(pool.send_raw(raw_transaction())) == 1, "it was just silent: it is spared for a while"
    clock.now += COOL_DOWN
    assert len(pool.send_raw(raw_transaction())) == 2


def test_send_raw__wrong_chain__does_not_get_it(chain: FakeChain) -> None:
    foreign = FakeEndpoint(FakeChain(chain_id=1))
    pool = RpcPool([foreign, FakeEndpoint(chain)], 31337)
    assert [answer.outcome for answer in pool.send_raw(raw_transaction())] == [
        SendOutcome.REFUSED,
        SendOutcome.ACCEPTED,
    ]
    assert foreign.sent == []


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("already known", SendOutcome.ALREADY_KNOWN),  # geth, erigon
        ("AlreadyKnown", SendOutcome.ALREADY_KNOWN),  # nethermind
        ("transaction already imported", SendOutcome.ALREADY_KNOWN),  # Anvil
        ("Known transaction", SendOutcome.ALREADY_KNOWN),  # besu
        ("nonce too low: next nonce 4, tx nonce 3", SendOutcome.NONCE_TOO_LOW),
        ("OldNonce, Current nonce: 7, nonce of rejected tx: 5", SendOutcome.NONCE_TOO_LOW),
        ("Nonce too low", SendOutcome.NONCE_TOO_LOW),
        ("replacement transaction underpriced", SendOutcome.UNDERPRICED),
        ("ReplacementNotAllowed", SendOutcome.UNDERPRICED),
        ("transaction underpriced: gas tip cap 0, minimum needed 1", SendOutcome.FEE_TOO_LOW),
        ("max fee per gas less than block base fee: address 0x…", SendOutcome.FEE_TOO_LOW),
        ("insufficient funds for gas * price + value: balance 0", SendOutcome.NO_FUNDS),
        ("Insufficient funds for gas * price + value.", SendOutcome.NO_FUNDS),
        ("intrinsic gas too low", SendOutcome.REFUSED),
        ("invalid chain id for signer", SendOutcome.REFUSED),
    ],
)
def test_classify_send_error__words_of_nodes__mean_what_they_mean(message: str, outcome: SendOutcome) -> None:
    assert classify_send_error(message) is outcome
