// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Cold} from "../libraries/ColdSlot.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {Status} from "../types/EscrowTypes.sol";

/// @title What InsurancePool sees of an Escrow, driven by a test
/// @notice Agreements are opened in order by {open}, and paid and ended at will by {set}.
contract InsuredEscrowMock {
    struct Record {
        uint56 paid;
        uint16 policy;
        uint16 feeProvider;
        uint16 feeCustomer;
        uint32 operator;
        Status status;
    }

    uint32 public agreementCount;
    mapping(uint64 agreement => Record) private _records;

    /// @notice Gives the next number: its order of opening in the upper half, something in the lower.
    function open(Record calldata record) external returns (uint64 agreement) {
        agreement = uint64(++agreementCount) << 32 | 0xabcd;
        _records[agreement] = record;
    }

    function set(uint64 agreement, uint56 paid, Status status) external {
        (_records[agreement].paid, _records[agreement].status) = (paid, status);
    }

    function slotsOf(uint64[] calldata agreements) external view returns (Hot[] memory hot, Cold[] memory cold) {
        hot = new Hot[](agreements.length);
        cold = new Cold[](agreements.length);
        for (uint256 i = 0; i < agreements.length; ++i) {
            Record memory r = _records[agreements[i]];
            uint256 word = uint256(r.paid) << 200 | uint256(r.policy) << 40 | uint256(r.feeProvider) << 28;
            hot[i] = Hot.wrap(word | uint256(r.feeCustomer) << 16 | uint256(r.status) << 13);
            cold[i] = Cold.wrap(uint256(r.operator) << 160);
        }
    }
}
