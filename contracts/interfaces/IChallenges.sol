// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Leaf, SignedReceipt} from "../types/DataTypes.sol";
import {IBondBook} from "./IBondBook.sol";

/// @title What needs no judge: leaves without signatures behind them, and receipts that cannot both be true
/// @notice Backing: "show the signatures behind this leaf". It blocks that leaf only. Anyone may answer within the response
/// window; the bond then pays whoever answered. Unanswered, the leaf is void, the bond returns, and the relayer pays a fixed
/// penalty, capped a day. At most MAX_OPEN unanswered per relayer: later ones queue, their clocks starting when a place frees.
/// Equivocation: two exclusive receipts of one device for different agreements whose half-open periods overlap, or two of one
/// device with equal agreement, units and period and different outputRoot, are slashed on sight.
interface IChallenges is IBondBook {
    /// @notice A leaf is blocked. `startsAt` is 0 while the challenge waits for a place.
    event Challenged(
        uint96 indexed batch,
        uint256 indexed index,
        uint64 indexed agreement,
        address challenger,
        uint32 relayer,
        uint64 bond,
        uint40 startsAt
    );
    /// @notice The clock of a queued challenge began.
    event Started(uint96 indexed batch, uint256 indexed index, uint40 startsAt);
    event Answered(uint96 indexed batch, uint256 indexed index, address indexed by, uint64 bond);
    /// @notice Nobody answered. `penalty` µ of the relayer's stake were taken, `toChallenger` of them its reward.
    event Voided(uint96 indexed batch, uint256 indexed index, uint64 penalty, uint64 toChallenger);
    /// @notice The batch was cancelled or the agreement closed meanwhile: the bond returned.
    event Dismissed(uint96 indexed batch, uint256 indexed index);
    /// @notice Two receipts of one device contradicted each other; `slashed` µ were taken from its operator.
    event Equivocated(
        uint32 indexed operator,
        address indexed device,
        uint64 agreement,
        address by,
        uint64 slashed,
        uint64 toChallenger
    );

    error Challenges_WindowOver(uint96 batch, uint256 endedAt);
    /// @notice Thrown for leaves that stand on signatures shown on chain, and for those of a cancelled batch.
    error Challenges_NotChallengeable(uint96 batch);
    /// @notice Thrown when the leaf was challenged before.
    error Challenges_AlreadyChallenged(uint96 batch, uint256 index);
    error Challenges_NotChallenged(uint96 batch, uint256 index);
    error Challenges_BadAnswer(uint96 batch, uint256 index, uint8 fault);
    error Challenges_ResponseOver(uint96 batch, uint256 index, uint256 endedAt);
    error Challenges_ResponseOpen(uint96 batch, uint256 index, uint256 endsAt);
    error Challenges_NotMoot(uint96 batch, uint256 index);
    error Challenges_NoEquivocation();
    /// @notice Thrown when a receipt was convicted before.
    error Challenges_AlreadyConvicted(bytes32 receipt);

    /// @notice Challenges a leaf inside its window. Anyone; the policy's backing bond is pulled from the caller.
    function challenge(Leaf calldata leaf) external;
    /// @notice Shows full signatures for the leaf's units or more with its outputRoot, judged at the time of its posting.
    /// Anyone, until the response window ends; at once for a challenge that waits for a place.
    function answer(uint96 batch, uint256 index, SignedReceipt calldata item) external;
    /// @notice Voids a leaf whose time to answer is over. Anyone.
    function void(uint96 batch, uint256 index) external;
    /// @notice Ends a challenge that has lost its object. Anyone.
    function dismiss(uint96 batch, uint256 index) external;
    /// @notice Slashes the operator of a device that signed both receipts. Anyone; the caller gets the reward. With different
    /// agreements the one with the higher number pays, and it must still be good to slash.
    function equivocation(SignedReceipt calldata a, SignedReceipt calldata b) external;

    /// @notice Unanswered challenges that one relayer's clock runs for at a time.
    function MAX_OPEN() external view returns (uint256);
    /// @notice A challenge that is not over; zeros otherwise. `endsAt` is 0 while it waits for a place.
    function challengeOf(uint96 batch, uint256 index)
        external
        view
        returns (address challenger, uint64 agreement, uint64 bond, uint256 endsAt);
    /// @return open Whose clocks run. @return queued That wait.
    function loadOf(uint32 relayer) external view returns (uint256 open, uint256 queued);
}
