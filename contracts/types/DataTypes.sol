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

/// @notice Signatures over one `Replacement`. The caller counts as its own signature.
/// @param customer By the owner of the customer's account.
/// @param funder By the owner of the funder's account; unused when it is the customer or the policy waives it.
/// @param oldOperator By the owner of the operator that leaves.
/// @param newOperator By the owner of the operator that comes; unused when it is the same owner.
struct ReplaceSignatures {
    bytes customer;
    bytes funder;
    bytes oldOperator;
    bytes newOperator;
}

/// @notice Why `Escrow.open` left one item out. The others of the call are not affected.
enum OpenRefusal {
    NONE,
    DEADLINE_PASSED,
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
    CUSTOMER_CREDENTIAL_MISSING,
    OPERATOR_CREDENTIAL_MISSING,
    NOT_ENOUGH_FUNDS,
    NOT_ENOUGH_ALLOWANCE,
    NOT_ENOUGH_STAKE
}

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

/// @notice Why an agreement was closed. EXHAUSTED: a lease whose money ran out before its term. RULED: by a slash of its
/// own pledge.
enum CloseReason {
    NONE,
    EXPIRED,
    CLOSED_BY_CUSTOMER,
    CLOSED_BY_PROVIDER,
    EXHAUSTED,
    REPLACED,
    RULED
}

/// @notice Why `Escrow.refundMany` left one agreement out.
enum RefundFault {
    NONE,
    NOT_OPEN,
    HELD,
    TOO_EARLY
}

/// @notice How a receipt becomes payable (judged off chain by the relayer, on chain by the challenge paths).
enum VerificationKind {
    NONE,
    ATTESTED,
    QUORUM,
    TEE
}

/// @notice What a credential says. A policy asks for kinds by a mask of 1 << kind.
/// - KYC_PROVIDER, KYC_CUSTOMER, SANCTIONS (checked and clear), REGION: of people, by their address.
/// - DATA_…: the four data-protection phases for which a side is qualified.
/// - HARDWARE_CLASS, AUDIT: of an operator's owner.
/// - TEE: of a device key, bound to one agreement; `value` is the measurement.
enum CredentialKind {
    KYC_PROVIDER,
    KYC_CUSTOMER,
    SANCTIONS,
    REGION,
    DATA_ONBOARDING,
    DATA_LOADING,
    DATA_SHARING,
    DATA_RESULT_SHARING,
    HARDWARE_CLASS,
    TEE,
    AUDIT
}

/// @notice A signed statement of an issuer about an address (EIP-712, domain of `Credentials`).
/// @param issuer Who states and signs it; a contract wallet may (ERC-1271).
/// @param kind What it is about.
/// @param subject Whose: an owner's address, or a device key for TEE.
/// @param binding What it is bound to: the agreement's number for TEE, 0 otherwise.
/// @param value Region (ISO 3166-1 numeric), hardware class, measurement, or a hash; never personal data.
/// @param expiresAt First second at which it is no longer good.
/// @param nonce Higher than that of any credential or revocation of this issuer, kind, subject and binding before it.
struct Credential {
    address issuer;
    CredentialKind kind;
    address subject;
    bytes32 binding;
    bytes32 value;
    uint40 expiresAt;
    uint64 nonce;
}

/// @notice A signed withdrawal of a credential (EIP-712, domain of `Credentials`).
struct Revocation {
    address issuer;
    CredentialKind kind;
    address subject;
    bytes32 binding;
    uint64 nonce;
}

/// @notice Why one credential or revocation of a batch was left out.
enum CredentialFault {
    NONE,
    BAD_SIGNATURE,
    STALE_NONCE,
    EXPIRED,
    BAD_BINDING,
    ZERO_SUBJECT
}

/// @notice A credential as `Credentials` keeps it: good from `validFrom` on, before `expiresAt`, and before `revokedAt`
/// unless that is 0.
struct CredentialRecord {
    uint40 validFrom;
    uint40 expiresAt;
    uint40 revokedAt;
    uint64 nonce;
    bytes32 value;
}

/// @notice One set of verification and dispute terms. Append-only: a policy is never changed, only retired.
/// @param kind NONE, ATTESTED (one verifier), QUORUM (`quorum` of `verifiers`) or TEE.
/// @param quorum How many of `verifiers` must have signed a valid verdict; 0 for NONE and TEE, 1 for ATTESTED.
/// @param relayer Operator that posts the batches of this policy, and whose stake answers for them.
/// @param instantRelease Whether posted leaves may be released at once against the operator's free stake.
/// @param funderWaived Whether a sponsor's signature is not needed beside its customer's.
/// @param coverageBps Share of a budget that the operator pledges at the opening, rounded up.
/// @param stakeMultiple Values in flight are at most this many times the relayer's free stake.
/// @param valueCap µ that the relayer may have in flight, over all its policies, when it posts under this one.
/// @param grossCap µ of gross that one agreement may move in one of the relayer's batches; 0: no cap. Self-posts and signed
/// posts stand on full signatures and are not capped.
/// @param selfPostBond µ that stand behind each self-posted leaf.
/// @param challengeWindow Seconds between posting and settling.
/// @param selfPostWindow Seconds for a self-post; the policy's longest window is the greater of both.
/// @param responseWindow Seconds to answer a challenge, or for a released leaf of a cancelled batch.
/// @param notice Seconds between a customer's `close` and the end.
/// @param reportTime Seconds in which a lease's downtime is reported: its clock pays up to now - LAG, where
/// LAG = reportTime + challengeWindow + SETTLE_GRACE.
/// @param silence Seconds without a post of the relayer after which anyone may post with full signatures.
/// @param customerCredentials Mask of kinds that the customer's owner needs at the opening.
/// @param operatorCredentials Mask of kinds that the operator's owner needs at the opening.
/// @param issuer Whose credentials count; zero when none are asked for.
/// @param measurement TEE: the only measurement that counts; 0: any that the issuer states.
/// @param verifierVersion Lowest version of the verifier's software whose verdicts count.
/// @param minConfidence Lowest confidence, in basis points, of a verdict that counts: for kernels that are not bit-exact.
/// @param dispute What challenges and disputes cost, take and give.
/// @param verifiers Operators whose verdicts count, strictly rising; empty for NONE and TEE, at most 16.
struct Policy {
    VerificationKind kind;
    uint8 quorum;
    uint32 relayer;
    bool instantRelease;
    bool funderWaived;
    uint16 coverageBps;
    uint16 stakeMultiple;
    uint64 valueCap;
    uint64 grossCap;
    uint64 selfPostBond;
    uint32 challengeWindow;
    uint32 selfPostWindow;
    uint32 responseWindow;
    uint32 notice;
    uint32 reportTime;
    uint32 silence;
    uint16 customerCredentials;
    uint16 operatorCredentials;
    address issuer;
    bytes32 measurement;
    uint32 verifierVersion;
    uint16 minConfidence;
    DisputeTerms dispute;
    uint32[] verifiers;
}

/// @notice What challenges and disputes under a policy cost, take and give. Times are seconds, money is µ, shares are basis
/// points.
/// @param contestTime In which a proposal can be contested.
/// @param evidenceTime In which evidence is submitted and sides are joined.
/// @param rulingTime Of each arbiter, drawing and revealing included.
/// @param appealTime In which a first ruling can be appealed. The cooling after a ruling is the challenge window.
/// @param backingBond Of a backing challenge: covers the cost of an answer at high fees, and pays whoever answers.
/// @param voidPenalty Of the relayer for a void leaf. @param penaltyCap At most so much of one relayer a day.
/// @param minBond Least bond of a dispute or a proposal. @param bondBps Share of what is frozen that the bond is otherwise.
/// @param slashBps Share of the agreement's pledge that a lost dispute takes, rounded up.
/// @param slashCap At most so much an incident; 0: no cap. @param slashDayCap At most so much of one operator a day; 0: no cap.
/// @param rewardBps Challenger's share of a slash, at most 3 000.
/// @param accusedBps Share of a lost bond that the accused gets; the rest goes to the jackpot pool.
/// @param arbiterFee Of the first arbiter, @param appealFee of the second when it hears an appeal: charged to the loser.
/// @param arbiter First arbiter ({IArbiter}); zero: none, so the second rules. @param secondArbiter Hears appeals, and rules
/// when the first is silent; zero: none.
struct DisputeTerms {
    uint32 contestTime;
    uint32 evidenceTime;
    uint32 rulingTime;
    uint32 appealTime;
    uint64 backingBond;
    uint64 voidPenalty;
    uint64 penaltyCap;
    uint64 minBond;
    uint16 bondBps;
    uint16 slashBps;
    uint64 slashCap;
    uint64 slashDayCap;
    uint16 rewardBps;
    uint16 accusedBps;
    uint64 arbiterFee;
    uint64 appealFee;
    address arbiter;
    address secondArbiter;
}

/// @notice What an opening needs of a policy, in one read.
/// @param openable Whether it exists and is not retired.
struct OpeningTerms {
    bool openable;
    VerificationKind kind;
    uint16 coverageBps;
    uint16 customerCredentials;
    uint16 operatorCredentials;
    address issuer;
}

/// @notice What windows and ends need of a policy, in one read; all zero for an unknown one.
/// @param challenge Seconds between posting and settling.
/// @param longest The greater of challenge and self-post window.
/// @param selfPost Seconds between a self-post and its settling.
/// @param response Seconds to answer.
/// @param notice Seconds between a customer's `close` and the end.
/// @param reportTime Seconds in which a lease's downtime is reported.
struct Windows {
    uint32 challenge;
    uint32 longest;
    uint32 selfPost;
    uint32 response;
    uint32 notice;
    uint32 reportTime;
}

/// @notice What a receipt must carry under a policy, in one read.
struct ReceiptTerms {
    VerificationKind kind;
    uint8 quorum;
    bool instantRelease;
    bool funderWaived;
    address issuer;
    bytes32 measurement;
    uint32 verifierVersion;
    uint16 minConfidence;
    uint32[] verifiers;
}

/// @notice What posting needs of a policy, in one read; all zero for an unknown one.
/// @param silentAfter Seconds of the relayer's silence after which anyone may post.
/// @param addedAt When the policy was added; silence counts from there at the earliest.
struct PostingTerms {
    uint32 relayer;
    uint16 stakeMultiple;
    uint64 valueCap;
    uint64 grossCap;
    uint32 silentAfter;
    uint40 addedAt;
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

/// @notice What `ReceiptLedger` asks of a settlement.
/// @param policy All agreements must be of it.
/// @param postedAt When the figures were posted: bounds a lease's downtime.
/// @param cap µ (gross + customer fee) that may move at most.
/// @param grossCap µ of gross that one agreement may move at most; 0: no cap.
struct SettleOrder {
    uint16 policy;
    uint40 postedAt;
    uint64 cap;
    uint64 grossCap;
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

/// @notice A network whose supply comes in through an aggregator.
struct Source {
    address owner;
    address feeRecipient;
    bytes32 metadata;
}

/// @notice Everything about one agreement that the two slots hold. `countersigned`: it was paid by countersignature at least
/// once, so it is not insured.
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
    bool countersigned;
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
/// Recovery and fee are sums of their own: neither is a part of the slash.
/// @param operator Whose stake pays.
/// @param recover µ that the victim was overcharged: taken before the slash, of the agreement's own pledge alone.
/// @param amount µ to slash; less when the stake that may be reached holds less.
/// @param victim Who is made whole first; may be zero when `recover` and `loss` are 0.
/// @param loss µ that the victim lost, `recover` included; the slash makes up for what recovery could not.
/// @param challenger Who caught it; may be zero when `rewardBps` is 0.
/// @param rewardBps Challenger's share of what was slashed, at most 3 000; paid after the victim.
/// @param fee µ of the arbiters' fees that the operator lost, taken after the slash. @param feeTo Who is credited it.
/// @param reason Code of the published slashing matrix.
struct SlashOrder {
    uint32 operator;
    uint64 recover;
    uint64 amount;
    address victim;
    uint64 loss;
    address challenger;
    uint16 rewardBps;
    uint64 fee;
    address feeTo;
    uint16 reason;
}

/// @notice What a slash took, in µ: slashed = toVictim + toChallenger + toInsurance.
struct SlashOutcome {
    uint64 recovered;
    uint64 slashed;
    uint64 toVictim;
    uint64 toChallenger;
    uint64 toInsurance;
    uint64 fee;
}

/// @notice What a ruling does to a frozen agreement, for `Escrow.executeRuling`.
/// @param amount µ of gross that stands, at most the budget.
/// @param closes Whether the agreement ends here: what was paid beyond `amount` is recovered, the slash taken, the unspent
/// refunded, the pledge released. Otherwise it is paid up to `amount` and stays frozen.
/// @param setsDowntime LEASE that runs on: `downtime` seconds count from now on, up or down.
/// @param madeGood µ of what was paid that reservations gave back to the funder already. @param madeGoodFees µ of both fees
/// in them, which never reached a reward base.
/// @param lent µ of the agreement's pledge that self-post bonds hold.
/// @param slash µ to slash at most. @param fee µ of arbiters' fees. @param feeTo Who is credited them.
/// @param challenger Who is rewarded. @param rewardBps Its share. @param reason Code of the slashing matrix.
struct RulingOrder {
    uint64 agreement;
    uint56 amount;
    bool closes;
    bool setsDowntime;
    uint32 downtime;
    uint64 madeGood;
    uint56 madeGoodFees;
    uint64 lent;
    uint64 slash;
    uint64 fee;
    address feeTo;
    address challenger;
    uint16 rewardBps;
    uint16 reason;
}

/// @notice What a ruling moved, in µ.
/// @param paid Gross that was paid by it, up to the amount that stands.
/// @param overpaid Gross and customer fee paid beyond it and not made good before: what there is to recover.
/// @param refunded To the funder's free money, out of what was locked.
struct RulingOutcome {
    uint64 paid;
    uint64 overpaid;
    uint64 refunded;
    SlashOutcome slash;
}

/// @notice What a dispute attacks, or a proposal rejects: a posted leaf, or a receipt that a device signed.
/// @param batch The leaf's batch; 0: it is `item` that is meant. @param index, figure, output, proof The leaf.
/// @param item A signed receipt; unused for a leaf.
struct Claim {
    uint96 batch;
    uint16 index;
    bytes18 figure;
    bytes32 output;
    bytes32[] proof;
    SignedReceipt item;
}

/// @notice One posted leaf, with its proof.
struct Leaf {
    uint96 batch;
    uint16 index;
    bytes18 figure;
    bytes32 output;
    bytes32[] proof;
}

/// @notice How the challenge of a leaf ended. MOOT: its batch was cancelled or its agreement closed meanwhile.
enum LeafEnd {
    ANSWERED,
    VOID,
    MOOT
}

/// @notice What is left to recover of an agreement that was ruled bad, from its reservations, in µ.
/// @param due Still owed to the victim. @param done Given back to it so far. @param doneFees Both fees in what was given back
/// of releases that never became final.
struct Recovery {
    uint64 due;
    uint64 done;
    uint56 doneFees;
}

/// @notice WORK: somebody says that a figure is wrong; PROPOSAL: the policy's verifiers say so by their signatures.
enum DisputeKind {
    NONE,
    WORK,
    PROPOSAL
}

/// @notice Where a dispute stands.
/// - CONTEST: a proposal that can be contested. EVIDENCE: sides are joined and evidence shown.
/// - RULING: the first arbiter's time. APPEALABLE: it ruled. SECOND: the second arbiter's time, on appeal or for a silent first.
/// - RULED: final, waits for `execute`. COOLING: executed, the agreement still frozen. OVER: nothing is left to do.
enum DisputeState {
    NONE,
    CONTEST,
    EVIDENCE,
    RULING,
    APPEALABLE,
    SECOND,
    RULED,
    COOLING,
    OVER
}

/// @notice How a dispute was decided. SILENT: no arbiter ruled, the published default stands and all bonds return.
enum Outcome {
    NONE,
    UPHELD,
    REJECTED,
    SILENT
}

/// @notice What arbiters and readers need of a dispute.
/// @param round 1 before the first ruling and for it; 2 for the second arbiter.
/// @param operator Whose work is accused. @param challenger Who acts against it: who opened, or the customer that took over.
/// @param attacked METERED: units of the figure; LEASE: payable seconds as they stood at the opening.
/// @param claimed Units that the challenger says stand. @param upward LEASE: the provider disputes downtime, claimed > attacked.
/// @param outputRoot Of the figure; 0 for a lease's clock.
/// @param deadline When the present state ends. @param rulingStart When the present arbiter's time began or will begin.
/// @param ruling Units that stand, once an arbiter ruled.
struct DisputeView {
    DisputeKind kind;
    DisputeState state;
    Outcome outcome;
    uint8 round;
    bool upward;
    bool appealed;
    uint16 policy;
    uint16 reason;
    uint32 operator;
    uint64 agreement;
    address challenger;
    uint80 attacked;
    uint80 claimed;
    uint80 ruling;
    bytes32 outputRoot;
    uint40 openedAt;
    uint40 rulingStart;
    uint40 deadline;
}

/// @notice A claim on the insurance pool.
/// @param victim Who is paid. @param operator Whose cover it draws on.
/// @param lastSequence Newest agreement when it was filed: it grows with fees of agreements opened up to there.
/// @param queued Whether it stands in the queue of payments.
/// @param loss µ lost. @param granted µ of it that have cover. @param paid µ of them credited.
/// @param filedAt When it was filed; 0: there is no claim.
struct InsuranceClaim {
    address victim;
    uint32 operator;
    uint32 lastSequence;
    bool queued;
    uint64 loss;
    uint64 granted;
    uint64 paid;
    uint40 filedAt;
}

/// @notice Where a round of the jackpot pool stands. NO_ERROR: the commitment was to none.
enum RoundState {
    NONE,
    COMMITTED,
    ERROR,
    NO_ERROR
}

/// @notice A round of the jackpot pool.
/// @param committedAt When the tester committed. @param windowEnd Of the error's batch: flags sealed from then on do not count.
/// @param claimants Flags opened on the error. @param jackpot µ that they share by halves.
/// @param share µ that each gets, once the round is closed.
/// @param commitment Of the tester. @param errorHash keccak256(figure, output) of the revealed error.
struct JackpotRound {
    RoundState state;
    bool closed;
    uint40 committedAt;
    uint40 windowEnd;
    uint32 claimants;
    uint64 jackpot;
    uint64 share;
    bytes32 commitment;
    bytes32 errorHash;
}
