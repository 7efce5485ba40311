// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Leaf} from "../types/DisputeTypes.sol";
import {Receipt, SignedReceipt} from "../types/ReceiptTypes.sol";
import {IBondBook} from "./IBondBook.sol";

/// @title What needs no judge: leaves without signatures behind them, and receipts that cannot both be true
/// @notice Backing: "show the signatures behind this leaf". It blocks that leaf only. Anyone may answer within the response
/// window; the bond then pays whoever answered. Unanswered, the leaf is void, the bond returns, and the relayer pays a fixed
/// penalty, capped a day. At most MAX_OPEN clocks run per relayer: later challenges wait in line, their clocks starting when a
/// place frees. A leaf is challenged once.
/// Equivocation: two exclusive receipts of one device for different agreements whose half-open periods overlap, or two of one
/// device with equal agreement, units and period and different outputRoot, are slashed on sight.
///
/// Notes:
/// - Bonds are in the currency and pulled; all that is owed is credited here ({IBondBook}), penalties' rewards in `Staking`.
/// - Both slashes take free, then thawing stake, never a pledge: an agreement's pledge is taken only by the ruling that closes
///   it. Nobody's loss is made up by them: the challenger gets the policy's reward, the insurance the rest.
/// - Whatever is sent in the open can be sent by somebody else first: an answer's bond and an equivocation's reward go to
///   whoever is first. The fact that they establish is the same.
///
/// Trust: none. There is no role, no pause and no parameter but the policies'.
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
    /// @notice Two receipts of one device contradicted each other; `slashed` µ were taken from its operator now. Again for the
    /// same receipt when a part of its slash had to be left before.
    event Equivocated(
        uint32 indexed operator,
        address indexed device,
        uint64 agreement,
        address by,
        uint64 slashed,
        uint64 toChallenger
    );

    /// @notice Thrown when the leaf was challenged before.
    error Challenges_AlreadyChallenged(uint96 batch, uint256 index);
    /// @notice Thrown when the leaf is under no challenge.
    error Challenges_NotChallenged(uint96 batch, uint256 index);
    /// @notice Thrown when an answer does not back the leaf; `fault` is a {ReceiptFault}.
    error Challenges_BadAnswer(uint96 batch, uint256 index, uint8 fault);
    error Challenges_ResponseOver(uint96 batch, uint256 index, uint256 endedAt);
    /// @notice Thrown while there is time to answer; `endsAt` is 0 while the challenge waits for a place.
    error Challenges_ResponseOpen(uint96 batch, uint256 index, uint256 endsAt);
    /// @notice Thrown when a challenge that has lost its object shall be answered or voided: it can only be dismissed.
    error Challenges_Moot(uint96 batch, uint256 index);
    error Challenges_NotMoot(uint96 batch, uint256 index);
    /// @notice Thrown when both receipts can be true.
    error Challenges_NoEquivocation();
    /// @notice Thrown when the receipts are not both signed by one key that is now a device key of both agreements' operators.
    error Challenges_NotOneDevice();
    /// @notice Thrown when the accused receipt was convicted before, and all of its slash taken.
    error Challenges_AlreadyConvicted(bytes32 receipt);
    /// @notice Thrown when nothing of the `due` µ can be taken now: the day's cap is used up, or there is no stake.
    error Challenges_NothingToSlash(uint32 operator, uint64 due);

    /// @notice Challenges a leaf inside its window. Anyone; the policy's backing bond is pulled from the caller.
    ///
    /// Requirements:
    /// - The leaf is of a relayer's batch, not cancelled, whose window runs, and its agreement is open; the ledger's errors say
    ///   what is missing. Leaves of self-posts and signed posts stand on signatures that the chain has seen.
    /// - It was not challenged before.
    function challenge(Leaf calldata leaf) external;
    /// @notice Shows full signatures for the leaf's units or more with its outputRoot, judged at the time of its posting.
    /// Anyone, before the response window ends; at once for a challenge that waits for a place. The bond is the caller's.
    function answer(uint96 batch, uint256 index, SignedReceipt calldata item) external;
    /// @notice Voids a leaf whose time to answer is over. Anyone; the challenger gets bond and reward.
    function void(uint96 batch, uint256 index) external;
    /// @notice Ends a challenge that has lost its object: the batch is cancelled, or a ruling closed the agreement. Anyone; the
    /// bond returns.
    function dismiss(uint96 batch, uint256 index) external;
    /// @notice Slashes the operator of a device that signed two receipts which cannot both be true. Anyone; the caller gets the
    /// reward. The accused receipt is that of the agreement with the higher number, open or closed; within one agreement that
    /// with the higher outputRoot. Each is convicted once.
    ///
    /// The slash is ceil(slashBps x pledge) of the accused agreement, or the policy's void penalty where nothing is pledged; at
    /// most slashCap, and slashDayCap of one operator a day, counted apart from the Court's. What could not be taken, for the
    /// cap or for want of stake, is taken by the same call later.
    ///
    /// Requirements:
    /// - One key signed both, and is now a device key of the operators of both agreements. A revoked one stays so for its delay.
    function equivocation(SignedReceipt calldata a, SignedReceipt calldata b) external;

    /// @notice Challenges of one relayer whose clocks run at a time.
    function MAX_OPEN() external view returns (uint256);
    /// @notice Codes of the slashing matrix, as `Staking` tells them.
    function REASON_VOID_LEAF() external view returns (uint16);
    function REASON_EQUIVOCATION() external view returns (uint16);
    /// @notice A challenge that is not over; zeros otherwise. `endsAt` is 0 while it waits for a place.
    function challengeOf(uint96 batch, uint256 index)
        external
        view
        returns (address challenger, uint64 agreement, uint64 bond, uint256 endsAt);
    /// @return open Whose clocks run. @return queued That wait.
    function loadOf(uint32 relayer) external view returns (uint256 open, uint256 queued);
    /// @notice µ that `relayer` paid for void leaves today.
    function penaltiesToday(uint32 relayer) external view returns (uint256);
    /// @notice Whether this receipt of `device` was convicted, and µ of its slash that are left to take.
    function convictionOf(Receipt calldata receipt, address device) external view returns (bool convicted, uint64 left);
    /// @notice µ that `operator` was slashed for equivocation today.
    function slashedToday(uint32 operator) external view returns (uint256);
}
