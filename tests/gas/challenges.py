"""What backing challenges and equivocation cost, in whole transactions: rows for the gas table.

The leaf is one of a full batch of 256, so its proof is as long as it gets, with a receipt behind it; under QUORUM two
verdicts besides. Challengers and answerers have done this before; the batch had no challenge yet where it says so.
"""

from __future__ import annotations

from tests.support.challenges import QUORUM, RESPONSE, WALT, WANDA, Room, open_room
from tests.support.escrow import DAY, MALLORY, RITA, Posted
from tests.support.evm import Account

LEAVES = 256
WARM = 255  # a leaf that is played through first, so that counters and credits are written


def challenge_gas() -> dict[str, int]:
    """Gas by name."""
    return _backing() | _line() | _equivocation()


def _full_batch(room: Room, policy: int) -> Posted:
    """256 leaves; nobody has played with them."""
    agreements: list[int] = []
    for _ in range(4):
        agreements += room.opened_many([room.terms(policy=policy) for _ in range(LEAVES // 4)])
    room.evm.warp(600)
    batch = room.post([(number, 100_000) for number in agreements], policy=policy)
    for index, number in enumerate(sorted(agreements)):
        if index < 16 or index == WARM:
            room.backed[batch.number, index] = room.signed_receipt(
                number, 100_000, output_root=batch.output(index), verdicts=(3, 4) if policy == QUORUM else ()
            )
    return batch


def _warm(room: Room) -> None:
    """Everybody has been challenging, answering and being paid for a while."""
    for index, sender in ((0, WANDA), (1, WALT)):
        batch = room.posted(3)
        for leaf in range(3):
            room.challenge(batch, leaf, sender=sender)
        room.answer(batch, 0, sender=RITA)
        room.answer(batch, 1, sender=sender)
        room.evm.warp(RESPONSE)
        room.void(batch, 2)
        room.evm.warp(index)


def _measured(room: Room, name: str, batch: Posted, index: int, sender: Account) -> int:
    if name == "challenge":
        return room.challenge(batch, index, sender=sender, measure=True).gas
    if name == "answer":
        return room.answer(batch, index, sender=sender, measure=True).gas
    if name == "void":
        return room.void(batch, index, sender=sender, measure=True).gas
    return room.dismiss(batch, index, sender=sender, measure=True).gas


def _backing() -> dict[str, int]:
    gas: dict[str, int] = {}
    for policy, label in ((1, ""), (QUORUM, ", with two verdicts")):
        room = open_room()
        _warm(room)
        batch = _full_batch(room, policy)
        if not label:
            gas["challenge a leaf of 256, the batch's first"] = _measured(room, "challenge", batch, 0, WANDA)
            gas["challenge a leaf of 256"] = _measured(room, "challenge", batch, 1, WANDA)
        else:
            room.challenge(batch, 0)
        gas[f"answer a challenge{label}"] = _measured(room, "answer", batch, 0, RITA)
        if label:
            break
        room.challenge(batch, 2)
        room.rule_closed(room.agreement_at(batch, 2))
        gas["dismiss a challenge"] = _measured(room, "dismiss", batch, 2, MALLORY)
        for index in range(3, 12):
            room.challenge(batch, index)
        room.evm.warp(RESPONSE)
        gas["void a leaf, the relayer slashed"] = _measured(room, "void", batch, 1, MALLORY)
        for index in range(3, 11):
            room.void(batch, index)
        gas["void a batch's tenth leaf, which cancels it"] = _measured(room, "void", batch, 11, MALLORY)
    return gas


def _line() -> dict[str, int]:
    room = open_room()
    _warm(room)
    batches = [room.posted(8) for _ in range(3)]
    for batch in batches[:2]:
        for index in range(8):
            room.challenge(batch, index)
    room.challenge(batches[2], 0)
    room.challenge(batches[2], 1)
    waits = _measured(room, "challenge", batches[2], 2, WANDA)
    starts = _measured(room, "answer", batches[0], 0, RITA)
    middle = _measured(room, "answer", batches[2], 1, RITA)
    return {
        "challenge a leaf that waits in line": waits,
        "answer a challenge, another starts": starts,
        "answer a challenge that waits": middle,
    }


def _equivocation() -> dict[str, int]:
    room = open_room()
    numbers = [room.opened(budget=1_000_000) for _ in range(5)]
    room.evm.warp(DAY)
    now = {"period_start": room.now - 90_000, "period_end": room.now - 86_400}
    first, *others = (room.signed_receipt(number, 60, **now) for number in numbers)
    for item in others[:2]:
        room.challenges.transact("equivocation", first, item, sender=WANDA)
    sold = room.challenges.transact("equivocation", first, others[2], sender=WANDA, measure=True).gas
    said = [room.signed_receipt(numbers[4], 60, output_root=bytes([i]) * 32) for i in (1, 2)]
    twice = room.challenges.transact("equivocation", *said, sender=WANDA, measure=True).gas
    return {
        "equivocation, a period sold twice": sold,
        "equivocation, another output said": twice,
    }
