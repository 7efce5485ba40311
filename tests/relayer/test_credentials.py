"""Credentials on their way from an HTTP request into `Credentials`, on a chain: posted once, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.contracts import load
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.eip712 import Credential, Revocation, credentials_domain, digest
from tallystick.protocol.enums import CredentialKind
from tallystick.protocol.keys import PrivateKey, parse_address, to_checksum
from tallystick.web.api import create_app
from tallystick.web.context import WebContext
from tests.relayer.driver import CrashPoint, Driver
from tests.relayer.scene import Scene, ndjson
from tests.relayer.test_crash import Deaths, transactions_of
from tests.support.http import Client
from tests.support.system import policy_terms

pytestmark = pytest.mark.node

ISSUER = PrivateKey.from_seed("scene", "issuer")
KYC = int(CredentialKind.KYC_CUSTOMER)
FAR = 2**40 - 1
GOVERNANCE_DELAY = 172_800


def subject(number: int) -> bytes:
    return number.to_bytes(20, "big")


def owner(scene: Scene) -> KeySender:
    return KeySender(scene.anvil.node, KeySigner.from_hex(DEV_KEYS[0]))


@pytest.fixture(scope="module")
def market(staged_scene: Scene) -> Iterator[Scene]:
    """The scene with a policy 2 that asks customers for KYC by ISSUER."""
    anvil = staged_scene.anvil
    snapshot = anvil.snapshot()
    anvil.node.request("evm_setAutomine", [True])
    manager, book = staged_scene.address("AccessManager"), staged_scene.address("PolicyBook")
    terms = policy_terms(customerCredentials=1 << KYC, issuer=to_checksum(ISSUER.address))
    data = load("PolicyBook").encode("add", terms)
    owner(staged_scene).send(manager, load("AccessManager").encode("schedule", book, data, 0))
    anvil.set_next_block_timestamp(anvil.node.timestamp() + GOVERNANCE_DELAY)
    owner(staged_scene).send(manager, load("AccessManager").encode("execute", book, data))
    anvil.node.request("evm_setAutomine", [False])
    staged_scene.mine_final()
    assert staged_scene.read("PolicyBook", "count") == 2
    yield staged_scene
    anvil.revert(snapshot)


@pytest.fixture
def scene(market: Scene) -> Iterator[Scene]:
    """In the place of conftest's: each test gets the market as it was."""
    snapshot = market.anvil.snapshot()
    yield market
    market.anvil.revert(snapshot)
    market.anvil.node.request("anvil_dropAllTransactions")


def sign(scene: Scene, message: Credential | Revocation) -> bytes:
    domain = credentials_domain(scene.anvil.chain_id, parse_address(scene.address("Credentials")))
    return ISSUER.sign(digest(domain, message.hash_struct()))


def credential(scene: Scene, who: int, nonce: int = 1, expires_at: int = FAR) -> dict[str, Any]:
    message = Credential(ISSUER.address, KYC, subject(who), bytes(32), bytes(32), expires_at, nonce)
    return _json(scene, "credential", message) | {"value": "0x" + "00" * 32, "expiresAt": expires_at}


def revocation(scene: Scene, who: int, nonce: int = 2) -> dict[str, Any]:
    return _json(scene, "revocation", Revocation(ISSUER.address, KYC, subject(who), bytes(32), nonce))


def _json(scene: Scene, kind: str, message: Credential | Revocation) -> dict[str, Any]:
    return {
        "type": kind,
        "issuer": to_checksum(message.issuer),
        "kind": message.kind,
        "subject": to_checksum(message.subject),
        "binding": "0x" + message.binding.hex(),
        "nonce": message.nonce,
        "signature": "0x" + sign(scene, message).hex(),
    }


def by_issuer(scene: Scene, who: int, nonce: int, expires_at: int = FAR) -> None:
    """Somebody else carries a credential to the chain."""
    message = Credential(ISSUER.address, KYC, subject(who), bytes(32), bytes(32), expires_at, nonce)
    item = (to_checksum(message.issuer), KYC, to_checksum(message.subject), *message[3:])
    scene.anvil.node.request("evm_setAutomine", [True])
    data = load("Credentials").encode("post", [item], [sign(scene, message)])
    owner(scene).send(scene.address("Credentials"), data)
    scene.anvil.node.request("evm_setAutomine", [False])


def is_valid(scene: Scene, who: int) -> bool:
    place = (to_checksum(ISSUER.address), KYC, to_checksum(subject(who)), bytes(32))
    return bool(scene.read("Credentials", "isValid", *place, scene.anvil.node.timestamp()))


def let_pass(driver: Driver, *blocks: int) -> None:
    for later in blocks:
        driver.block(later)
        driver.round()


def outcomes(driver: Driver) -> list[tuple[str, str]]:
    return [(row["state"], row["reason"]) for row in driver.rows("statements")]


def test_http__credential_then_revocation__valid_then_not_and_each_says_what_became_of_it(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    driver.round()
    client = Client(create_app(WebContext(driver.database, driver.ingest)))
    told = client.post("/v1/credentials", json=credential(scene, 1)).json()
    assert told["status"] == "accepted"
    let_pass(driver, 30, 12)
    assert driver.states("transactions") == [], "it waits a minute for others"
    let_pass(driver, 30, 12)
    assert is_valid(scene, 1)
    assert client.get(f"/v1/credentials/{told['id']}").json()["state"] == "posting", "not final yet"
    let_pass(driver, 12, 12)
    row = client.get(f"/v1/credentials/{told['id']}").json()
    (transaction,) = driver.rows("transactions")
    assert (row["state"], row["transaction"]) == ("posted", transaction["receipt"]["hash"])
    # the chain knows its nonce now
    stale = client.post("/v1/credentials", json=credential(scene, 1, expires_at=FAR - 1)).json()
    assert stale["code"] == "stale_nonce"
    assert client.post("/v1/credentials", json=credential(scene, 1)).json()["status"] == "duplicate"
    assert client.post("/v1/credentials", json=revocation(scene, 1)).json()["status"] == "accepted"
    let_pass(driver, 60, 12, 12, 12)
    assert not is_valid(scene, 1)
    assert outcomes(driver) == [("posted", ""), ("posted", "")]
    assert [row["kind"] for row in driver.rows("transactions")] == ["credentials", "revocations"]
    assert client.get("/v1/status").json()["credentials"] == {"posted": 2}
    client.close()
    driver.stop()


def test_rounds__more_than_a_hundred__go_at_once_and_the_rest_by_age(scene: Scene, database: Path) -> None:
    driver = Driver(scene, database)
    driver.round()
    body = ndjson([credential(scene, who) for who in range(1, 131)])
    assert {one.status for one in driver.ingest.credentials(body)} == {"accepted"}
    let_pass(driver, 12, 12, 12)
    assert [is_valid(scene, who) for who in (1, 100, 101)] == [True, True, False]
    let_pass(driver, 60, 12, 12, 12)
    assert all(is_valid(scene, who) for who in range(1, 131))
    assert outcomes(driver) == [("posted", "")] * 130
    first, second = driver.rows("transactions")
    # docs/operations.md says 38 000 gas each; a transaction may use 16 777 216
    assert 3_700_000 < first["receipt"]["gasUsed"] < 3_900_000
    assert second["receipt"]["gasUsed"] < first["receipt"]["gasUsed"] // 3
    driver.stop()


def test_rounds__one_item_is_no_good_any_more__others_of_its_call_are_posted_and_it_is_not_tried_again(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    driver.round()
    items = [credential(scene, 1, expires_at=FAR - 1), credential(scene, 2), credential(scene, 3)]
    driver.ingest.credentials(ndjson(items))
    driver.block(60)
    by_issuer(scene, 1, nonce=7)  # a newer one of the same record, and
    by_issuer(scene, 2, nonce=1)  # the very same, are on the chain before ours; neither is final
    driver.round()
    let_pass(driver, 12, 12, 12)
    assert outcomes(driver) == [("refused", "stale_nonce"), ("posted", ""), ("posted", "")]
    assert all(is_valid(scene, who) for who in (1, 2, 3))
    let_pass(driver, 600, 600)
    assert driver.states("transactions") == ["final"]
    driver.stop()


def test_rounds__newer_one_of_the_record_is_final_first__older_one_costs_no_gas(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    driver.round()
    driver.ingest.credentials(ndjson([credential(scene, 1), credential(scene, 2)]))
    by_issuer(scene, 1, nonce=7)
    by_issuer(scene, 2, nonce=1)
    let_pass(driver, 2, 2, 2, 60, 12)
    assert outcomes(driver) == [("refused", "stale_nonce"), ("posted", "")]
    assert driver.rows("transactions") == []
    driver.stop()


# -- crashes ---------------------------------------------------------------------------------------------------------

PLACES = (
    "follow.before", "follow.after", "credentials.before", "credentials.after", "engine.before_signed",
    "engine.signed", "engine.broadcast", "engine.sent", "engine.mined", "engine.final",
)  # fmt: skip


def live(scene: Scene, database: Path, reached: Callable[[str], None]) -> tuple[dict[str, Any], int]:
    """Credentials of ten in two goes, then two revocations. Returns what is left, and how often it died."""
    scene.anvil.node.request("anvil_setNextBlockBaseFeePerGas", [hex(10**9)])
    driver = Driver(scene, database, reached=reached)
    deaths = driver.round()
    for block in range(12):
        if block in (0, 3):
            some = [credential(scene, who) for who in range(block + 1, block + 6)]
            driver.ingest.credentials(ndjson(some))
        if block == 4:
            driver.ingest.credentials(ndjson([revocation(scene, 1), revocation(scene, 4)]))
        driver.block(30)
        deaths += driver.round()
    left: dict[str, Any] = {
        table: driver.rows(table) for table in ("statements", "credential_nonces", "transactions", "attempts")
    }
    for row in left[
        "transactions"
    ]:  # Anvil draws a block's prevRandao by lot, so its hash differs every time
        del row["block_hash"], row["receipt"]["blockHash"]
    left["valid"] = [who for who in range(1, 10) if is_valid(scene, who)]
    left["chain"] = transactions_of(scene)
    driver.stop()
    return left, deaths


@pytest.fixture(scope="module")
def steady(market: Scene, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    snapshot = market.anvil.snapshot()
    left, deaths = live(market, tmp_path_factory.mktemp("steady") / "relayer.sqlite3", lambda place: None)
    assert deaths == 0
    market.anvil.revert(snapshot)
    return left


def test_live__steady__posts_everything_once_in_order(steady: dict[str, Any]) -> None:
    # 1 to 5, then 4 to 8: those of 4 and 5 are known already; then 1 and 4 are revoked
    assert [(row["state"], row["nonce"]) for row in steady["statements"]] == [("posted", 1)] * 8 + [
        ("posted", 2)
    ] * 2
    assert [row["kind"] for row in steady["transactions"]] == ["credentials", "credentials", "revocations"]
    assert {row["state"] for row in steady["transactions"]} == {"final"}
    assert steady["valid"] == [2, 3, 5, 6, 7, 8]


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_live__dies_once_at_every_commit_point__ends_as_the_steady_one(
    scene: Scene, tmp_path: Path, steady: dict[str, Any], nth: int
) -> None:
    deaths = Deaths(nth=nth)
    left, died = live(scene, tmp_path / "crashing.sqlite3", deaths)
    assert deaths.places == set(PLACES)
    assert died == len(PLACES)
    for what, value in steady.items():
        assert left[what] == value, what


def test_ask__dies_before_its_commit__neither_mark_nor_transaction(scene: Scene, database: Path) -> None:
    """The mark on the rows and the transaction are one commit."""

    def dies(place: str) -> None:
        if place == "credentials.before":
            raise CrashPoint(place)

    driver = Driver(scene, database, reached=dies)
    driver.round()
    driver.ingest.credentials(ndjson([credential(scene, 1)]))
    driver.block(60)
    for _ in range(2):
        with pytest.raises(CrashPoint):
            driver.relayer.round()
    assert outcomes(driver) == [("waiting", "")]
    assert driver.rows("transactions") == []
    driver.stop()
