// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IArbiter} from "../../interfaces/IArbiter.sol";
import {ICouncil} from "../../interfaces/ICouncil.sol";
import {Signatures} from "../../libraries/Signatures.sol";
import {TypeHashes} from "../../libraries/TypeHashes.sol";
import {MemberSignature} from "../../types/ArbiterTypes.sol";
import {DisputeView} from "../../types/DisputeTypes.sol";
import {ArbiterBase} from "./ArbiterBase.sol";

/// @title Council
/// @notice See {ICouncil}.
contract Council is ArbiterBase, EIP712, ICouncil {
    uint256 private constant MAX_MEMBERS = 16;

    /// @inheritdoc ICouncil
    uint8 public immutable THRESHOLD;

    address[] private _members;
    /// @dev By dispute and round: the units + 1, so that 0 means that there is no ruling.
    mapping(uint64 dispute => mapping(uint8 round => uint88)) private _rulings;

    constructor(address currency, address court, address policyBook, address[] memory members_, uint8 threshold)
        ArbiterBase(currency, court, policyBook)
        EIP712("Tallystick Council", "1")
    {
        uint256 count = members_.length;
        if (count > MAX_MEMBERS || threshold == 0 || threshold > count) revert Council_BadMembers();
        address previous;
        for (uint256 i = 0; i < count; ++i) {
            if (members_[i] <= previous) revert Council_BadMembers();
            previous = members_[i];
        }
        _members = members_;
        THRESHOLD = threshold;
    }

    // Reads

    /// @inheritdoc IArbiter
    function rule(uint64 dispute) external view returns (uint80 units) {
        uint8 round = _presentRound(_disputeOf(dispute));
        uint88 stored = _rulings[dispute][round];
        if (stored == 0) revert Council_NotRuled(dispute, round);
        return uint80(stored - 1);
    }

    /// @inheritdoc ICouncil
    function rulingOf(uint64 dispute, uint8 round) external view returns (bool ruled, uint80 units) {
        uint88 stored = _rulings[dispute][round];
        return stored == 0 ? (false, 0) : (true, uint80(stored - 1));
    }

    /// @inheritdoc ICouncil
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// @inheritdoc ICouncil
    function digestOf(uint64 dispute, uint8 round, uint80 units) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(TypeHashes.RULING, dispute, round, units)));
    }

    // Writes

    /// @inheritdoc ICouncil
    function submit(uint64 dispute, uint80 units, MemberSignature[] calldata signatures) external nonReentrant {
        // Check: the round runs and is ours, it has no ruling, enough members signed.
        DisputeView memory d = _disputeOf(dispute);
        uint8 round = _presentRound(d);
        if (_timeFor(d.policy, round) == 0) revert Council_NotArbiter(dispute, round);
        if (_rulings[dispute][round] != 0) revert Council_AlreadyRuled(dispute, round);
        uint16 signers = _signersOf(digestOf(dispute, round, units), signatures);

        // Effect: it stands.
        _rulings[dispute][round] = uint88(units) + 1;
        emit Ruling(dispute, round, units, signers);
    }

    /// @inheritdoc ICouncil
    function collectFees() external nonReentrant returns (uint256 each) {
        // Interaction: take the credit.
        uint256 amount = _takeFees();
        if (amount == 0) revert Council_NothingToCollect();

        // Effect: equal parts, rounded down; all that is left of the bonds is carried.
        uint256 count = _members.length;
        each = totalBonds / count;
        for (uint256 i = 0; i < count; ++i) {
            _creditBond(_members[i], each);
        }
        emit FeesCollected(amount, each, totalBonds);
    }

    /// @dev Which members signed, as a mask. Both lists rise, so one walk finds them, and nobody counts twice.
    function _signersOf(bytes32 digest, MemberSignature[] calldata signatures) private view returns (uint16 signers) {
        uint256 count = _members.length;
        if (signatures.length < THRESHOLD || signatures.length > count) {
            revert Council_WrongCount(signatures.length, THRESHOLD);
        }
        uint256 place;
        for (uint256 i = 0; i < signatures.length; ++i) {
            address member = signatures[i].member;
            while (place < count && _members[place] < member) ++place;
            if (place == count || _members[place] != member) revert Council_NotMember(member);
            if (!Signatures.isBy(member, digest, signatures[i].signature)) revert Council_BadSignature(member);
            signers |= uint16(1 << place);
            ++place;
        }
    }
}
