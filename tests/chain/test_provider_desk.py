"""A provider's whole life on a real node: registered, staked, paid, claimed, thawed, withdrawn."""

from dataclasses import replace

import pytest

from tallystick.chain import provider_ops as ops
from tallystick.chain.anvil import DEV_KEYS, Anvil
from tallystick.chain.contracts import load
from tallystick.chain.deployer import Outcome
from tallystick.chain.errors import ContractRefused, OperatorRefusal
from tallystick.chain.provider_desk import ProviderDesk, send_all
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol import constants
from tallystick.protocol.eip712 import Terms, digest, escrow_domain
from tallystick.protocol.enums import HardwareClass, KeyKind
from tallystick.protocol.figures import encode_figures
from tallystick.protocol.keys import PrivateKey

USDC = 10**6
DEVICE = "0x" + "44" * 20
ELSEWHERE = "0x" + "55" * 20


class Actors:
    """A provider (Anvil's account 1), a customer (2) and the network's relayer (0)."""

    def __init__(self, anvil: Anvil, deployed: Outcome, relayer: KeySender) -> None:
        self.anvil, self.deployment, self.relayer = anvil, deployed.deployment, relayer
        self.provider = KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[1]))
        self.customer = KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[2]))
        self.desk = ProviderDesk(anvil.node, deployed.deployment)

    def position(self) -> ops.Position:
        return self.desk.position(self.provider.address)

    def act(self, actions: list[ops.Action]) -> None:
        send_all(actions, self.provider)

    def call(self, sender: KeySender, name: str, function: str, *values: object) -> None:
        sender.send(self.deployment.address(name), load(name).encode(function, *values))

    def read(self, name: str, function: str, *values: object) -> object:
        return self.anvil.node.read(load(name), self.deployment.address(name), function, *values)

    def register(self, stake: int) -> None:
        self.act(ops.register(self.position(), HardwareClass.CONSUMER_GPU, 276))
        self.act(ops.faucet(self.position(), stake))
        self.act(ops.stake(self.position(), stake))

    def earn(self, budget: int, units: int) -> None:
        """Opens an agreement at 1 µ a unit with the provider, posts a figure for it, waits, settles."""
        position = self.position()
        operator, payee = position.stakes[0].operator, position.earnings[0].account
        self.call(self.customer, "Escrow", "createAccount", self.customer.address)
        account = payee + 1
        self.call(self.customer, "TestDollar", "mint", self.customer.address, budget)
        self.call(self.customer, "TestDollar", "approve", self.deployment.address("Escrow"), budget)
        self.call(self.customer, "Escrow", "deposit", account, budget)
        now = self.anvil.node.timestamp()
        terms = Terms(
            customer=account,
            funder=account,
            operator=operator,
            payee=payee,
            mode=0,
            policy=1,
            max_fee_provider=500,
            max_fee_customer=0,
            unit_price=1_000_000,
            budget=budget,
            max_budget=budget,
            start=now,
            expiry=now + 86_400,
            work_hash=bytes(32),
            customer_nonce=1,
            operator_nonce=1,
            deadline=now + 3_600,
        )
        domain = escrow_domain(31337, bytes.fromhex(self.deployment.address("Escrow")[2:]))
        signature = PrivateKey.from_hex(DEV_KEYS[1]).sign(digest(domain, terms.hash_struct()))
        self.call(self.customer, "Escrow", "open", [tuple(terms)], [(b"", signature)])
        sequence = self.read("Escrow", "agreementCount")
        assert isinstance(sequence, int)
        agreement = sequence << 32 | int.from_bytes(terms.hash_struct()[:4], "big")
        figures = encode_figures([(agreement, units)])
        header = (1, budget, 0, now + 7_200)
        self.call(self.relayer, "ReceiptLedger", "post", header, figures, bytes(32), [])
        self.anvil.increase_time(constants.CHALLENGE_WINDOW + 1)
        batch = self.read("ReceiptLedger", "batchNumber", 1, 1, 0)
        self.call(self.relayer, "ReceiptLedger", "settle", batch, figures)


@pytest.fixture
def actors(anvil: Anvil, deployed: Outcome, deployer: KeySender) -> Actors:
    return Actors(anvil, deployed, deployer)


def test_position__stranger__has_nothing(actors: Actors) -> None:
    position = actors.position()
    assert (position.stakes, position.earnings, position.wallet) == ((), (), 0)
    assert position.symbol == "tUSD"
    assert position.thaw == constants.THAW_PERIOD
    assert position.addresses.faucet == actors.deployment.address("TestDollar")


def test_register_and_stake__2500__provider_is_active(actors: Actors) -> None:
    actors.register(2_500 * USDC)
    (stake,) = actors.position().stakes
    assert (stake.operator, stake.free, stake.minimum) == (3, 2_500 * USDC, 1_000 * USDC)
    assert (stake.hardware, stake.region) == (HardwareClass.CONSUMER_GPU, 276)
    assert actors.position().earnings == (ops.Earnings(1, 0, 0),)
    assert actors.read("Staking", "isActive", 3, 1) is True
    assert actors.position().allowance == 0


def test_unstake_and_withdraw__before_and_after_21_days__the_money_is_back(actors: Actors) -> None:
    actors.register(2_500 * USDC)
    actors.act(ops.unstake(actors.position(), 2_000 * USDC))
    (stake,) = actors.position().stakes
    assert (stake.free, stake.thawing) == (500 * USDC, 2_000 * USDC)
    assert stake.thaw_ends == actors.anvil.node.timestamp() + constants.THAW_PERIOD
    assert actors.read("Staking", "isActive", 3, 1) is False
    with pytest.raises(OperatorRefusal, match="still thawing until"):
        ops.withdraw(actors.position())
    early = load("Staking").encode("withdraw", 3, ELSEWHERE)
    with pytest.raises(ContractRefused) as caught:
        actors.provider.send(actors.deployment.address("Staking"), early)
    assert caught.value.code == "Staking_StillThawing"
    actors.anvil.warp(stake.thaw_ends)
    actors.act(ops.withdraw(actors.position(), ELSEWHERE))
    assert actors.read("TestDollar", "balanceOf", ELSEWHERE) == 2_000 * USDC
    assert actors.position().stakes[0].thawing == 0


def test_claim__settled_work_of_100_usdc__pays_95(actors: Actors) -> None:
    actors.register(2_500 * USDC)
    with pytest.raises(OperatorRefusal, match="nothing was settled"):
        ops.claim(actors.position())
    actors.earn(budget=150 * USDC, units=100 * USDC)
    position = actors.position()
    assert position.earnings == (ops.Earnings(1, 95 * USDC, 0),)
    assert position.stakes[0].pledged == 15 * USDC
    assert position.stakes[0].free == 2_485 * USDC
    with pytest.raises(OperatorRefusal, match="2,485 tUSD free, 15 tUSD behind open agreements"):
        ops.unstake(position, 2_486 * USDC)
    actors.act(ops.claim(position, ELSEWHERE))
    assert actors.read("TestDollar", "balanceOf", ELSEWHERE) == 95 * USDC
    assert actors.position().earnings == (ops.Earnings(1, 95 * USDC, 95 * USDC),)
    with pytest.raises(OperatorRefusal, match="all of it was claimed"):
        ops.claim(actors.position())


def test_authorise_device__once__is_valid_from_now_on(actors: Actors) -> None:
    actors.register(2_500 * USDC)
    assert actors.desk.device_known(3, DEVICE) is False
    actors.act(ops.authorise_device(actors.position(), DEVICE))
    assert actors.desk.device_known(3, DEVICE) is True
    now = actors.anvil.node.timestamp()
    assert actors.read("Staking", "isKeyValid", 3, int(KeyKind.DEVICE), DEVICE, now) is True


def test_position__node_that_refuses_to_search_events__is_asked_number_by_number(
    actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    actors.register(2_500 * USDC)
    expected, node = actors.position(), actors.anvil.node
    honest = node.transport.exchange

    def exchange(requests: list[tuple[str, list[object]]]) -> list[dict[str, object]]:
        if requests[0][0] == "eth_getLogs":
            return [{"error": {"code": -32005, "message": "block range too wide"}}]
        return honest(requests)  # type: ignore[return-value]

    monkeypatch.setattr(node.transport, "exchange", exchange)
    assert replace(actors.position(), now=expected.now) == expected  # the clock may tick between the two


def test_now__quiet_chain__is_that_of_the_block_under_way(actors: Actors) -> None:
    actors.anvil.node.request("evm_increaseTime", [1_000])
    latest = actors.anvil.node.timestamp()
    assert latest + 1_000 <= actors.position().now <= latest + 1_100
