"""The transaction engine over a chain in memory: what is asked for once is mined once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.support.fake_chain import FakeChain, FakeEndpoint, Sent

from tallystick.chain.engine import EngineLimits, Intent, NotListed, TransactionEngine
from tallystick.chain.errors import NodeUnreachable
from tallystick.chain.fees import FeeLimits
from tallystick.chain.rpc import RpcPool
from tallystick.chain.signers import KeySigner
from tallystick.protocol.keys import PrivateKey
from tallystick.store.database import Database
from tallystick.store.tables import transactions
from tallystick.store.transactions import SqlTransactionStore, add_intent, transaction_by_key

TARGET = bytes(19) + b"\x07"
POST = b"\x01\x02\x03\x04"
LIMITS = EngineLimits(FeeLimits(cap=20 * 10**9, seconds=24, blocks=2))


class Bench:
    """An engine, its database and its chain."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chain = FakeChain()
        self.first = FakeEndpoint(self.chain, "http://first")
        self.second = FakeEndpoint(self.chain, "http://second")
        self.signer = KeySigner(PrivateKey.from_seed("bench", "sender"))
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.limits = LIMITS
        self.database = Database.open(path)
        self.start()

    def start(self) -> None:
        """As a new process would."""
        self.pool = RpcPool([self.first, self.second], self.chain.chain_id)
        self.store = SqlTransactionStore(self.database, self.signer.key.address)
        self.engine = TransactionEngine(
            self.pool, self.signer, self.store, frozenset({(TARGET, POST)}),
            limits=self.limits, notice=lambda event, **details: self.told.append((event, details)),
        )  # fmt: skip

    def ask(self, key: str = "post:1:0", data: bytes = POST, gas_limit: int | None = None) -> None:
        with self.database.write() as connection:
            add_intent(connection, self.signer.key.address, Intent(key, "post", TARGET, data, gas_limit), 5)

    def step(self) -> None:
        self.engine.step(self.pool.head())

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.chain.mine(self.first.sent)

    def get(self, key: str = "post:1:0") -> Any:
        with self.database.read() as connection:
            return transaction_by_key(connection, key)

    def states(self) -> dict[str, int]:
        with self.database.read() as connection:
            return dict(Counter(connection.execute(select(transactions.c.state)).scalars()))

    def events(self) -> list[str]:
        return [event for event, _ in self.told]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bench.sqlite3")
    yield bench
    bench.database.close()


def test_step__asked__signed_sent_to_all_mined_and_final(bench: Bench) -> None:
    bench.ask()
    bench.step()
    found = bench.get()
    assert (found.state, found.nonce) == ("sent", 0)
    assert bench.first.hashes == bench.second.hashes == [found.attempts[0].hash]
    assert found.attempts[0].sent_at == bench.chain.head.timestamp
    # estimate 100 000, a fifth and 10 000 more
    assert found.gas_limit == bench.first.sent[0].gas == 130_000
    bench.mine()
    bench.step()
    assert bench.get().state == "mined"
    bench.mine(2)
    bench.step()
    found = bench.get()
    assert found.state == "final"
    assert found.receipt["gasUsed"] == 90_000
    assert found.receipt["timestamp"] == bench.chain.blocks[1].timestamp
    assert bench.events() == ["transaction_signed", "transaction_mined", "transaction_final"]
    assert len(bench.chain.blocks[1].transactions) == 1


def test_step__same_key_twice__is_one_transaction(bench: Bench) -> None:
    bench.ask()
    bench.ask(data=POST + b"other")
    bench.step()
    bench.mine()
    bench.step()
    assert len(bench.first.sent) == 1
    assert bench.first.sent[0].data == POST


def test_step__several_asked__nonces_rise_in_the_order_of_asking(bench: Bench) -> None:
    for number in range(3):
        bench.ask(f"post:{number}:0")
    bench.step()
    assert [bench.get(f"post:{number}:0").nonce for number in range(3)] == [0, 1, 2]


def test_step__more_than_may_be_in_flight__the_rest_waits(bench: Bench) -> None:
    bench.limits = EngineLimits(LIMITS.fees, in_flight=2)
    bench.start()
    for number in range(3):
        bench.ask(f"post:{number}:0")
    bench.step()
    assert [bench.get(f"post:{number}:0").state for number in range(3)] == ["sent", "sent", "queued"]
    bench.mine()
    bench.step()
    assert bench.get("post:2:0").nonce == 2


def test_step__node_lost_the_answer_but_took_it__same_bytes_and_one_nonce(bench: Bench) -> None:
    bench.ask()
    bench.first.answers["eth_sendRawTransaction"] = {"error": {"code": -32000, "message": "timeout"}}
    bench.second.send_error = {"code": -32000, "message": "timeout"}
    bench.step()
    assert bench.get().state == "sent"
    assert bench.get().attempts[0].sent_at is None
    bench.start()
    bench.first.answers.clear()
    bench.second.send_error = None
    bench.step()
    assert len(bench.get().attempts) == 1
    assert bench.first.hashes == [bench.get().attempts[0].hash]


def test_step__restarted_before_it_was_mined__sends_the_stored_bytes_again(bench: Bench) -> None:
    bench.ask()
    bench.step()
    before = bench.get().attempts
    bench.first.sent.clear()
    bench.second.sent.clear()
    bench.start()
    bench.step()
    assert bench.first.hashes == [before[0].hash]
    assert [one.raw for one in bench.get().attempts] == [one.raw for one in before]


def test_step__every_new_block__broadcasts_again_once(bench: Bench) -> None:
    bench.limits = EngineLimits(FeeLimits(cap=20 * 10**9, seconds=10**6))
    bench.start()
    bench.ask()
    bench.step()
    bench.step()
    assert bench.first.asked.count("eth_sendRawTransaction") == 1
    for blocks in range(2, 5):
        bench.chain.mine()
        bench.step()
        bench.step()
        assert bench.first.asked.count("eth_sendRawTransaction") == blocks
    assert bench.get().state == "sent"


@pytest.mark.parametrize(
    ("cap", "limit"),
    [
        (6 * 10**9, 6 * 10**9),  # the absolute cap
        (20 * 10**9, 9 * 10**9),  # three times the market: 2 x 1 gwei of base fee and 1 gwei of tip
    ],
)
def test_step__not_mined__replaced_by_ten_percent_up_to_a_limit_and_then_sent_again(
    bench: Bench, cap: int, limit: int
) -> None:
    bench.limits = EngineLimits(FeeLimits(cap=cap, seconds=24, blocks=2))
    bench.start()
    bench.ask()
    bench.step()
    for _ in range(60):
        bench.chain.mine()
        bench.step()
    tries = bench.get().attempts
    assert len(tries) > 5
    for before, after in pairwise(tries):
        assert after.nonce == before.nonce == 0
        assert after.fees.max_fee * 10 >= before.fees.max_fee * 11
        assert after.fees.priority_fee * 10 >= before.fees.priority_fee * 11
        assert after.created_at - before.created_at >= 24
        assert after.block - before.block >= 2
    assert limit * 10 < tries[-1].fees.max_fee * 11 <= limit * 11, "it went too far, or not far enough"
    count = bench.first.asked.count("eth_sendRawTransaction")
    bench.chain.mine()
    bench.step()
    assert bench.first.asked.count("eth_sendRawTransaction") == count + 1, "it was given up"
    bench.mine(3)
    bench.step()
    assert bench.get().state == "final"


def test_step__an_older_attempt_is_mined__counts_as_the_transaction(bench: Bench) -> None:
    bench.ask()
    bench.step()
    first = bench.first.sent[0]
    bench.chain.mine()
    bench.chain.mine()
    bench.step()
    assert len(bench.get().attempts) == 2
    bench.chain.mine([first])
    bench.step()
    assert bench.get().state == "mined"
    assert bench.get().receipt["hash"] == "0x" + first.hash.hex()


def test_step__reorg__back_to_sent_and_the_same_bytes_again(bench: Bench) -> None:
    bench.ask()
    bench.step()
    bench.mine()
    bench.step()
    bench.chain.reorg(1)
    bench.first.sent.clear()
    bench.step()
    found = bench.get()
    assert (found.state, found.receipt) == ("sent", None)
    assert bench.first.hashes == [found.attempts[0].hash]
    assert len(found.attempts) == 1
    bench.mine(3)
    bench.step()
    assert bench.get().state == "final"
    assert "transaction_reorged" in bench.events()


def test_step__mined_into_another_block_by_a_reorg__the_new_block_counts(bench: Bench) -> None:
    bench.ask()
    bench.step()
    sent = list(bench.first.sent)
    bench.mine()
    bench.step()
    before = bench.get().receipt["blockHash"]
    bench.chain.reorg(1)
    bench.chain.blocks.pop()
    bench.chain.mine(sent)
    bench.step()
    found = bench.get()
    assert found.state == "mined"
    assert found.receipt["blockHash"] != before


def test_step__deep_but_not_finalized__is_not_final(bench: Bench) -> None:
    bench.chain.finality = 50
    bench.ask()
    bench.step()
    bench.mine(20)
    bench.step()
    assert bench.get().state == "mined"


def test_step__finalized_but_not_deep_enough__is_not_final(bench: Bench) -> None:
    bench.chain.finality = 0
    bench.limits = EngineLimits(LIMITS.fees, confirmations=5)
    bench.start()
    bench.ask()
    bench.step()
    bench.mine(4)
    bench.step()
    assert bench.get().state == "mined"
    bench.mine()
    bench.step()
    assert bench.get().state == "final"


def test_step__mined_but_failed__reverted_with_its_reason_and_never_silent(bench: Bench) -> None:
    bench.chain.fails = lambda sent: True
    bench.ask()
    bench.step()
    bench.mine()
    bench.step()
    assert bench.get().state == "mined"
    text = b"why not".hex()
    bench.chain.reverts = lambda data: bytes.fromhex(
        "08c379a0" + f"{32:064x}" + f"{7:064x}" + text.ljust(64, "0")
    )
    bench.mine(2)
    bench.step()
    found = bench.get()
    assert found.state == "reverted"
    assert "why not" in found.problem
    assert bench.events()[-1] == "transaction_reverted"


def test_step__simulation_fails__refused_without_a_nonce_or_a_signature(bench: Bench) -> None:
    bench.chain.reverts = lambda data: b""
    bench.ask()
    bench.step()
    found = bench.get()
    assert (found.state, found.nonce, found.attempts) == ("refused", None, ())
    assert bench.first.sent == []
    bench.chain.reverts = lambda data: None
    bench.ask("post:1:1")
    bench.step()
    assert bench.get("post:1:1").nonce == 0


@pytest.mark.parametrize("data", [b"\xde\xad\xbe\xef", b"", POST[:3]])
def test_step__selector_is_not_listed__never_signed(bench: Bench, data: bytes) -> None:
    bench.ask(data=data, gas_limit=50_000)
    bench.step()
    assert bench.get().state == "refused"
    assert "not_listed" in bench.get().problem
    assert bench.first.sent == []


def test_check__another_target__is_refused(bench: Bench) -> None:
    bench.engine.check(TARGET, POST + b"anything")
    with pytest.raises(NotListed):
        bench.engine.check(bytes(20), POST)


def test_step__stranger_took_the_nonce_for_good__another_one_is_signed(bench: Bench) -> None:
    bench.ask()
    bench.first.drops_sends = bench.second.drops_sends = True
    bench.step()
    stranger = KeySigner(PrivateKey.from_seed("bench", "stranger")).sign_transaction(
        {
            "chainId": bench.chain.chain_id, "nonce": 0, "to": "0x" + "11" * 20, "value": 0, "data": b"",
            "gas": 21_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1,
        }
    )  # fmt: skip
    bench.chain.mine([Sent.decode(stranger.raw)])
    bench.step()
    assert bench.get().nonce == 0, "not final yet: a reorg could give the nonce back"
    bench.chain.mine()
    bench.chain.mine()
    bench.first.drops_sends = bench.second.drops_sends = False
    bench.step()
    bench.step()
    found = bench.get()
    assert (found.state, found.nonce) == ("sent", 1)
    assert "nonce_lost" in bench.events()
    bench.mine(3)
    bench.step()
    assert bench.get().state == "final"


def test_step__chain_is_ahead_of_the_database__takes_the_chains_nonce(bench: Bench) -> None:
    bench.ask("old:1:0")
    bench.step()
    bench.mine(3)
    bench.step()
    other = Bench(bench.path.with_name("fresh.sqlite3"))
    other.chain = bench.chain
    other.first, other.second = FakeEndpoint(bench.chain), FakeEndpoint(bench.chain)
    other.start()
    other.ask()
    other.step()
    assert other.get().nonce == 1
    other.database.close()


def test_step__one_endpoint_is_down__the_other_carries_on(bench: Bench) -> None:
    bench.first.down = True
    bench.ask()
    bench.step()
    assert bench.first.sent == []
    assert bench.second.hashes == [bench.get().attempts[0].hash]


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("replacement transaction underpriced", "underpriced"),
        ("insufficient funds for gas * price + value", "no_funds"),
        ("the moon is full", "refused"),
    ],
)
def test_step__nobody_takes_it__people_read_why_and_it_is_kept(bench: Bench, message: str, word: str) -> None:
    bench.first.send_error = bench.second.send_error = {"code": -32000, "message": message}
    bench.ask()
    bench.step()
    found = bench.get()
    assert found.state == "sent"
    assert word in found.problem
    assert message in found.problem
    bench.first.send_error = bench.second.send_error = None
    bench.chain.mine()
    bench.step()
    assert bench.first.hashes == [found.attempts[0].hash]


def test_step__same_head__asks_for_no_receipts_again(bench: Bench) -> None:
    bench.ask()
    bench.step()
    bench.step()
    before = bench.first.asked.count("eth_getTransactionReceipt")
    bench.step()
    bench.step()
    assert bench.first.asked.count("eth_getTransactionReceipt") == before
    bench.mine()
    bench.step()
    assert bench.get().state == "mined"


def test_step__no_node_answered_the_send__tried_again_without_waiting_for_a_block(bench: Bench) -> None:
    """On a chain that mines on demand there is no next block unless the transaction arrives."""
    bench.ask()
    bench.first.down = True
    bench.pool.check()
    real = bench.second.exchange

    def silent(requests: Any) -> Any:
        if requests[0][0] == "eth_sendRawTransaction":
            raise NodeUnreachable("no answer")
        return real(requests)

    bench.second.exchange = silent  # type: ignore[method-assign]
    bench.step()
    assert bench.get().state == "sent"
    bench.second.exchange = real  # type: ignore[method-assign]
    bench.step()
    assert bench.second.hashes == [bench.get().attempts[0].hash]


def test_step__finality_is_far_behind__asks_in_batches_that_nodes_take(bench: Bench) -> None:
    """Many are mined but not final; nodes refuse long batches (here: above 100 requests) as a whole."""
    bench.chain.finality = 1_000
    longest: list[int] = []

    def bounded(endpoint: FakeEndpoint) -> None:
        inner = endpoint.exchange

        def exchange(requests: Any) -> Any:
            longest.append(len(requests))
            if len(requests) > 100:
                raise NodeUnreachable("did not answer every request of a batch")
            return inner(requests)

        endpoint.exchange = exchange  # type: ignore[method-assign]

    bounded(bench.first)
    bounded(bench.second)
    for number in range(104):
        bench.ask(f"post:{number}:0")
    for _ in range(13):
        bench.step()
        bench.mine()
    bench.step()
    assert bench.states() == {"mined": 104}
    bench.chain.finality = 0
    bench.mine()
    bench.step()
    assert bench.states() == {"final": 104}
    assert max(longest) <= 100


def test_step__node_refuses_to_estimate_one__the_others_go_on_and_it_is_tried_again(bench: Bench) -> None:
    for endpoint in (bench.first, bench.second):
        answer = endpoint._answer

        def picky(method: str, params: Any, answer: Any = answer) -> Any:
            if method == "eth_estimateGas" and params[0]["data"].endswith("ff") and picky_about:
                return {"error": {"code": -32000, "message": "gas required exceeds allowance (30000000)"}}
            return answer(method, params)

        endpoint._answer = picky  # type: ignore[method-assign]
    picky_about = [True]
    bench.ask("post:1:0", POST + b"\xff")
    bench.ask("post:2:0", POST + b"\x01")
    bench.step()
    assert (bench.get("post:1:0").state, bench.get("post:2:0").state) == ("queued", "sent")
    assert "gas required exceeds allowance" in bench.get("post:1:0").problem
    assert bench.events().count("transaction_not_taken") == 1
    bench.step()
    assert bench.events().count("transaction_not_taken") == 1, "told once"
    picky_about.clear()
    bench.mine()
    bench.step()
    assert (bench.get("post:1:0").state, bench.get("post:2:0").state) == ("sent", "mined")
