// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SignedReceipt} from "./ReceiptTypes.sol";

// Types of challenges, disputes, insurance claims and jackpots. µ is the base unit of the
// 6-decimal currency; times are seconds since 1970; shares are basis points (1/10 000).

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
