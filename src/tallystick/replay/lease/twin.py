"""The same script in the executable specification."""

from __future__ import annotations

from collections.abc import Sequence

from tallystick.protocol.enums import VerificationKind
from tallystick.protocol.model import Model
from tallystick.replay.cast import Cast, Parties
from tallystick.replay.lease.audit import Facts
from tallystick.replay.lease.plan import LeasePlan
from tallystick.replay.lease.script import Act, Kind
from tallystick.replay.opening import Opened
from tallystick.replay.twin import name_of, open_in_model

__all__ = ["facts_of_model", "play_in_model"]


def play_in_model(
    cast: Cast,
    parties: Parties,
    plan: LeasePlan,
    opened: Opened,
    acts: Sequence[Act],
    *,
    window: int,
    base: int,
    now: int,
) -> Model:
    """Opens at `now`, and does every act, in a `Model`, as on the chain.

    Raises:
        ReplayError: `not_opened`, when the model numbers the agreements otherwise than the chain.
        Refused: when the model would not let something happen.
    """
    model = open_in_model(cast, parties, plan, opened, window, now, VerificationKind.NONE)
    owners = [name_of(key) for key in cast.provider_keys]
    for act in acts:
        numbers, at = [opened.numbers[place] for place in act.leases], base + act.at
        if act.kind is Kind.CLOSE:
            owner = owners[plan.leases[act.leases[0]].provider]
            model.escrow.close(numbers[0], caller=owner, now=at)
        elif act.kind is Kind.POKE:
            model.escrow.poke(numbers, now=at)
        else:
            model.escrow.refund_many(numbers, now=at)
    return model


def facts_of_model(model: Model, opened: Opened) -> list[Facts]:
    """The model's leases as `audit.facts_of_chain` gives the chain's."""
    return [
        Facts(
            rate=one.unit_price,
            budget=one.budget,
            fee_bps=one.fee_provider,
            start=one.start,
            expiry=one.end,
            stop_at=one.stop_at,
            downtime=one.downtime,
            paid=one.paid,
            refunded=one.refunded,
            status=int(one.status),
            reason=int(one.close_reason),
        )
        for one in (model.escrow.agreements[number] for number in opened.numbers)
    ]
