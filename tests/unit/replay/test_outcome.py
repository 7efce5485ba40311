"""OUT.json: its names are an interface."""

import json

import pytest

from tallystick.replay.outcome import AgreementLine, Dividend, Gas, LeaseLine, Outcome
from tallystick.replay.plan import Rejection
from tallystick.reports.files import write_text


def outcome(**changes):
    fields = {
        "receipts": 3,
        "rejected": [Rejection(4, "no_gpu")],
        "gas": Gas(deploy=10, open=20, post=100, settle=260),
        "seconds": 1.5,
        "per_agreement": [
            AgreementLine(0, 0, 1_000, 600, 30, 570, 600),
            AgreementLine(1, 2, 500, 300, 15, 285, 300),
        ],
        "opened": 6,
    }
    return Outcome(**{**fields, **changes})


def test_to_json__everything_agrees__has_exactly_the_named_fields():
    assert outcome().to_json() == {
        "receipts": 3,
        "rejected": [{"line": 4, "reason": "no_gpu"}],
        "agreements": 2,
        "units": 1_500,
        "gross": 900,
        "fees": 45,
        "net": 855,
        "gas": {"deploy": 10, "open": 20, "post": 100, "settle": 260, "per_receipt": 120.0},
        "seconds": 1.5,
        "receipts_per_second": 2.0,
        "per_agreement": [
            {
                "customer": 0,
                "provider": 0,
                "units": 1_000,
                "gross": 600,
                "fee": 30,
                "net": 570,
                "onchain_paid": 600,
            },
            {
                "customer": 1,
                "provider": 2,
                "units": 500,
                "gross": 300,
                "fee": 15,
                "net": 285,
                "onchain_paid": 300,
            },
        ],
        "conserved": True,
    }


def test_to_json__one_difference__is_not_conserved():
    assert (
        outcome(differences=["paid of agreement 0: 1 on the chain, 2 by the model"]).to_json()["conserved"]
        is False
    )


def test_to_json__no_receipts__divides_by_nothing():
    data = outcome(receipts=0, per_agreement=[], gas=Gas()).to_json()
    assert (data["gas"]["per_receipt"], data["receipts_per_second"], data["agreements"]) == (0, 0, 0)


def test_to_json__demo__has_dividends():
    data = outcome(dividends=[Dividend("0xAb", 300 * 10**18, 7)]).to_json()
    assert data["dividends"] == [{"staker": "0xAb", "staked": 300 * 10**18, "claimed": 7}]


def test_to_json__leases__have_exactly_the_named_fields_and_gas_by_kind():
    line = LeaseLine(
        line=3,
        rate=60_000_000,
        start=0,
        stop=100,
        downtime=0,
        served=100,
        gross=6_000,
        fee=199,
        net=5_801,
        refund=0,
        close_reason="exhausted",
        deletion_time=500,
        budget=6_000,
        customer=1,
        provider=1,
        node="rack-b",
        agreement=2**63 + 1,
    )
    data = outcome(leases=[line], gas=Gas(settle=6, parts={"close": 1, "poke": 2, "refund": 3})).to_json()
    assert data["leases"] == [
        {
            "line": 3,
            "rate": 60_000_000,
            "start": 0,
            "stop": 100,
            "downtime": 0,
            "served": 100,
            "gross": 6_000,
            "fee": 199,
            "net": 5_801,
            "refund": 0,
            "close_reason": "exhausted",
            "deletion_time": 500,
            "budget": 6_000,
            "customer": 1,
            "provider": 1,
            "node": "rack-b",
            "agreement": "9223372036854775809",
        }
    ]
    assert data["gas"] == {
        "deploy": 0, "open": 0, "post": 0, "settle": 6, "per_receipt": 2.0, "close": 1, "poke": 2, "refund": 3,
    }  # fmt: skip


def test_to_json__metered__has_no_leases():
    assert "leases" not in outcome().to_json()


def test_write_json__existing_file__is_replaced_whole(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    outcome().write_json(path)
    assert json.loads(path.read_text())["gross"] == 900
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.json"]


def test_write_text__folder_is_missing__raises_and_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="absent"):
        write_text(tmp_path / "absent" / "out.json", "x")
    assert list(tmp_path.iterdir()) == []
