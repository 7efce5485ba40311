// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Types of the arbiters
/// @dev µ is the base unit of the 6-decimal currency; times are seconds since 1970.

/// @notice One member's signature of a council's ruling.
struct MemberSignature {
    address member;
    bytes signature;
}

/// @notice What a jury is built with, for ever.
/// @param currency Of deposits, bonds and fees.
/// @param court Whose disputes it decides. @param policyBook Where it stands which, and in what time.
/// @param staking Where jurors are verifiers. @param escrow Whose parties do not sit.
/// @param minDeposit µ below which nobody is drawn. @param maxDeposit µ that one juror can deposit at most.
/// @param penalty µ that a seat loses for silence or for a vote against the majority; locked of the deposit while seated.
/// @param drawBond µ that stand behind a sealed secret.
/// @param exitDelay Seconds between leaving and taking the deposit; 2 days to 60 days.
struct JuryParameters {
    address currency;
    address court;
    address policyBook;
    address staking;
    address escrow;
    uint64 minDeposit;
    uint64 maxDeposit;
    uint64 penalty;
    uint64 drawBond;
    uint32 exitDelay;
}

/// @notice A juror as the jury keeps it.
/// @param leaf Place in the tree of weights, from 1; 0: never enlisted.
/// @param operator Its verifier in `Staking`.
/// @param deposit µ. @param seats Panels that it sits on now.
/// @param leavesAt When it can take its deposit; 0: it stays.
struct Juror {
    uint32 leaf;
    uint32 operator;
    uint64 deposit;
    uint16 seats;
    uint40 leavesAt;
}

/// @notice One panel: the jury of one round of a dispute.
/// @param start When the round's time began. @param time Seconds of it.
/// @param day Day (unix time / 86 400) whose weights the draw goes by.
/// @param target Block whose hash is drawn by. @param targets How many were fixed so far.
/// @param caughtAt When the hash was stored; 0: not yet. @param entropy The hash.
/// @param seats 0 before the draw, then 5 or 11. @param committed, revealed How many did.
/// @param settled Whether seats and penalties are decided for good. @param feeShared µ of the round's fee shared out so far.
/// @param attacked, claimed What the votes lie between.
struct Panel {
    uint40 start;
    uint32 time;
    uint32 day;
    uint40 caughtAt;
    uint48 target;
    uint8 targets;
    uint8 seats;
    uint8 committed;
    uint8 revealed;
    bool settled;
    bytes32 entropy;
    uint80 attacked;
    uint80 claimed;
    uint64 feeShared;
}

/// @notice One juror's seat on a panel. `units` count once `revealed`.
struct Seat {
    address juror;
    uint80 units;
    bool revealed;
    bytes32 commitment;
}

/// @notice One side's secret: sealed as a hash with a bond, then shown. `value` is the hash, then the secret.
struct Seal {
    address by;
    bool revealed;
    bytes32 value;
}

/// @notice Until when (exclusive) each step of a panel is possible; all 0 before its round's block was first fixed.
/// @param seal Sealing secrets; the block is fixed after that. @param hash Fixing and catching the block. @param secrets Showing sealed secrets; 0 before the block was caught.
struct Deadlines {
    uint40 seal;
    uint40 hash;
    uint40 secrets;
    uint40 draw;
    uint40 commit;
    uint40 reveal;
}
