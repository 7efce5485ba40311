// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DisputeTerms, OpeningTerms, Policy, PostingTerms, ReceiptTerms, Windows} from "../types/PolicyTypes.sol";

/// @title The append-only book of verification and dispute terms
/// @notice A policy never changes; it can only be retired, after which nothing new opens under it.
///
/// Trust: the role adds and retires. What runs, runs on under its own terms; a party signs for the policy it opens under.
interface IPolicyBook {
    /// @notice Emitted when a policy is added. Numbers start at 1 and have no gaps.
    event PolicyAdded(uint16 indexed policy, Policy terms);
    /// @notice Emitted when a policy is retired. Agreements that run are not affected.
    event PolicyRetired(uint16 indexed policy);

    /// @notice Thrown when a policy's figures contradict each other or the immutable bounds; `what` names the first.
    error PolicyBook_BadPolicy(bytes32 what);
    /// @notice Thrown when a policy does not exist.
    error PolicyBook_UnknownPolicy(uint16 policy);
    /// @notice Thrown when a policy is retired already.
    error PolicyBook_AlreadyRetired(uint16 policy);

    /// @notice Seconds within which every window and dispute must end; `Staking` thaws for longer.
    function MAX_LIABILITY() external view returns (uint32);
    /// @notice Seconds after an agreement's end in which work may still be posted; the Escrow's.
    function POST_GRACE() external view returns (uint32);

    /// @notice How many policies there are; the newest has this number.
    function count() external view returns (uint16);
    /// @notice The whole policy. Reverts with {PolicyBook_UnknownPolicy}.
    function get(uint16 policy) external view returns (Policy memory);
    /// @notice What an opening needs, in one read. All zero for an unknown policy.
    function openingTerms(uint16 policy) external view returns (OpeningTerms memory);
    /// @notice What posting needs, in one read. All zero for an unknown policy.
    function postingTerms(uint16 policy) external view returns (PostingTerms memory);
    /// @notice What windows and ends need, in one read. All zero for an unknown policy.
    function windows(uint16 policy) external view returns (Windows memory);
    /// @notice reportTime + challengeWindow: with SETTLE_GRACE, the seconds that a lease's clock lies behind. 0 for an unknown policy.
    function lagOf(uint16 policy) external view returns (uint256);
    /// @notice What the signatures behind a receipt must be, in one read. All zero for an unknown policy.
    function receiptTerms(uint16 policy) external view returns (ReceiptTerms memory);
    /// @notice What challenges and disputes cost, take and give, in one read. All zero for an unknown policy.
    function disputeTerms(uint16 policy) external view returns (DisputeTerms memory);
    /// @notice µ that stand behind each self-posted leaf.
    function selfPostBond(uint16 policy) external view returns (uint64);
    /// @notice Coverage in basis points, retired or not.
    function coverageOf(uint16 policy) external view returns (uint16 coverageBps);

    /// @notice Whether a policy is retired. Reverts with {PolicyBook_UnknownPolicy}.
    function isRetired(uint16 policy) external view returns (bool);

    /// @notice Adds a policy.
    ///
    /// Requirements:
    /// - The caller has the role (AccessManager).
    /// - ATTESTED has one verifier and a quorum of 1; QUORUM has 1 <= quorum <= verifiers <= 16, strictly rising; NONE and TEE none.
    /// - A relayer is named; coverage is at most 10 000 bps; windows are above zero.
    /// - notice <= MAX_LIABILITY, so that no customer is held to an agreement for ever.
    /// - longest window + response window + contest + evidence + two rulings + appeal + cooling (the challenge window)
    ///   <= MAX_LIABILITY. Evidence, ruling and appeal times are above zero, the contest time too where there are verifiers.
    /// - Shares are at most 10 000 bps, the challenger's 3 000; arbiterFee <= minBond, appealFee <= 2 x minBond.
    /// - reportTime + challengeWindow <= POST_GRACE + longest window, so that a lease's clock (which pays up to now - LAG,
    ///   LAG = reportTime + challengeWindow + SETTLE_GRACE) has reached the end before a refund.
    /// - silence is above zero and at most MAX_LIABILITY.
    /// - An issuer is named if, and only if, credentials are asked for or the kind is TEE; the masks have no TEE and no
    ///   unknown kinds; a measurement only under TEE.
    function add(Policy calldata terms) external returns (uint16 policy);
    /// @notice Retires a policy: nothing new opens under it. The caller has the role (AccessManager).
    function retire(uint16 policy) external;
}
