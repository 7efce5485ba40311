"""Tables of the relayer's database: SQLAlchemy Core, for SQLite (WAL) first and PostgreSQL later.

Conventions: hashes, keys, signatures and calldata are raw bytes; owners and contract addresses too. Money is
whole µ, times are seconds since 1970 by the *chain's* clock. An agreement's number is uint64 but stays below
2^63 as long as fewer than 2^31 agreements were opened; units above 2^63 - 1 are refused at the door. A
batch's number has 96 bits and is kept as decimal text.

The mirror (policies, operators, operator_keys, credentials, credential_nonces, agreements, the events in challenges
and rewards, pauses and dividends in meta) is written by `relayer.follow` alone, from finalized events alone, in the
same database transaction as the cursor (meta `followed_block`).
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Serial = BigInteger().with_variant(Integer, "sqlite")  # an alias of SQLite's rowid; BIGSERIAL in PostgreSQL

# What this database was made for (schema of its values: store/database.py) and how far the follower has read.
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# -- mirror of the chain -------------------------------------------------------------------

policies = Table(
    "policies",
    metadata,
    Column("policy", Integer, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),  # VerificationKind: 0 NONE, 1 ATTESTED, 2 QUORUM, 3 TEE
    Column("quorum", SmallInteger, nullable=False),
    Column("relayer", BigInteger, nullable=False),  # operator
    Column("coverage_bps", Integer, nullable=False),
    Column("stake_multiple", Integer, nullable=False),
    Column("value_cap", BigInteger, nullable=False),  # µ; larger caps are kept as 2^63 - 1
    # µ of gross that one agreement may move in one batch; 0: no cap
    Column("gross_cap", BigInteger, nullable=False, server_default=text("0")),
    Column("challenge_window", BigInteger, nullable=False),
    Column("self_post_window", BigInteger, nullable=False),
    Column("response_window", BigInteger, nullable=False),
    Column("notice", BigInteger, nullable=False),
    Column("report_time", BigInteger, nullable=False, server_default=text("0")),
    Column("silence", BigInteger, nullable=False, server_default=text("0")),  # then anyone may post
    # whose credentials count, and the one measurement that counts under TEE; zeros: nobody's, any
    Column("issuer", LargeBinary(20), nullable=False, server_default=text("x''")),
    Column("measurement", LargeBinary(32), nullable=False, server_default=text("x''")),
    # lowest version and confidence (bps) of a verdict that counts
    Column("verifier_version", BigInteger, nullable=False, server_default=text("0")),
    Column("min_confidence", Integer, nullable=False, server_default=text("0")),
    Column("verifiers", JSON, nullable=False),  # operators, rising
    Column("retired", Boolean, nullable=False),
)

operators = Table(
    "operators",
    metadata,
    Column("operator", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", LargeBinary(20), nullable=False),
    Column("roles", SmallInteger, nullable=False),  # mask: 1 PROVIDER, 2 VERIFIER, 4 RELAYER
)

operator_keys = Table(
    "operator_keys",
    metadata,
    Column("operator", BigInteger, primary_key=True, autoincrement=False),
    # KeyKind: 0 DEVICE, 1 VERIFIER, 2 SIGNER
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary(20), primary_key=True),  # address of the key
    Column("valid_from", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, nullable=False, server_default=text("0")),  # 0: not revoked
    Index("ix_operator_keys_key", "key"),
)

# TEE credentials of device keys, which back receipts under policies of that kind. The newest of each record.
credentials = Table(
    "credentials",
    metadata,
    Column("issuer", LargeBinary(20), primary_key=True),
    Column("device", LargeBinary(20), primary_key=True),
    Column("agreement", BigInteger, primary_key=True, autoincrement=False),  # what it is bound to
    Column("measurement", LargeBinary(32), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, nullable=False, server_default=text("0")),  # 0: not revoked
)

# The highest nonce of each record of `Credentials`, of whatever kind: nothing at or below it counts any more.
credential_nonces = Table(
    "credential_nonces",
    metadata,
    # keccak256 of issuer, kind, subject and binding, as the contract has it
    Column("record", LargeBinary(32), primary_key=True),
    Column("nonce", BigInteger, nullable=False),  # larger ones are kept as 2^63 - 1
)

agreements = Table(
    "agreements",
    metadata,
    Column("agreement", BigInteger, primary_key=True, autoincrement=False),
    Column("customer", BigInteger, nullable=False),
    Column("funder", BigInteger, nullable=False),
    Column("operator", BigInteger, nullable=False),
    Column("payee", BigInteger, nullable=False),
    Column("mode", SmallInteger, nullable=False),  # Mode: 0 METERED, 1 LEASE
    Column("policy", Integer, nullable=False),
    Column("unit_price", BigInteger, nullable=False),  # µ per 1e6 units; LEASE: per 1e6 seconds
    Column("budget", BigInteger, nullable=False),  # µ
    Column("fee_provider", Integer, nullable=False),  # bps
    Column("fee_customer", Integer, nullable=False),  # bps
    Column("start", BigInteger, nullable=False),  # when its clock started
    Column("expiry", BigInteger, nullable=False),
    # 0: no close asked; else the end
    Column("stop_at", BigInteger, nullable=False, server_default=text("0")),
    # LEASE: the second at which its money runs out; 0 for METERED
    Column("funded_until", BigInteger, nullable=False, server_default=text("0")),
    # LEASE: seconds not served that count already
    Column("downtime", BigInteger, nullable=False, server_default=text("0")),
    Column("status", SmallInteger, nullable=False),  # Status: 1 OPEN, 2 CLOSED
    Column("paid", BigInteger, nullable=False, server_default=text("0")),  # µ gross, by finalized settlements
    Column("opened_block", BigInteger, nullable=False),
    # a dispute froze it: nothing of it is settled until it runs on, or is closed
    Column("frozen", Boolean, nullable=False, server_default=text("0")),
    CheckConstraint("paid <= budget", name="never_pays_above_its_budget"),
    Index("ix_agreements_policy_status", "policy", "status"),
)

# -- what was taken in ---------------------------------------------------------------------

receipts = Table(
    "receipts",
    metadata,
    Column("seq", _Serial, primary_key=True),  # order of arrival
    Column("hash", LargeBinary(32), nullable=False, unique=True),  # EIP-712 struct hash: the id
    Column("agreement", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("period_start", BigInteger, nullable=False),
    Column("period_end", BigInteger, nullable=False),
    Column("output_root", LargeBinary(32), nullable=False),
    Column("exclusive", Boolean, nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
    Column("signer", LargeBinary(20), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index("ix_receipts_agreement_units", "agreement", "units"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("seq", _Serial, primary_key=True),
    # EIP-712 struct hash; two verifiers may sign the same one
    Column("hash", LargeBinary(32), nullable=False),
    Column("agreement", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("output_root", LargeBinary(32), nullable=False),
    Column("valid", Boolean, nullable=False),
    Column("verifier_version", BigInteger, nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
    Column("operator", BigInteger, nullable=False),  # the verifier
    Column("received_at", BigInteger, nullable=False),
    UniqueConstraint("hash", "operator"),
    Index("ix_verdicts_agreement_units", "agreement", "units"),
)

# The newest payable figure of each agreement. It waits for a batch while units > batched_units.
figures = Table(
    "figures",
    metadata,
    Column("agreement", BigInteger, primary_key=True, autoincrement=False),
    Column("units", BigInteger, nullable=False),
    Column("output_root", LargeBinary(32), nullable=False),
    # zeros: a lease's downtime that verdicts alone make payable
    Column("receipt_hash", LargeBinary(32), nullable=False),
    # When the agreement began to wait; a newer figure that comes while an older waits keeps that one's time.
    Column("ready_at", BigInteger, nullable=False),
    # highest in a batch; batch.py writes it
    Column("batched_units", BigInteger, nullable=False, server_default=text("0")),
)
Index(
    "ix_figures_waiting",
    figures.c.ready_at,
    sqlite_where=figures.c.units > figures.c.batched_units,
    postgresql_where=figures.c.units > figures.c.batched_units,
)

# Credentials and revocations that issuers signed, on their way into `Credentials`.
statements = Table(
    "statements",
    metadata,
    Column("seq", _Serial, primary_key=True),  # order of arrival, in which those of one record are posted
    Column("hash", LargeBinary(32), nullable=False, unique=True),  # EIP-712 struct hash: the id
    Column("revocation", Boolean, nullable=False),
    Column("record", LargeBinary(32), nullable=False),  # as in credential_nonces
    Column("issuer", LargeBinary(20), nullable=False),
    Column("kind", SmallInteger, nullable=False),  # CredentialKind
    Column("subject", LargeBinary(20), nullable=False),
    Column("binding", LargeBinary(32), nullable=False),
    Column("value", LargeBinary(32), nullable=False),  # of a revocation zeros
    Column("expires_at", BigInteger, nullable=False),  # of a revocation 0
    Column("nonce", BigInteger, nullable=False),
    Column("signature", LargeBinary(65), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    # waiting -> posting -> posted, by final events; refused: it will never be posted, `reason` says why.
    # A call that failed as a whole takes its items back to waiting.
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("reason", Text, nullable=False, server_default=text("''")),
    # the logical transaction that it was last put into, and its place in that call
    Column("call_key", Text),
    Column("place", Integer),
    Column("tries", Integer, nullable=False, server_default=text("0")),  # calls that failed
    Column("retry_at", BigInteger, nullable=False, server_default=text("0")),  # not to be tried again before
    CheckConstraint("state IN ('waiting', 'posting', 'posted', 'refused')", name="known_state"),
    CheckConstraint(
        "state <> 'posting' OR (call_key IS NOT NULL AND place IS NOT NULL)", name="posting_names_its_call"
    ),
    CheckConstraint("(state = 'refused') = (reason <> '')", name="refused_says_why"),
    CheckConstraint("nonce > 0", name="nonce_above_zero"),
    Index("ix_statements_record_nonce", "record", "nonce"),
    Index("ix_statements_state", "state"),
)

# -- what went out -------------------------------------------------------------------------

batches = Table(
    "batches",
    metadata,
    Column("batch", Text, primary_key=True),  # decimal: policy << 80 | operator << 48 | nonce
    Column("policy", Integer, nullable=False),
    Column("operator", BigInteger, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),  # µ declared: gross + customer fee
    Column("deadline", BigInteger, nullable=False),
    Column("figures", LargeBinary, nullable=False),  # n x 18 bytes
    Column("outputs", LargeBinary, nullable=False),  # n x 32 bytes
    Column("root", LargeBinary(32), nullable=False),
    Column("figures_hash", LargeBinary(32), nullable=False),
    # planned -> posted -> settling -> settled; lost: another batch took its number; cancelled: by the guardian.
    # The figures of a lost or cancelled batch wait again.
    Column("state", Text, nullable=False),
    # which limit closed it: age, size or gas
    Column("criterion", Text, nullable=False, server_default=text("''")),
    Column("posted_at", BigInteger),  # block time of the post; NULL until it is mined
    Column("moved", BigInteger, nullable=False, server_default=text("0")),  # µ, by finalized settlements
    # logical transactions that were used up: the present ones are post:<batch>:<n> and settle:<batch>:<n>
    Column("post_tries", Integer, nullable=False, server_default=text("0")),
    Column("settle_tries", Integer, nullable=False, server_default=text("0")),
    Column("retry_at", BigInteger, nullable=False, server_default=text("0")),  # not to be tried again before
    Column("problem", Text, nullable=False, server_default=text("''")),  # why the last try failed
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("policy", "operator", "nonce"),
    CheckConstraint(
        "state IN ('planned', 'posted', 'settling', 'settled', 'lost', 'cancelled')", name="known_state"
    ),
    Index("ix_batches_state", "state"),
)

batch_leaves = Table(
    "batch_leaves",
    metadata,
    Column("batch", Text, ForeignKey("batches.batch"), primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("agreement", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("output_root", LargeBinary(32), nullable=False),
    Index("ix_batch_leaves_agreement_units", "agreement", "units"),
)

# Backing challenges, by final events; answer.py writes `tries`, `retry_at` and `problem`, and settles what followed.
challenges = Table(
    "challenges",
    metadata,
    Column("batch", Text, primary_key=True),  # decimal; perhaps none that this database knows
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("agreement", BigInteger, nullable=False),
    Column("relayer", BigInteger, nullable=False),  # operator whose batch it is
    Column("challenger", LargeBinary(20), nullable=False),
    Column("bond", BigInteger, nullable=False),  # µ
    Column("starts_at", BigInteger, nullable=False),  # of the time to answer; 0 while it waits for a place
    Column("state", Text, nullable=False),  # open -> answered, void or dismissed, by final events
    # logical transactions that were used up: the present one is answer:<batch>:<idx>:<n>
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("retry_at", BigInteger, nullable=False, server_default=text("0")),
    Column("problem", Text, nullable=False, server_default=text("''")),
    # void: whether its figure was given another chance, or set aside
    Column("seen_to", Boolean, nullable=False, server_default=text("0")),
    CheckConstraint("state IN ('open', 'answered', 'void', 'dismissed')", name="known_state"),
    Index("ix_challenges_state", "state"),
)

# What verifiers reject: ingest_verdicts.py adds one with the first INVALID verdict, propose.py takes it to the Court.
rejections = Table(
    "rejections",
    metadata,
    Column("agreement", BigInteger, primary_key=True, autoincrement=False),
    Column("valid_units", BigInteger, primary_key=True, autoincrement=False),  # so many are valid
    Column("output_root", LargeBinary(32), primary_key=True),  # of the figure that is rejected
    # waiting -> proposing -> proposed, by a final event; over: its agreement was closed
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("dispute", BigInteger),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("retry_at", BigInteger, nullable=False, server_default=text("0")),
    Column("problem", Text, nullable=False, server_default=text("''")),
    CheckConstraint("state IN ('waiting', 'proposing', 'proposed', 'over')", name="known_state"),
    Index("ix_rejections_state", "state"),
)

# When a lease's clock was last asked to be paid; written by keep.py with the transaction that asks.
lease_pokes = Table(
    "lease_pokes",
    metadata,
    Column("agreement", BigInteger, primary_key=True, autoincrement=False),
    Column("asked_at", BigInteger, nullable=False),
)

# What each payee's final work brought in fees, and what of it counts for rewards; both by final events, see
# relayer/rewards.py. The last two columns are written by checkpoint.py, with the transaction that asks.
rewards = Table(
    "rewards",
    metadata,
    Column("account", BigInteger, primary_key=True, autoincrement=False),
    Column("fees", BigInteger, nullable=False, server_default=text("0")),  # µ, ever: the Escrow's rewardBase
    Column("overturned", BigInteger, nullable=False, server_default=text("0")),  # µ, ever
    Column("counted", BigInteger, nullable=False, server_default=text("0")),  # µ, less what was forfeited
    # µ of `counted` that the next checkpoint takes back, for as many that were overturned since the last
    Column("forfeiting", BigInteger, nullable=False, server_default=text("0")),
    # chain time since which fees wait to be counted; 0: none do
    Column("waiting_since", BigInteger, nullable=False, server_default=text("0")),
    # beginning of the period in which it was last looked after, and the logical transaction that was asked for then
    Column("asked_for", BigInteger, nullable=False, server_default=text("0")),
    Column("asked_key", Text),
    Index("ix_rewards_waiting_since", "waiting_since"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("agreement", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("agreement", "units", "reason"),
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # what it is for, e.g. post:<batch>:0
    Column(
        "kind", Text, nullable=False
    ),  # post, settle, refund, poke, answer, propose, checkpoint, credentials, …
    Column("sender", LargeBinary(20), nullable=False),
    Column("target", LargeBinary(20), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("gas_limit", BigInteger),  # NULL: the engine estimates when it signs
    Column("nonce", BigInteger),  # NULL until signed
    # queued -> sent -> mined -> final | reverted; refused: its simulation failed, it was never signed
    Column("state", Text, nullable=False),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary(32)),
    # {"hash", "block", "blockHash", "status", "gasUsed", "effectiveGasPrice", "timestamp"}
    Column("receipt", JSON),
    Column("problem", Text, nullable=False, server_default=text("''")),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint(
        "state IN ('queued', 'sent', 'mined', 'final', 'reverted', 'refused')", name="known_state"
    ),
    # One transaction a nonce; one that lost its nonce to a stranger for good is given another.
    UniqueConstraint("sender", "nonce"),
    Index("ix_transactions_state", "state"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("transaction_id", BigInteger, ForeignKey("transactions.id"), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("raw", LargeBinary, nullable=False),  # signed bytes, committed before the first broadcast
    Column("max_fee", BigInteger, nullable=False),  # wei per gas
    Column("priority_fee", BigInteger, nullable=False),  # wei per gas
    Column("block", BigInteger, nullable=False),  # newest block when it was signed
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),  # NULL: never handed to a node, as far as we know
    Index("ix_attempts_transaction", "transaction_id"),
)
