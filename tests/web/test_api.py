"""The HTTP API: statuses, codes and shapes that clients rely on."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import insert
from tests.support import market
from tests.support.http import Client
from tests.support.market import (
    CREDENTIALS,
    DOMAIN,
    STRANGER,
    credential_json,
    ndjson,
    receipt_json,
    revocation_json,
    verdict_json,
)

from tallystick.protocol.figures import batch_root, encode_figure, encode_figures, figures_hash, leaf_hash
from tallystick.protocol.merkle import verify
from tallystick.protocol.messages import Outcome
from tallystick.relayer.ingest import Ingest
from tallystick.relayer.metrics import Metrics
from tallystick.relayer.rewards import note_fees
from tallystick.store import tables
from tallystick.store.database import Database, set_meta
from tallystick.web.api import create_app
from tallystick.web.context import Health, Limits, LoopHealth, WebContext, key_digest

NDJSON = {"Content-Type": "application/x-ndjson"}
KEY = "a-key-of-a-marketplace"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = market.open_market(tmp_path)
    yield database
    database.close()


@pytest.fixture
def client(client_of: Callable[..., Client]) -> Client:
    return client_of()


@pytest.fixture
def client_of(database: Database) -> Iterator[Callable[..., Client]]:
    """Makes a client of an application; `ingest` and fields of the context may be given."""
    clients: list[Client] = []

    def make(*, ingest: Ingest | None = None, **context: Any) -> Client:
        app = create_app(WebContext(database, ingest or Ingest(database, DOMAIN, CREDENTIALS), **context))
        clients.append(Client(app))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


# -- ingest --------------------------------------------------------------------------------------------------


def test_post_receipts__one_object__accepted_then_duplicate(client: Client) -> None:
    item = receipt_json(101, 10)
    first, second = client.post("/v1/receipts", json=item), client.post("/v1/receipts", json=item)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == {"status": "accepted", "id": first.json()["id"]}
    assert second.json() == {"status": "duplicate", "id": first.json()["id"]}
    assert len(bytes.fromhex(first.json()["id"][2:])) == 32


@pytest.mark.parametrize(
    ("item", "status", "code"),
    [
        (receipt_json(101, 10) | {"units": "x"}, 422, "bad_field"),
        (receipt_json(101, 10) | {"units": 2**63}, 422, "units_out_of_range"),
        (receipt_json(101, 10) | {"signature": "0x" + "00" * 65}, 422, "bad_signature"),
        (receipt_json(101, 10, key=STRANGER), 422, "bad_signature"),
        (receipt_json(999, 10), 404, "unknown_agreement"),
        (receipt_json(101, 1_001), 422, "over_budget"),
        (receipt_json(101, 10, period=(0, 1)), 422, "outside_period"),
    ],
)
def test_post_receipts__refused__status_code_and_sentence(
    client: Client, item: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/v1/receipts", json=item)
    assert answer.status_code == status
    assert answer.json()["status"] == "rejected"
    assert answer.json()["code"] == code
    assert answer.json()["message"].endswith(".")


def test_post_credentials__one_object_and_lines__as_receipts(client: Client) -> None:
    first = client.post("/v1/credentials", json=credential_json())
    assert first.status_code == 200
    assert first.json() == {"status": "accepted", "id": first.json()["id"]}
    body = ndjson(credential_json(), revocation_json(), credential_json(2, expires_at=8_000), b"{")
    told = client.post("/v1/credentials", content=body, headers=NDJSON).json()
    assert (told["accepted"], told["duplicate"], told["rejected"]) == (1, 1, 2)
    assert told["results"][0] == {"line": 1, "status": "duplicate", "id": first.json()["id"]}
    assert [each.get("code") for each in told["results"]] == [None, None, "stale_nonce", "malformed_json"]


@pytest.mark.parametrize(
    ("item", "status", "code"),
    [
        (credential_json() | {"kind": "KYC"}, 422, "bad_field"),
        (credential_json(kind=9), 422, "bad_binding"),
        (credential_json(nonce=1) | {"nonce": 2}, 422, "bad_signature"),
        (credential_json(key=STRANGER), 403, "unknown_issuer"),
        (credential_json(expires_at=2_000), 409, "expired"),
    ],
)
def test_post_credentials__refused__status_code_and_sentence(
    client: Client, item: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/v1/credentials", json=item)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"].endswith(".")


def test_post_credentials__nonce_going_back__409(client: Client) -> None:
    client.post("/v1/credentials", json=revocation_json(2))
    answer = client.post("/v1/credentials", json=credential_json(1))
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_nonce")


def test_get_credential__after_it_was_taken__tells_all_of_it(client: Client, database: Database) -> None:
    body = ndjson(credential_json(), revocation_json())
    told = client.post("/v1/credentials", content=body, headers=NDJSON).json()["results"]
    sent = credential_json()
    assert client.get(f"/v1/credentials/{told[0]['id']}").json() == {
        **{
            name: sent[name]
            for name in ("type", "issuer", "kind", "subject", "binding", "value", "expiresAt")
        },
        "id": told[0]["id"],
        "nonce": "1",
        "state": "waiting",
        "reason": None,
        "receivedAt": 2_000,
        "transaction": None,
    }
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE statements SET state = 'refused', reason = 'expired'")
    found = client.get(f"/v1/credentials/{told[1]['id'].upper().replace('0X', '0x')}").json()
    assert (found["type"], found["value"], found["expiresAt"]) == ("revocation", None, None)
    assert (found["state"], found["reason"]) == ("refused", "expired")


@pytest.mark.parametrize(
    ("identity", "status", "code"),
    [
        ("0x" + "00" * 32, 404, "unknown_credential"),
        ("7", 422, "bad_parameter"),
        ("0x7g", 422, "bad_parameter"),
    ],
)
def test_get_credential__no_such__says_so(client: Client, identity: str, status: int, code: str) -> None:
    answer = client.get(f"/v1/credentials/{identity}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_post_receipts__units_going_back__409(client: Client) -> None:
    client.post("/v1/receipts", json=receipt_json(101, 10))
    answer = client.post("/v1/receipts", json=receipt_json(101, 9))
    assert (answer.status_code, answer.json()["code"]) == (409, "units_regress")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"not json", b'{"a":1}{"b":2}'])
@pytest.mark.parametrize("path", ["/v1/receipts", "/v1/verdicts", "/v1/credentials"])
def test_post__broken_json__400(client: Client, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


def test_post_receipts__one_object_over_several_lines__accepted(client: Client) -> None:
    body = json.dumps(receipt_json(101, 10), indent=2).encode()
    assert client.post("/v1/receipts", content=body).json()["status"] == "accepted"


def test_post_receipts__ndjson__counts_and_answers_by_line(client: Client) -> None:
    body = ndjson(receipt_json(101, 10), b"{", b"", receipt_json(101, 10), receipt_json(101, 5))
    answer = client.post(
        "/v1/receipts", content=body, headers={"Content-Type": "application/x-ndjson; charset=utf-8"}
    )
    assert answer.status_code == 200
    told = answer.json()
    results = told.pop("results")
    assert told == {"accepted": 1, "duplicate": 1, "rejected": 2}
    assert [(each["line"], each["status"], each.get("code")) for each in results] == [
        (1, "accepted", None),
        (2, "rejected", "malformed_json"),
        (4, "duplicate", None),
        (5, "rejected", "units_regress"),
    ]
    assert results[0]["id"] == results[2]["id"]
    assert "id" not in results[1]
    assert results[3]["message"]


def test_post_receipts__thousands_of_lines__all_taken(client: Client, database: Database) -> None:
    with database.write() as connection:
        for number in range(1, 51):
            market.add_agreement(connection, 1_000 + number)
    market.follow(database, 11)
    items = [receipt_json(1_000 + number, units) for units in range(1, 61) for number in range(1, 51)]
    answer = client.post("/v1/receipts", content=ndjson(*items), headers=NDJSON)
    assert answer.json()["accepted"] == 3_000
    assert [each["line"] for each in answer.json()["results"]] == list(range(1, 3_001))
    assert client.get("/v1/status").json()["receipts"] == 3_000


def test_post_verdicts__after_the_receipt__figure_is_payable(client: Client) -> None:
    client.post("/v1/receipts", json=receipt_json(102, 10))
    assert client.get("/v1/agreements/102").json()["figure"] is None
    answer = client.post("/v1/verdicts", content=ndjson(verdict_json(102, 10)), headers=NDJSON)
    assert answer.json()["accepted"] == 1
    assert client.get("/v1/agreements/102").json()["figure"]["units"] == 10


def test_post__compressed_body__415(client: Client) -> None:
    answer = client.post("/v1/receipts", content=b"x", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_post__more_lines_than_allowed__413(client: Client) -> None:
    answer = client.post("/v1/receipts", content=b"\n" * 131_073, headers=NDJSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert client.post("/v1/receipts", content=b"\n" * 131_072, headers=NDJSON).json()["results"] == []


def test_post__store_is_gone__503_and_try_again(client: Client, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE figures")
    answer = client.post("/v1/receipts", json=receipt_json(101, 10))
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM receipts").scalar_one() == 0


def test_post_verdicts__too_many_wait__429_with_retry_after(
    client_of: Callable[..., Client], database: Database
) -> None:
    client = client_of(ingest=Ingest(database, DOMAIN, CREDENTIALS, max_pending_verdicts=1))
    assert client.post("/v1/verdicts", json=verdict_json(102, 10)).status_code == 200
    answer = client.post("/v1/verdicts", json=verdict_json(102, 11))
    assert (answer.status_code, answer.json()["code"]) == (429, "backlog_full")
    assert int(answer.headers["Retry-After"]) > 0


# -- errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/receipts/", 404, "not_found"),
        ("GET", "/static/nothing.js", 404, "not_found"),
        ("GET", "/static/../api.py", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/v1/receipts", 405, "method_not_allowed"),
        ("DELETE", "/v1/status", 405, "method_not_allowed"),
        ("GET", "/v1/agreements/abc", 422, "bad_parameter"),
        ("GET", "/v1/agreements/-1", 422, "bad_parameter"),
        ("GET", "/v1/agreements/1e3", 422, "bad_parameter"),
        ("GET", "/v1/agreements/999", 404, "unknown_agreement"),
        ("GET", "/v1/agreements/18446744073709551615", 404, "unknown_agreement"),
        ("GET", "/v1/batches?limit=0", 422, "bad_parameter"),
        ("GET", "/v1/batches?limit=501", 422, "bad_parameter"),
        ("GET", "/v1/batches?state=odd", 422, "bad_parameter"),
        ("GET", "/v1/batches?offset=x", 422, "bad_parameter"),
    ],
)
def test_any__wrong_request__json_with_a_code(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


def test_any__fault_inside__500_without_details(client_of: Callable[..., Client]) -> None:
    def health() -> Health:
        raise RuntimeError("secret detail")

    answer = client_of(health=health).get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


# -- keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/receipts"),
        ("POST", "/v1/verdicts"),
        ("GET", "/v1/status"),
        ("GET", "/v1/agreements/101"),
        ("GET", "/v1/batches"),
        ("GET", "/v1/rewards/2"),
        ("GET", "/metrics"),
    ],
)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", KEY]
)
def test_api_keys__without_the_right_one__401(
    client_of: Callable[..., Client], method: str, path: str, header: str | None
) -> None:
    client = client_of(api_keys={key_digest(KEY): "market"})
    answer = client.request(method, path, headers={} if header is None else {"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_api_keys__with_the_right_one__as_usual(client_of: Callable[..., Client]) -> None:
    client = client_of(api_keys={key_digest(KEY): "market"})
    headers = {"Authorization": f"Bearer {KEY}"}
    assert client.post("/v1/receipts", json=receipt_json(101, 10), headers=headers).status_code == 200
    assert client.get("/v1/status", headers=headers).json()["receipts"] == 1


def test_api_keys__health_and_the_empty_page__need_none(client_of: Callable[..., Client]) -> None:
    client = client_of(api_keys={key_digest(KEY): "market"})
    assert [client.get(path).status_code for path in ("/live", "/ready", "/openapi.json")] == [200] * 3
    page = client.get("/")
    assert page.status_code == 200
    assert 'data-status=""' in page.text


# -- reads ---------------------------------------------------------------------------------------------------


def test_get_agreement__with_a_receipt__all_of_it(client: Client) -> None:
    taken = client.post("/v1/receipts", json=receipt_json(101, 10)).json()
    assert client.get("/v1/agreements/101").json() == {
        "agreement": "101",
        "customer": 1,
        "funder": 1,
        "operator": 1,
        "payee": 2,
        "mode": "metered",
        "policy": 1,
        "unitPrice": 2_000_000,
        "budget": 2_000,
        "feeProvider": 500,
        "feeCustomer": 0,
        "start": 1_000,
        "end": 5_000,
        "downtime": 0,
        "status": "open",
        "paid": 0,
        "newestReceipt": {
            "id": taken["id"],
            "units": 10,
            "periodStart": 1_000,
            "periodEnd": 1_500,
            "outputRoot": "0x" + "11" * 32,
            "exclusive": False,
            "signer": "0x" + market.DEVICE.address.hex(),
            "receivedAt": 2_000,
        },
        "figure": {
            "units": 10,
            "outputRoot": "0x" + "11" * 32,
            "receiptId": taken["id"],
            "readyAt": 2_000,
            "batchedUnits": 0,
            "waiting": True,
        },
    }


def add_batch(database: Database, nonce: int, state: str, created_at: int) -> None:
    with database.write() as connection:
        connection.execute(
            insert(tables.batches).values(
                batch=str(1 << 80 | 9 << 48 | nonce),
                policy=1,
                operator=9,
                nonce=nonce,
                value=700,
                deadline=9_000,
                figures=bytes(36),
                outputs=bytes(64),
                root=b"\x01" * 32,
                figures_hash=b"\x02" * 32,
                state=state,
                criterion="age",
                created_at=created_at,
            )
        )


def test_get_batches__newest_first__in_pages(client: Client, database: Database) -> None:
    for nonce in range(5):
        add_batch(database, nonce, "settled" if nonce < 3 else "planned", 2_000 + nonce)
    first = client.get("/v1/batches?limit=2").json()
    assert [each["nonce"] for each in first["batches"]] == [4, 3]
    assert first["nextOffset"] == 2
    assert first["batches"][0] == {
        "batch": "1208925822147903965102084",  # 1 << 80 | 9 << 48 | 4
        "policy": 1,
        "operator": 9,
        "nonce": 4,
        "state": "planned",
        "criterion": "age",
        "leaves": 2,
        "value": 700,
        "moved": 0,
        "root": "0x" + "01" * 32,
        "deadline": 9_000,
        "postedAt": None,
        "createdAt": 2_004,
        "problem": "",
    }
    last = client.get("/v1/batches?state=settled&limit=2&offset=2").json()
    assert [each["nonce"] for each in last["batches"]] == [0]
    assert last["nextOffset"] is None


def test_get_status__counts_and_gas__by_hand(client: Client, database: Database) -> None:
    client.post("/v1/receipts", json=receipt_json(101, 10))
    client.post("/v1/receipts", json=receipt_json(101, 20))
    client.post("/v1/verdicts", json=verdict_json(102, 10))
    client.post("/v1/credentials", content=ndjson(credential_json(), revocation_json()), headers=NDJSON)
    add_batch(database, 0, "posted", 2_000)
    with database.write() as connection:
        note_fees(connection, 2, 50, fees=900, counted=400)
        note_fees(connection, 3, 60, fees=70, counted=70, overturned=30)
        set_meta(connection, "dividends_received", "800")
        set_meta(connection, "dividends_claimed", "33")
        connection.exec_driver_sql("UPDATE agreements SET paid = 30 WHERE agreement = 101")
        connection.exec_driver_sql("UPDATE agreements SET paid = 5, status = 2 WHERE agreement = 104")
        for kind, state, used in (("post", "final", 1_000), ("post", "queued", 0), ("settle", "mined", 501)):
            connection.execute(
                insert(tables.transactions).values(
                    key=f"{kind}:{state}",
                    kind=kind,
                    sender=bytes(20),
                    target=bytes(20),
                    data=b"",
                    state=state,
                    receipt={"gasUsed": used} if used else None,
                    created_at=1,
                )
            )
    assert client.get("/v1/status").json() == {
        "ready": True,
        "chain": {"chainId": None, "time": 2_000, "followedBlock": 10},
        "receipts": 2,
        "verdicts": 1,
        "agreements": {"open": 3, "closed": 1, "budget": 6_000, "paid": 35},
        "figures": {"waiting": 1, "oldestReadyAt": 2_000},
        "batches": {"posted": 1},
        "credentials": {"waiting": 2},
        "gas": {"post": 1_000, "settle": 501, "other": 0, "perReceipt": 750.5},
        "rewards": {"fees": 970, "counted": 470, "waiting": 500, "accounts": 1},
        "dividends": {"received": 800, "claimed": 33},
        "deadLetters": 0,
        "providers": [{"operator": 1, "agreements": 4, "paid": 35}],
    }


def test_get_rewards__waiting_forfeiting_and_none__by_hand(client: Client, database: Database) -> None:
    with database.write() as connection:
        note_fees(connection, 2, 50, fees=900, counted=400, overturned=100)
        note_fees(connection, 3, 60, fees=70, counted=70, overturned=30)
        connection.execute(
            insert(tables.transactions).values(
                key="checkpoint:1:0",
                kind="checkpoint",
                sender=bytes(20),
                target=bytes(20),
                data=b"",
                state="mined",
                receipt={"hash": "0x" + "ab" * 32, "gasUsed": 1},
                created_at=1,
            )
        )
        connection.exec_driver_sql("UPDATE rewards SET asked_key = 'checkpoint:1:0' WHERE account = 3")
    assert client.get("/v1/rewards/2").json() == {
        "account": 2,
        "fees": 900,
        "overturned": 100,
        "counted": 400,
        "waiting": 500,
        "waitingSince": 50,
        "forfeiting": 100,
        "transaction": None,
    }
    assert client.get("/v1/rewards/3").json() == {
        "account": 3,
        "fees": 70,
        "overturned": 30,
        "counted": 70,
        "waiting": 0,
        "waitingSince": None,
        "forfeiting": 30,
        "transaction": "0x" + "ab" * 32,
    }
    nobody = client.get("/v1/rewards/4294967295").json()
    assert (nobody["account"], nobody["fees"], nobody["waiting"]) == (2**32 - 1, 0, 0)


@pytest.mark.parametrize("account", ["4294967296", "-1", "1.5", "0x2", "٣"])
def test_get_rewards__no_number_of_an_account__is_refused(client: Client, account: str) -> None:
    answer = client.get(f"/v1/rewards/{account}")
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameter")


# -- health, metrics, page, description ------------------------------------------------------------------------


def test_live__always__200(client: Client) -> None:
    assert client.get("/live").json() == {"status": "live"}


@pytest.mark.parametrize(
    ("health", "status", "ready"),
    [
        (Health((LoopHealth("follow", 1.0, 30.0),)), 200, True),
        (Health((LoopHealth("follow", 30.0, 30.0), LoopHealth("batch", 30.1, 30.0))), 503, False),
        (Health((LoopHealth("follow", 1.0, 30.0),), chain_reachable=False), 503, False),
    ],
)
def test_ready__stale_loop_or_no_chain__503_with_ages(
    client_of: Callable[..., Client], health: Health, status: int, ready: bool
) -> None:
    answer = client_of(health=lambda: health).get("/ready")
    assert answer.status_code == status
    told = answer.json()
    assert told["ready"] is ready
    assert told["chainReachable"] is health.chain_reachable
    assert told["loops"] == {
        loop.name: {"age": loop.age, "limit": 30.0, "stale": loop.age > 30} for loop in health.loops
    }


def test_ready__guardian_has_paused__says_until_when_and_stays_ready(
    client_of: Callable[..., Client],
) -> None:
    loops = (LoopHealth("follow", 1.0, 30.0),)
    told = client_of(health=lambda: Health(loops)).get("/ready").json()
    assert (told["postingPausedUntil"], told["openingPausedUntil"]) == (None, None)
    answer = client_of(health=lambda: Health(loops, True, 5_000, 6_000)).get("/ready")
    assert answer.status_code == 200
    assert (answer.json()["postingPausedUntil"], answer.json()["openingPausedUntil"]) == (5_000, 6_000)


def test_metrics__after_ingest__counts_by_status_and_code(
    client_of: Callable[..., Client], database: Database
) -> None:
    metrics = Metrics(CollectorRegistry())

    def observe(kind: str, outcomes: list[Outcome]) -> None:
        metrics.count_answers(kind, ((each.status, each.code) for each in outcomes))

    ingest = Ingest(database, DOMAIN, CREDENTIALS, observe=observe)
    client = client_of(ingest=ingest, registry=metrics.registry)
    body = ndjson(receipt_json(101, 10), receipt_json(101, 10), receipt_json(101, 9), receipt_json(101, 8))
    client.post("/v1/receipts", content=body, headers=NDJSON)
    client.post("/v1/credentials", content=ndjson(credential_json(), credential_json(0)), headers=NDJSON)
    text = client.get("/metrics").text
    assert 'tallystick_credentials_total{code="",status="accepted"} 1.0' in text
    assert 'tallystick_credentials_total{code="bad_field",status="rejected"} 1.0' in text
    assert 'tallystick_receipts_total{code="",status="accepted"} 1.0' in text
    assert 'tallystick_receipts_total{code="",status="duplicate"} 1.0' in text
    assert 'tallystick_receipts_total{code="units_regress",status="rejected"} 2.0' in text


def test_page__no_keys__rendered_with_figures_and_nothing_from_elsewhere(client: Client) -> None:
    client.post("/v1/receipts", json=receipt_json(101, 10))
    page = client.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert '<dd data-show="receipts">1</dd>' in page.text
    assert 'name="viewport"' in page.text
    files = [client.get(f"/static/{name}") for name in ("page.js", "page.css", "icon.svg")]
    assert [each.status_code for each in files] == [200] * 3
    for text in (page.text, *(each.text for each in files)):
        assert "https://" not in text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_openapi__every_path_described__with_examples_that_parse(client: Client) -> None:
    description = client.get("/openapi.json").json()
    assert set(description["paths"]) == {
        "/v1/receipts",
        "/v1/verdicts",
        "/v1/credentials",
        "/v1/credentials/{identity}",
        "/v1/status",
        "/v1/agreements/{number}",
        "/v1/rewards/{account}",
        "/v1/batches",
        "/v1/batches/{batch}/leaves/{index}",
        "/live",
        "/ready",
        "/metrics",
    }
    for path in ("/v1/receipts", "/v1/verdicts"):
        operation = description["paths"][path]["post"]
        assert {"200", "400", "401", "413", "429"} <= set(operation["responses"])
        content = operation["requestBody"]["content"]
        example = content["application/json"]["example"]
        assert set(example) == set(content["application/json"]["schema"]["required"])
        # Well-formed, but of an agreement that nobody knows.
        assert client.post(path, json=example).json()["code"] == "unknown_agreement"
        lines = client.post(path, content=content["application/x-ndjson"]["example"], headers=NDJSON).json()
        assert [each["code"] for each in lines["results"]] == ["unknown_agreement"] * 2
    operation = description["paths"]["/v1/credentials"]["post"]
    assert operation["responses"]["409"]["description"] == "expired, stale_nonce"
    content = operation["requestBody"]["content"]
    shapes = content["application/json"]["schema"]["oneOf"]
    lines = content["application/x-ndjson"]["example"]
    for shape, line in zip(shapes, lines.splitlines(), strict=True):
        assert set(json.loads(line)) == set(shape["required"])
    told = client.post("/v1/credentials", content=lines, headers=NDJSON).json()["results"]
    assert [each["code"] for each in told] == ["bad_signature"] * 2  # well-formed, but signed by nobody


def test_limits__defaults__are_those_of_the_specification() -> None:
    assert Limits().body == 32 * 1024 * 1024


# -- leaves --------------------------------------------------------------------------------------------------


def _post_leaves(database: Database, rows: list[tuple[int, int]]) -> bytes:
    """A posted batch 77 of these (agreement, units), with the market's output. Returns its root."""
    encoded, outputs = encode_figures(rows), market.ROOT * len(rows)
    root = batch_root(encoded, outputs)
    with database.write() as connection:
        connection.execute(
            insert(tables.batches).values(
                batch="77", policy=3, operator=9, nonce=0, value=200, deadline=9_999, figures=encoded,
                outputs=outputs, root=root, figures_hash=figures_hash(encoded), state="posted", posted_at=1_500,
                created_at=1_400,
            )
        )  # fmt: skip
    return root


def test_get_leaf__posted__proof_and_everything_signed_behind_it(client: Client, database: Database) -> None:
    shown = [receipt_json(103, 100), receipt_json(103, 120)]
    client.post("/v1/receipts", content=ndjson(receipt_json(103, 90), *shown), headers=NDJSON)
    said = [verdict_json(103, 100, verifier=5), verdict_json(103, 100, verifier=3)]
    client.post("/v1/verdicts", content=ndjson(*said, verdict_json(103, 40, valid=False)), headers=NDJSON)
    root = _post_leaves(database, [(7, 1), (103, 100), (200, 9)])
    answer = client.get("/v1/batches/77/leaves/1")
    assert answer.status_code == 200
    leaf = answer.json()
    assert (leaf["agreement"], leaf["units"], leaf["state"], leaf["challenge"]) == (
        "103",
        "100",
        "posted",
        None,
    )
    siblings = [bytes.fromhex(one[2:]) for one in leaf["proof"]]
    assert verify(siblings, root, leaf_hash(1, encode_figure(103, 100), market.ROOT))
    assert [one["units"] for one in leaf["receipts"]] == ["120", "100"], "newest first, none below the leaf"
    assert [one["signature"] for one in leaf["receipts"]] == [one["signature"] for one in reversed(shown)]
    assert [(one["verifier"], one["signature"]) for one in leaf["verdicts"]] == [
        (5, said[0]["signature"]),
        (3, said[1]["signature"]),
    ]
    with database.write() as connection:
        row = {"batch": "77", "idx": 1, "agreement": 103, "relayer": 9, "challenger": b"", "bond": 0}
        connection.execute(insert(tables.challenges).values(**row, starts_at=0, state="open"))
    assert client.get("/v1/batches/77/leaves/1").json()["challenge"] == "open"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("77/leaves/3", 404, "unknown_leaf"),
        ("78/leaves/0", 404, "unknown_leaf"),
        ("77/leaves/x", 422, "bad_parameter"),
        ("0x4d/leaves/0", 422, "bad_parameter"),
        ("7" * 30 + "/leaves/0", 422, "bad_parameter"),
    ],
)
def test_get_leaf__that_is_none__code(
    client: Client, database: Database, path: str, status: int, code: str
) -> None:
    _post_leaves(database, [(7, 1), (103, 100), (200, 9)])
    answer = client.get("/v1/batches/" + path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
