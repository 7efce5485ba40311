"""The same replay in the executable specification: what the books must be if the contracts do what they
promise."""

from __future__ import annotations

from tallystick.protocol.constants import MAX_BATCH_LEAVES
from tallystick.protocol.eip712 import BatchHeader
from tallystick.protocol.enums import HardwareClass, KeyKind, Role, VerificationKind
from tallystick.protocol.figures import encode_figures, join_outputs
from tallystick.protocol.keys import PrivateKey, to_checksum
from tallystick.protocol.model import Addresses, Model, ModelParameters, SignedTerms
from tallystick.replay.audit import Books
from tallystick.replay.cast import Cast, Parties
from tallystick.replay.errors import ReplayError
from tallystick.replay.opening import AT_ONCE, Opened
from tallystick.replay.plan import Commitments, Survey
from tallystick.replay.stage import deposits_of, policy_for, stakes_for

__all__ = ["books_of", "name_of", "open_in_model", "play_in_model"]

BANK = "bank"


def play_in_model(cast: Cast, parties: Parties, survey: Survey, opened: Opened, window: int) -> Model:
    """Registers, deposits, opens, posts and settles in a `Model` what the replay did on the chain.

    Each agreement's last receipt is posted once: figures are cumulative, so how often the relayer posted in
    between makes no difference to any balance.

    Raises:
        ReplayError: `not_opened`, when the model numbers the agreements otherwise than the chain.
        Refused: when the model would not let it happen at all.
    """
    start = opened.terms[0].start
    model = open_in_model(cast, parties, survey, opened, window, start)
    _settle(model, cast, parties, survey, opened, start, window)
    return model


def open_in_model(
    cast: Cast,
    parties: Parties,
    plan: Commitments,
    opened: Opened,
    window: int,
    now: int,
    kind: VerificationKind = VerificationKind.ATTESTED,
) -> Model:
    """A `Model` with the same people, deposits and agreements as on the chain, all opened at `now`.

    Raises:
        ReplayError: `not_opened`, when the model numbers the agreements otherwise than the chain.
        Refused: when the model would not let it happen at all.
    """
    addresses = Addresses(treasury=name_of(PrivateKey.from_seed(cast.seed, "treasury")))
    model = Model(ModelParameters(addresses=addresses, fee_provider=plan.fee_bps, fee_customer=0))
    _people(model, cast, parties, plan, window, now, kind)
    numbers: list[int] = []
    for first in range(0, len(opened.terms), AT_ONCE):
        offers = [SignedTerms(terms) for terms in opened.terms[first : first + AT_ONCE]]
        numbers += [opening.agreement for opening in model.escrow.open_many(offers, now=now)]
    if numbers != opened.numbers:
        raise ReplayError("not_opened", "The model numbers the agreements otherwise than the chain did.")
    return model


def _people(
    model: Model,
    cast: Cast,
    parties: Parties,
    plan: Commitments,
    window: int,
    now: int,
    kind: VerificationKind,
) -> None:
    stakes, deposits = stakes_for(plan), deposits_of(plan)
    model.currency.mint(BANK, stakes.total + sum(deposits))
    card = HardwareClass.DATA_CENTRE_GPU
    people = [
        (number, key, Role.PROVIDER, card, stake)
        for number, key, stake in zip(
            parties.provider_operators, cast.provider_keys, stakes.providers, strict=True
        )
    ]
    people.append((parties.verifier, cast.verifier_owner, Role.VERIFIER, HardwareClass.NONE, stakes.verifier))
    people.append((parties.relayer, cast.relayer_owner, Role.RELAYER, HardwareClass.NONE, stakes.relayer))
    for _, key, role, card, stake in sorted(people, key=lambda one: one[0]):
        model.staking.stake(model.staking.register(role, card, caller=name_of(key)), stake, caller=BANK)
    owner, hot = name_of(cast.relayer_owner), name_of(cast.relayer_key)
    model.staking.authorise_key(parties.relayer, KeyKind.SIGNER, hot, caller=owner, now=now)
    policy = policy_for(parties.verifier, parties.relayer, stakes.value_cap, window, kind)
    model.policy_book.add(policy, caller=model.parameters.addresses.admin)
    for key in (*cast.customer_keys, *cast.provider_keys):
        model.escrow.create_account(name_of(key))
    for account, amount in zip(parties.customer_accounts, deposits, strict=True):
        if amount:
            model.escrow.deposit(account, amount, caller=BANK)


def _settle(
    model: Model, cast: Cast, parties: Parties, survey: Survey, opened: Opened, now: int, window: int
) -> None:
    last = sorted((opened.numbers[slot], slot) for slot in survey.used)
    batches = []
    for first in range(0, len(last), MAX_BATCH_LEAVES):
        part = last[first : first + MAX_BATCH_LEAVES]
        figures = encode_figures((number, survey.units[slot]) for number, slot in part)
        outputs = join_outputs([step.root for _, slot in part if (step := survey.newest[slot]) is not None])
        value = sum(survey.gross(slot) for _, slot in part)
        nonce = model.ledger.next_nonce(parties.policy, parties.relayer)
        header = BatchHeader(parties.policy, value, nonce, now)
        batch = model.ledger.post(header, figures, outputs, caller=name_of(cast.relayer_key), now=now)
        batches.append((batch, figures))
    for batch, figures in batches:
        model.ledger.settle(batch, figures, now=now + window)


def books_of(model: Model, parties: Parties, opened: Opened) -> Books:
    """The model's books, as `audit.read_books` gives the chain's."""
    agreements = [model.escrow.agreements[number] for number in opened.numbers]
    balances = [model.escrow.balance_of(account) for account in parties.customer_accounts]
    earnings = [model.escrow.earnings_of(account) for account in parties.provider_accounts]
    accrued, collected = model.escrow.fee_totals()
    return Books(
        block=0,
        paid=[one.paid for one in agreements],
        budget=[one.budget for one in agreements],
        status=[int(one.status) for one in agreements],
        free=[free for free, _ in balances],
        locked=[locked for _, locked in balances],
        received=[one[0] for one in earnings],
        claimed=[one[1] for one in earnings],
        reward_base=[one[2] for one in earnings],
        fees_accrued=accrued,
        fees_collected=collected,
        currency=model.currency.balance_of(model.parameters.addresses.escrow),
    )


def name_of(key: PrivateKey) -> str:
    """What the model calls the owner of a key."""
    return to_checksum(key.address)
