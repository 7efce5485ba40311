"""A sleepy dev node is helped along by small transfers, a node with a pace of its own is left alone."""

import pytest

from tallystick.chain.errors import NodeRefused
from tallystick.replay.clock import DevNodeClock, LiveClock, is_dev_node


class FakeNode:
    """A chain of `head` blocks of which all but `lag` are final; a transfer makes a block."""

    def __init__(self, head=100, lag=64, client="anvil/v1.7.1"):
        self.head, self.lag, self.client = head, lag, client

    def block_number(self):
        return self.head

    def block(self, tag):
        assert tag == "finalized"
        return {"number": hex(max(self.head - self.lag, 0))}

    def request(self, method):
        if self.client is None:
            raise NodeRefused("no such method")
        return self.client


class FakeSender:
    address = "0x" + "11" * 20

    def __init__(self, node):
        self.node, self.sent = node, 0

    def send_many(self, calls):
        assert all((call.to, call.value, call.data) == (self.address, 0, b"") for call in calls)
        self.sent += len(calls)
        self.node.head += len(calls)


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def sender(node):
    return FakeSender(node)


@pytest.fixture
def clock(node, sender, now):
    return DevNodeClock(node, sender, patience=2.0, every=1.0, burst=16, clock=lambda: now[0])


def test_tick__chain_moves_by_itself__sends_nothing(clock, node, sender, now):
    for _ in range(20):
        now[0] += 1.0
        node.head += 1
        clock.tick(final_up_to=10**9)
    assert sender.sent == 0


def test_tick__chain_stands_still__waits_out_its_patience_first(clock, sender, now):
    clock.tick(0)
    now[0] = 1.9
    clock.tick(0)
    assert sender.sent == 0
    now[0] = 2.0
    clock.tick(0)
    assert sender.sent == 1


def test_tick__nothing_waits_for_finality__sends_one_a_second(clock, sender, now):
    clock.tick(0)
    for tenth in range(20, 71):
        now[0] = tenth / 10
        clock.tick(0)
    assert sender.sent == 6


def test_tick__a_block_shall_become_final__hurries_until_it_is(clock, node, sender, now):
    clock.tick(100)
    now[0] = 2.0
    for _ in range(10):
        now[0] += 0.01
        clock.tick(100)
    # Block 100 is final when the head is at 164: four bursts of 16.
    assert sender.sent == 64
    assert node.head == 164


def test_tick__node_refuses__tries_again_later(clock, sender, now, monkeypatch):
    def refuse(calls):
        raise NodeRefused("nonce too low")

    clock.tick(0)
    now[0] = 3.0
    with monkeypatch.context() as patch:
        patch.setattr(sender, "send_many", refuse)
        clock.tick(0)
    clock.tick(0)
    assert sender.sent == 1


@pytest.mark.parametrize(
    ("client", "dev"),
    [("anvil/v1.7.1", True), ("HardhatNetwork/2.22", True), ("Geth/v1.16", False), (None, False)],
)
def test_is_dev_node__by_its_own_words(client, dev):
    assert is_dev_node(FakeNode(client=client)) is dev


def test_live_clock__anything__touches_nothing():
    clock = LiveClock()
    clock.tick(5)
    clock.jump(10**10)
    assert clock.can_jump is False
