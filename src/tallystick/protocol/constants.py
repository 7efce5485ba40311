"""Fixed numbers of the protocol and its defaults (PROTOCOL section 13), in seconds, µ and basis points."""

from __future__ import annotations

from typing import Final

# Units
CURRENCY_DECIMALS: Final = 6
TALLY_DECIMALS: Final = 18
MICRO: Final = 10**CURRENCY_DECIMALS
"""µ in one whole unit of the currency."""
TALLY: Final = 10**TALLY_DECIMALS
"""TALLY-wei in one TALLY."""
PRICE_SCALE: Final = 1_000_000
"""`unitPrice` is µ per this many units (METERED) or seconds (LEASE)."""
BPS: Final = 10_000
"""Basis points in a whole."""

# Bounds of types
UINT8_MAX: Final = 2**8 - 1
UINT16_MAX: Final = 2**16 - 1
UINT32_MAX: Final = 2**32 - 1
UINT40_MAX: Final = 2**40 - 1
UINT56_MAX: Final = 2**56 - 1
UINT64_MAX: Final = 2**64 - 1
UINT80_MAX: Final = 2**80 - 1
UINT96_MAX: Final = 2**96 - 1
UINT128_MAX: Final = 2**128 - 1
UINT256_MAX: Final = 2**256 - 1

# Bounds of the contracts, for ever
MAX_FEES_BPS: Final = 2_000
"""Provider's and customer's fee together."""
MAX_TERM: Final = 400 * 86_400
"""Seconds from the start of an agreement's clock to its expiry, and from now to its start."""
MAX_OPEN_ITEMS: Final = 256
MAX_BATCH_LEAVES: Final = 256
MAX_VERIFIERS: Final = 16
MAX_SPLIT_MEMBERS: Final = 64
MAX_SIGNED_ITEMS: Final = 128
"""Signed receipts, or releases, of one call."""
MAX_SELF_POSTS: Final = 64
MAX_HOLDS: Final = 200
"""Unfinalised releases and challenged leaves of one agreement at which a release is refused."""
PAUSE_INTERVAL: Final = 30 * 86_400
"""Seconds from the end of a guardian's pause to its next; two batches of a policy are cancelled in as many."""
SESSION_REVOCATION_DELAY: Final = 3_600
MAX_REWARD_BPS: Final = 3_000
BROKEN_BATCH: Final = 10
"""Leaves of a batch under challenge at which none of it settles, and void ones with which it is cancelled."""
MIN_DIVIDEND_STAKE: Final = 10**18
DAY: Final = 86_400
WEEK: Final = 604_800
ACCUMULATOR_SCALE: Final = 10**36
TALLY_CAP: Final = 100_000_000 * TALLY
MAX_DIVIDEND_ITEMS: Final = 200
"""Stakers of one `claimFor`."""
MAX_REWARD_ITEMS: Final = 200
"""Accounts of one checkpoint or claim of rewards."""
MAX_EMISSION_VESTING: Final = 3_650 * DAY

# Encodings
FIGURE_BYTES: Final = 18
OUTPUT_BYTES: Final = 32
LEAF_BYTES: Final = 52

# Defaults of a deployment
CHALLENGE_WINDOW: Final = 86_400
SELF_POST_WINDOW: Final = 259_200
RESPONSE_WINDOW: Final = 21_600
NOTICE: Final = 3_600
REPORT_TIME: Final = 86_400
"""Seconds in which a lease's downtime is reported."""
SILENCE: Final = 86_400
"""Seconds of a relayer's silence after which anyone may post with full signatures."""
POST_GRACE: Final = 86_400
SETTLE_GRACE: Final = 86_400
MAX_LIABILITY: Final = 1_209_600
MAX_PAUSE: Final = 259_200
THAW_PERIOD: Final = 1_814_400
KEY_REVOCATION_DELAY: Final = 86_400
COVERAGE_BPS: Final = 1_000
STAKE_MULTIPLE: Final = 10
VALUE_CAP: Final = 1_000_000 * MICRO
SELF_POST_BOND: Final = 100 * MICRO
CONTEST_TIME: Final = 86_400
EVIDENCE_TIME: Final = 86_400
RULING_TIME: Final = 172_800
APPEAL_TIME: Final = 86_400
BACKING_BOND: Final = 20 * MICRO
VOID_PENALTY: Final = 100 * MICRO
PENALTY_CAP: Final = 1_000 * MICRO
MIN_BOND: Final = 50 * MICRO
BOND_BPS: Final = 500
SLASH_BPS: Final = 10_000
REWARD_BPS: Final = 2_000
ACCUSED_BPS: Final = 6_000
ARBITER_FEE: Final = 25 * MICRO
APPEAL_FEE: Final = 55 * MICRO
MIN_STAKE_PROVIDER: Final = 1_000 * MICRO
MIN_STAKE_VERIFIER: Final = 2_000 * MICRO
MIN_STAKE_RELAYER: Final = 10_000 * MICRO
FEE_PROVIDER_BPS: Final = 500
FEE_CUSTOMER_BPS: Final = 0
DIVIDENDS_BPS: Final = 7_000
INSURANCE_BPS: Final = 2_000
TREASURY_BPS: Final = 1_000
EXIT_DELAY: Final = 604_800
EMISSION_RATE: Final = 10 * 10**12
"""R0: TALLY-wei a µ of fees, before the first halving (PROTOCOL section 9)."""
EMISSION_HALVING: Final = 5 * 10**12
"""L: µ of fees after which the rate halves (PROTOCOL section 9)."""
EMISSION_DAILY_FEES: Final = 100_000 * MICRO
"""D: µ of fees that count on one day, of all accounts (PROTOCOL section 13)."""
EMISSION_VESTING: Final = 90 * DAY
"""Seconds from the midnight after a reward counted until all of it has vested (PROTOCOL section 9)."""
