"""Pins what the node does that the relayer relies on. When one of these fails, the node has changed, not we."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tallystick.chain.anvil import DEV_KEYS, Anvil
from tallystick.chain.errors import NodeRefused
from tallystick.chain.rpc import RpcPool, SendOutcome
from tallystick.chain.signers import KeySigner, SignedTransaction

pytestmark = pytest.mark.node

GWEI = 10**9
SIGNER = KeySigner.from_hex(DEV_KEYS[0])


def signed(
    nonce: int, max_fee: int = 10 * GWEI, tip: int = GWEI, signer: KeySigner = SIGNER, **other: int
) -> SignedTransaction:
    fields = {
        "chainId": 31337, "nonce": nonce, "to": "0x" + "11" * 20, "value": 0, "data": b"\x01", "gas": 50_000,
        "maxFeePerGas": max_fee, "maxPriorityFeePerGas": tip, **other,
    }  # fmt: skip
    return signer.sign_transaction(fields)


@pytest.fixture(scope="module")
def running() -> Iterator[Anvil]:
    with Anvil() as anvil:
        anvil.node.request("evm_setAutomine", [False])
        yield anvil


@pytest.fixture
def anvil(running: Anvil) -> Iterator[Anvil]:
    snapshot = running.snapshot()
    yield running
    running.revert(snapshot)
    running.node.request("anvil_dropAllTransactions")


@pytest.fixture
def pool(anvil: Anvil) -> Iterator[RpcPool]:
    pool = RpcPool.connect([anvil.url])
    yield pool
    pool.close()


def outcome(pool: RpcPool, transaction: SignedTransaction) -> SendOutcome:
    return pool.send_raw(transaction.raw)[0].outcome


def test_send__same_bytes_again__already_known(pool: RpcPool) -> None:
    assert outcome(pool, signed(0)) is SendOutcome.ACCEPTED
    assert outcome(pool, signed(0)) is SendOutcome.ALREADY_KNOWN


def test_send__same_nonce_without_a_higher_max_fee__underpriced(pool: RpcPool) -> None:
    outcome(pool, signed(0))
    assert outcome(pool, signed(0, tip=2 * GWEI)) is SendOutcome.UNDERPRICED
    assert outcome(pool, signed(0, max_fee=9 * GWEI)) is SendOutcome.UNDERPRICED


def test_send__ten_percent_more__replaces(pool: RpcPool, anvil: Anvil) -> None:
    old, new = signed(0), signed(0, max_fee=11 * GWEI, tip=11 * GWEI // 10)
    outcome(pool, old)
    assert outcome(pool, new) is SendOutcome.ACCEPTED
    anvil.mine()
    assert anvil.node.receipt(old.hash) is None
    assert anvil.node.receipt(new.hash) is not None


def test_send__nonce_is_used__too_low_even_for_the_very_same_bytes(pool: RpcPool, anvil: Anvil) -> None:
    outcome(pool, signed(0))
    anvil.mine()
    assert outcome(pool, signed(0)) is SendOutcome.NONCE_TOO_LOW
    assert outcome(pool, signed(0, max_fee=20 * GWEI)) is SendOutcome.NONCE_TOO_LOW


def test_send__nonce_ahead__is_taken_and_waits(pool: RpcPool, anvil: Anvil) -> None:
    ahead = signed(1)
    assert outcome(pool, ahead) is SendOutcome.ACCEPTED
    anvil.mine()
    assert anvil.node.receipt(ahead.hash) is None
    outcome(pool, signed(0))
    anvil.mine()
    assert anvil.node.receipt(ahead.hash) is not None


def test_send__below_the_base_fee__is_said(pool: RpcPool) -> None:
    assert outcome(pool, signed(0, max_fee=1, tip=1)) is SendOutcome.FEE_TOO_LOW


def test_send__empty_purse__is_said(pool: RpcPool) -> None:
    poor = KeySigner.from_hex("22" * 32)
    assert outcome(pool, signed(0, signer=poor)) is SendOutcome.NO_FUNDS


@pytest.mark.parametrize("other", [{"gas": 100}, {"gas": 40_000_000}, {"chainId": 1}])
def test_send__can_never_be_mined__is_refused(pool: RpcPool, other: dict[str, int]) -> None:
    assert outcome(pool, signed(0, **other)) is SendOutcome.REFUSED


def test_receipt__after_a_reorg__is_gone_and_the_bytes_are_taken_again(pool: RpcPool, anvil: Anvil) -> None:
    transaction = signed(0)
    outcome(pool, transaction)
    anvil.mine(2)
    before = anvil.node.receipt(transaction.hash)
    assert before is not None
    hash_before = pool.head(before.block).hash
    anvil.reorg(2)
    assert anvil.node.receipt(transaction.hash) is None
    assert anvil.node.nonce(SIGNER.address, "latest") == 0
    assert pool.head(before.block).hash != hash_before
    assert outcome(pool, transaction) in (SendOutcome.ACCEPTED, SendOutcome.ALREADY_KNOWN)
    anvil.mine()
    assert anvil.node.receipt(transaction.hash) is not None


def test_finalized__one_slot_an_epoch__two_blocks_behind(pool: RpcPool, anvil: Anvil) -> None:
    anvil.mine(5)
    latest = pool.head().number
    assert pool.head("safe").number == latest - 1
    assert pool.head("finalized").number == latest - 2


def test_finalized__default_epoch__sixty_four_blocks_behind() -> None:
    with Anvil(slots_in_an_epoch=32) as anvil:
        pool = RpcPool.connect([anvil.url])
        assert pool.head("finalized").number == 0
        anvil.mine(100)
        assert (pool.head("safe").number, pool.head("finalized").number) == (68, 36)
        pool.close()


def test_transaction_count__finalized__counts_final_blocks_only(pool: RpcPool, anvil: Anvil) -> None:
    outcome(pool, signed(0))
    anvil.mine()
    assert anvil.node.nonce(SIGNER.address, "latest") == 1
    assert anvil.node.nonce(SIGNER.address, "finalized") == 0
    anvil.mine(2)
    assert anvil.node.nonce(SIGNER.address, "finalized") == 1


def test_block__unknown_number__is_refused(pool: RpcPool) -> None:
    with pytest.raises(NodeRefused):
        pool.head(10**6)


def test_revert__base_fee_of_the_next_block__is_not_reverted(anvil: Anvil, pool: RpcPool) -> None:
    snapshot = anvil.snapshot()
    anvil.node.request("anvil_setNextBlockBaseFeePerGas", [hex(7 * GWEI)])
    anvil.revert(snapshot)
    anvil.mine()
    assert pool.head().base_fee == 7 * GWEI
