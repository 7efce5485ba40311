// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Types shared by the contracts of Tallystick
/// @dev µ is the base unit of the 6-decimal currency; times are seconds since 1970; shares are basis points (1/10 000).

/// @notice How an agreement counts what is owed.
/// - METERED: receipts count units up; paid = min(floor(units * unitPrice / 1e6), budget).
/// - LEASE: the clock counts up; receipts count the seconds not served.
enum Mode {
    METERED,
    LEASE
}

/// @notice Where an agreement stands. A number that was never opened has the status NONE.
enum Status {
    NONE,
    OPEN,
    CLOSED
}

/// @notice The offer that customer and operator both sign (EIP-712, domain of `Escrow`).
/// @param customer Account whose owner orders the work and signs.
/// @param funder Account whose money is locked, and to which every refund goes; by default the customer.
/// @param operator Operator in `Staking` whose owner signs and whose stake answers.
/// @param payee Account that earns.
/// @param mode METERED or LEASE.
/// @param policy Number in `PolicyBook`: verification, windows, coverage.
/// @param maxFeeProvider Highest provider fee that the parties accept, in basis points.
/// @param maxFeeCustomer Highest customer fee that the parties accept, in basis points.
/// @param unitPrice µ per 1e6 units (METERED) or per 1e6 seconds (LEASE); above zero.
/// @param budget µ locked at the opening, customer fee not included; above zero.
/// @param maxBudget µ up to which the budget may be topped up; at least `budget`.
/// @param start When the agreement's clock starts, or the opening if that is later.
/// @param expiry Last second of service; at most 400 days after the clock starts.
/// @param workHash Commits to container, input and specification. Nothing confidential is on chain.
/// @param customerNonce Unordered nonce of the customer account's owner, spent by the opening.
/// @param operatorNonce Unordered nonce of the operator's owner, spent by the opening.
/// @param deadline Last second at which the offer can be opened.
struct Terms {
    uint32 customer;
    uint32 funder;
    uint32 operator;
    uint32 payee;
    Mode mode;
    uint16 policy;
    uint16 maxFeeProvider;
    uint16 maxFeeCustomer;
    uint56 unitPrice;
    uint56 budget;
    uint56 maxBudget;
    uint32 start;
    uint32 expiry;
    bytes32 workHash;
    uint256 customerNonce;
    uint256 operatorNonce;
    uint40 deadline;
}

/// @notice Signatures over one `Terms`. The caller counts as its own signature: leave that side empty.
struct TermsSignatures {
    bytes customer;
    bytes operator;
}

/// @notice Why `Escrow.open` left one item out. The others of the call are not affected.
enum OpenRefusal {
    NONE,
    DEADLINE_PASSED,
    UNSUPPORTED_MODE,
    PRICE_IS_ZERO,
    BUDGET_OUT_OF_RANGE,
    TIMES_OUT_OF_RANGE,
    POLICY_NOT_OPEN,
    FEE_ABOVE_MAXIMUM,
    UNKNOWN_ACCOUNT,
    UNKNOWN_OPERATOR,
    NONCE_SPENT,
    BAD_CUSTOMER_SIGNATURE,
    BAD_OPERATOR_SIGNATURE,
    NOT_ENOUGH_FUNDS,
    NOT_ENOUGH_ALLOWANCE,
    NOT_ENOUGH_STAKE
}

/// @notice Why a figure moved less than it says. Everything but CAPPED moved nothing.
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
    CAPPED_AT_BUDGET
}

/// @notice Why an agreement was closed.
enum CloseReason {
    NONE,
    EXPIRED,
    CLOSED_BY_CUSTOMER,
    CLOSED_BY_PROVIDER
}

/// @notice How a receipt becomes payable (judged off chain by the relayer, on chain by the challenge paths).
enum VerificationKind {
    NONE,
    ATTESTED,
    QUORUM,
    TEE
}

/// @notice One set of verification and dispute terms. Append-only: a policy is never changed, only retired.
/// @param kind NONE, ATTESTED (one verifier), QUORUM (`quorum` of `verifiers`) or TEE.
/// @param quorum How many of `verifiers` must have signed a valid verdict; 0 for NONE and TEE, 1 for ATTESTED.
/// @param relayer Operator that posts the batches of this policy, and whose stake answers for them.
/// @param coverageBps Share of a budget that the operator pledges at the opening, rounded up.
/// @param stakeMultiple Values in flight are at most this many times the relayer's free stake.
/// @param valueCap µ that the relayer may have in flight, over all its policies, when it posts under this one.
/// @param challengeWindow Seconds between posting and settling.
/// @param selfPostWindow Seconds for a self-post; the policy's longest window is the greater of both.
/// @param responseWindow Seconds to answer a challenge.
/// @param disputeTime Seconds that all rounds of a dispute take together at most.
/// @param notice Seconds between a customer's `close` and the end.
/// @param verifiers Operators whose verdicts count, strictly rising; empty for NONE and TEE, at most 16.
struct Policy {
    VerificationKind kind;
    uint8 quorum;
    uint32 relayer;
    uint16 coverageBps;
    uint16 stakeMultiple;
    uint64 valueCap;
    uint32 challengeWindow;
    uint32 selfPostWindow;
    uint32 responseWindow;
    uint32 disputeTime;
    uint32 notice;
    uint32[] verifiers;
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
/// @param flags Bit 0: its value is no longer in flight.
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

/// @notice Everything about one agreement that the two slots hold.
struct AgreementView {
    uint56 paid;
    uint56 budget;
    uint56 unitPrice;
    uint32 payee;
    uint16 policy;
    uint16 feeProvider;
    uint16 feeCustomer;
    Status status;
    Mode mode;
    bool frozen;
    bool sponsored;
    uint8 holds;
    bool pledgeStuck;
    uint32 customer;
    uint32 funder;
    uint32 operator;
    uint32 start;
    uint32 end;
    uint32 stopAt;
    uint32 downtime;
    uint32 notBefore;
}

/// @notice Roles that an operator can take, as bits of a mask.
library Role {
    uint8 internal constant PROVIDER = 1;
    uint8 internal constant VERIFIER = 2;
    uint8 internal constant RELAYER = 4;
    uint8 internal constant ALL = 7;
}

/// @notice What a provider's devices are. ASICs never share a pool with others.
enum HardwareClass {
    NONE,
    DATA_CENTRE_GPU,
    CONSUMER_GPU,
    ASIC,
    CONSUMER_SOC
}

/// @notice What a key that an operator authorised may sign.
enum KeyKind {
    DEVICE,
    VERIFIER,
    SIGNER
}

/// @notice When a key is good: from `validFrom` on, and before `revokedAt` unless that is 0.
struct KeyValidity {
    uint40 validFrom;
    uint40 revokedAt;
}

/// @notice An operator as `Staking` keeps it.
/// @param owner Who acts for it; receives nothing by itself.
/// @param roles Mask of `Role`.
/// @param hardwareClass Of a provider; NONE otherwise.
/// @param region ISO 3166-1 numeric code; 0 when not said.
/// @param signerThreshold How many signer keys must sign a batch (at least 1).
/// @param source Network that the supply comes from; 0 is Tallystick's own.
/// @param free µ at hand.
/// @param pledged µ that stand behind open agreements.
/// @param reserved µ that stand behind instant releases and bonds.
/// @param thawing µ on the way out; still liable.
/// @param thawEnds When the thawing part can be withdrawn; 0 when nothing thaws.
/// @param metadata Hash of the operator's public description.
struct Operator {
    address owner;
    uint8 roles;
    HardwareClass hardwareClass;
    uint16 region;
    uint8 signerThreshold;
    uint32 source;
    uint64 free;
    uint64 pledged;
    uint64 reserved;
    uint64 thawing;
    uint40 thawEnds;
    bytes32 metadata;
}

/// @notice One slash. Victim first, then the challenger's capped reward, the rest to insurance; never to the caller.
/// @param operator Whose stake pays.
/// @param amount µ to take; less when free + thawing hold less.
/// @param victim Who is made whole first; may be zero when `loss` is 0.
/// @param loss µ that the victim lost; caps what it gets.
/// @param challenger Who caught it; may be zero when `rewardBps` is 0.
/// @param rewardBps Challenger's share of what was slashed, at most 3 000; paid after the victim.
/// @param reason Code of the published slashing matrix.
struct SlashOrder {
    uint32 operator;
    uint64 amount;
    address victim;
    uint64 loss;
    address challenger;
    uint16 rewardBps;
    uint16 reason;
}
