// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MemberSignature} from "../types/ArbiterTypes.sol";
import {IPaidArbiter} from "./IPaidArbiter.sol";

/// @title A council: m of n members sign the units that stand
/// @notice A ruling is the EIP-712 message `Ruling(uint64 dispute,uint8 round,uint80 units)` in the domain ("Tallystick Council",
/// "1", chain, this contract). Anyone carries the signatures. The first complete set of a round stands; there is no second one.
///
/// Trust: THRESHOLD members together decide every dispute under the policies that name this council, and nothing else: they get a
/// fixed fee, of which each member has an equal part, whoever signed. Members and threshold never change; a new council is a new
/// contract, and a new policy that names it. When too few sign, the council is silent and the Court's default follows.
interface ICouncil is IPaidArbiter {
    /// @notice Members `signers` (bit i: member i) ruled that `units` stand.
    event Ruling(uint64 indexed dispute, uint8 indexed round, uint80 units, uint16 signers);
    /// @notice `amount` µ of fees came from the Court; each member was credited `each` µ, `carried` µ wait for the next time.
    event FeesCollected(uint256 amount, uint256 each, uint256 carried);

    /// @notice Thrown by the constructor: 1 to 16 members, rising and not zero, and 1 <= threshold <= members.
    error Council_BadMembers();
    /// @notice Thrown when this contract does not decide the dispute's present round, or no round runs.
    error Council_NotArbiter(uint64 dispute, uint8 round);
    error Council_AlreadyRuled(uint64 dispute, uint8 round);
    /// @notice Thrown when there are fewer signatures than the threshold, or more than there are members.
    error Council_WrongCount(uint256 signatures, uint8 threshold);
    /// @notice Thrown when the signers are no members, or not in the members' order, each once.
    error Council_NotMember(address signer);
    error Council_BadSignature(address member);
    error Council_NotRuled(uint64 dispute, uint8 round);
    error Council_NothingToCollect();

    /// @notice Stores the ruling of the dispute's present round, once. Anyone; while that round's arbiter time runs at the Court.
    /// @param signatures ECDSA or ERC-1271, in the members' order.
    function submit(uint64 dispute, uint80 units, MemberSignature[] calldata signatures) external;
    /// @notice Takes the fees that the Court credited and credits every member an equal part; the remainder is carried. Anyone.
    function collectFees() external returns (uint256 each);

    /// @notice The ruling of a round, if there is one.
    function rulingOf(uint64 dispute, uint8 round) external view returns (bool ruled, uint80 units);
    /// @notice What members sign.
    function digestOf(uint64 dispute, uint8 round, uint80 units) external view returns (bytes32);
    function members() external view returns (address[] memory);
    /// @notice How many of the members must sign.
    function THRESHOLD() external view returns (uint8);
}
