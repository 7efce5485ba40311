// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Types of batches, receipts, releases and session keys. µ is the base unit of the
// 6-decimal currency; times are seconds since 1970; shares are basis points (1/10 000).

/// @notice Why a figure or a lease's clock moved less than it says. Everything but CAPPED_AT_BUDGET moved nothing.
/// - NOT_METERED: an instant release of a lease's downtime; NOT_A_LEASE: a clock was asked of a metered agreement.
/// - HELD: leaves under challenge or unfinalised releases stop a lease's clock.
/// - DOWNTIME_ABOVE_ELAPSED: more seconds not served than had passed when the figure was posted.
/// - ABOVE_BATCH_CAP: the step is above what the policy lets one agreement move in one batch.
/// - NOT_RELEASABLE: too many unfinalised releases, or too little free stake.
/// - AHEAD_OF_CLOCK: a countersigned lease figure reaches beyond now or the lease's end.
enum SkipReason {
    NONE,
    UNKNOWN_AGREEMENT,
    CLOSED,
    OTHER_POLICY,
    NOT_METERED,
    FROZEN,
    STALE,
    ABOVE_DECLARED_VALUE,
    VOID,
    CAPPED_AT_BUDGET,
    NOT_A_LEASE,
    HELD,
    DOWNTIME_ABOVE_ELAPSED,
    ABOVE_BATCH_CAP,
    NOT_RELEASABLE,
    AHEAD_OF_CLOCK
}

/// @notice What the signers of a relayer vouch for besides figures and root.
/// @param policy The one policy of all agreements in the batch.
/// @param value µ (gross + customer fee) that the batch may move at most.
/// @param nonce The number of batches which this relayer posted before under this policy.
/// @param deadline Last second at which the batch can be posted.
struct BatchHeader {
    uint16 policy;
    uint64 value;
    uint48 nonce;
    uint40 deadline;
}

/// @notice A posted batch as `ReceiptLedger` keeps it.
/// @param postedAt When it was posted; 0 means that there is no such batch.
/// @param policy Its policy.
/// @param leaves How many figures it has (1 to 256).
/// @param relayer The operator that posted it.
/// @param value Declared µ.
/// @param moved µ (gross + customer fee) moved so far.
/// @param flags Bit 0: its value is no longer in flight; 1: a self-post; 2: posted by anyone with full signatures;
/// 3: cancelled; 4: some of its leaves were challenged.
/// @param root Merkle root over (index, figure, outputRoot), OpenZeppelin layout.
/// @param figuresHash keccak256 of the figures.
struct Batch {
    uint40 postedAt;
    uint16 policy;
    uint16 leaves;
    uint32 relayer;
    uint64 value;
    uint64 moved;
    uint24 flags;
    bytes32 root;
    bytes32 figuresHash;
}

/// @notice A receipt as a device signs it (EIP-712, domain of `ReceiptLedger`).
/// @param agreement Its number.
/// @param units Cumulative: METERED, units delivered since the beginning; LEASE, seconds not served.
/// @param periodStart First second that the last increment covers.
/// @param periodEnd Second after the last that it covers; at most the agreement's end.
/// @param outputRoot Commits to the output and the raw usage records.
/// @param exclusive Whether the device served nobody else in the period.
struct Receipt {
    uint64 agreement;
    uint80 units;
    uint32 periodStart;
    uint32 periodEnd;
    bytes32 outputRoot;
    bool exclusive;
}

/// @notice One verifier's verdict: what of `Verdict` its context does not say. A valid one is on a receipt's units and
/// outputRoot; an invalid one on the outputRoot that it rejects, with the units that are valid.
struct VerdictSignature {
    uint32 verifier;
    uint32 verifierVersion;
    uint16 confidence;
    bytes signature;
}

/// @notice A receipt with the signatures behind it; what a path does not need stays empty.
/// @param receipt What is claimed.
/// @param device By a DEVICE key of the agreement's operator, over `Receipt`.
/// @param sessionKey The customer's session key that accepts; zero: the customer's owner accepts.
/// @param acceptance By the customer's owner or that key, over `Acceptance`; it stands in for the verdicts.
/// @param funderAcceptance By the funder's owner, over the same, when it is not the customer and the policy does not waive it.
/// @param verdicts By the policy's verifiers, strictly rising.
struct SignedReceipt {
    Receipt receipt;
    bytes device;
    address sessionKey;
    bytes acceptance;
    bytes funderAcceptance;
    VerdictSignature[] verdicts;
}

/// @notice What is wrong with one signed receipt of a call. The others of the call are not affected.
enum ReceiptFault {
    NONE,
    UNKNOWN_AGREEMENT,
    CLOSED,
    FROZEN,
    OTHER_POLICY,
    NOT_A_LEASE,
    OUTSIDE_PERIOD,
    NOT_RISING,
    NOT_OPERATOR,
    BAD_DEVICE_SIGNATURE,
    DEVICE_NOT_ATTESTED,
    BAD_ACCEPTANCE,
    SESSION_NOT_GOOD,
    BAD_FUNDER_ACCEPTANCE,
    NOT_ENOUGH_VERDICTS,
    NOTHING_DUE,
    NO_BOND,
    NOT_POSTED,
    LEAF_VOID
}

/// @notice A figure that needs no window, for `Escrow.settleSigned`.
/// @param units METERED: units; LEASE: seconds not served up to `until`.
/// @param until LEASE: pay the clock up to here; unused for METERED.
/// @param cap µ of gross that may move at most: what a session key may still accept.
struct SignedFigure {
    uint64 agreement;
    uint80 units;
    uint32 until;
    uint64 cap;
}

/// @notice One leaf to be released at once, with its proof.
struct ReleaseRequest {
    uint96 batch;
    uint16 index;
    bytes18 figure;
    bytes32 output;
    bytes32[] proof;
}

/// @notice An instant release as `ReceiptLedger` keeps it.
/// @param amount µ (gross + customer fee) reserved of the operator's stake.
/// @param fees µ of both fees, which `rewardBase` waits for.
/// @param operator Whose stake.
/// @param answered Whether full signatures were shown after the batch was cancelled.
struct Release {
    uint64 agreement;
    uint64 amount;
    uint56 fees;
    uint32 operator;
    bool answered;
}

/// @notice Where a self-post's bond was taken from, and goes back to.
enum BondSource {
    NONE,
    FREE,
    PLEDGE,
    CURRENCY
}

/// @notice What a customer's session key may accept.
/// @param validFrom When it was granted.
/// @param expiresAt First second at which it is no longer good.
/// @param revokedAt When a revocation takes effect; 0: not revoked.
/// @param listed Whether it is for listed agreements; otherwise it is for up to `total`.
/// @param total µ of gross that it may accept over its life.
/// @param spent µ of them accepted so far.
struct Session {
    uint40 validFrom;
    uint40 expiresAt;
    uint40 revokedAt;
    bool listed;
    uint56 total;
    uint56 spent;
}
