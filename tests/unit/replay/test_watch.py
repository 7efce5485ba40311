"""What waiting decides, and how a post's calldata is read."""

import pytest

from tallystick.chain.contracts import load
from tallystick.protocol.figures import encode_figures
from tallystick.replay.watch import Move, Watch, figures_of_post, next_move


@pytest.mark.parametrize(
    ("unposted", "unpaid", "now", "ends", "idle", "can_jump", "move"),
    [
        (0, 0, 0, 0, 9.0, True, Move.DONE),
        (3, 5, 0, 0, 9.0, True, Move.BATCH_AGE),
        (3, 5, 0, 0, 0.1, True, Move.WAIT),  # posts are coming in
        (0, 5, 100, 200, 9.0, True, Move.WINDOW),
        (0, 5, 199, 200, 9.0, True, Move.WINDOW),
        (0, 5, 200, 200, 9.0, True, Move.WAIT),  # the relayer is settling
        (3, 5, 0, 0, 9.0, False, Move.WAIT),  # somebody's chain has its own time
        (0, 5, 100, 200, 9.0, False, Move.WAIT),
    ],
)
def test_next_move__situation__is_answered(unposted, unpaid, now, ends, idle, can_jump, move):
    assert next_move(unposted, unpaid, now, ends, idle, can_jump) is move


def test_figures_of_post__calldata__gives_agreements_and_units():
    figures = [(1 << 32 | 5, 10), (2 << 32 | 9, 2**70)]
    data = load("ReceiptLedger").encode(
        "post", (1, 99, 0, 1_700_000_000), encode_figures(figures), bytes(64), [b"\x01" * 65]
    )
    assert list(figures_of_post(data)) == figures


def test_figures_of_post__another_call__has_none():
    assert list(figures_of_post(load("ReceiptLedger").encode("retire", 5))) == []


def test_watch__posted_and_paid__counts_what_is_missing():
    watch = Watch(None, {1: (10, 100), 2: (20, 200)}, 0, unit_price=10_000_000)
    assert (watch.unposted, watch.unpaid) == (2, 2)
    watch.posted = {1: 10, 2: 19}  # an earlier figure of agreement 2
    watch.paid = {1: 100, 2: 190}
    assert (watch.unposted, watch.unpaid) == (1, 1)
    watch.posted[2], watch.paid[2] = 20, 200
    assert (watch.unposted, watch.unpaid) == (0, 0)


def test_watch__last_units_are_worth_less_than_a_micro__wait_for_nothing():
    """Units at 0.3 µ: 10 come to 3 µ, and so do 12; the relayer batches no figure that moves nothing."""
    watch = Watch(None, {1: (12, 3)}, 0, unit_price=300_000)
    watch.posted = {1: 9}  # 2 µ
    assert watch.unposted == 1
    watch.posted = {1: 10}
    assert watch.unposted == 0
