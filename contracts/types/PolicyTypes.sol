// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Types of verification policies and dispute terms. µ is the base unit of the
// 6-decimal currency; times are seconds since 1970; shares are basis points (1/10 000).

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
