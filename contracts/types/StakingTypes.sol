// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Types of operators, their keys and stake. µ is the base unit of the
// 6-decimal currency; times are seconds since 1970; shares are basis points (1/10 000).

/// @notice A network whose supply comes in through an aggregator.
struct Source {
    address owner;
    address feeRecipient;
    bytes32 metadata;
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
