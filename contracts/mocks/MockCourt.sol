// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BondBook} from "../disputes/BondBook.sol";
import {DisputeView} from "../types/DisputeTypes.sol";

/// @title What an arbiter sees of the Court, as a test says it
/// @notice It asks arbiters as the Court does: a static call with fixed gas, of whose answer one word is copied.
contract MockCourt is BondBook {
    uint256 private constant ARBITER_GAS = 500_000;

    mapping(uint64 dispute => DisputeView) private _disputes;
    mapping(uint64 dispute => mapping(uint8 round => uint64)) public feeOf;

    constructor(address currency) BondBook(currency) {}

    function setDispute(uint64 dispute, DisputeView calldata d) external {
        _disputes[dispute] = d;
    }

    /// @notice Pulls µ from the caller and credits them to an arbiter as the fee of a round.
    function payFee(uint64 dispute, uint8 round, address arbiter, uint64 amount) external nonReentrant {
        _pullBond(msg.sender, amount);
        _creditBond(arbiter, amount);
        feeOf[dispute][round] += amount;
    }

    function disputeOf(uint64 dispute) external view returns (DisputeView memory) {
        return _disputes[dispute];
    }

    /// @notice What the Court would get of `arbiter`, and the gas that it took.
    function ask(address arbiter, uint64 dispute) external view returns (bool ruled, uint80 units, uint256 used) {
        bytes memory data = abi.encodeWithSignature("rule(uint64)", dispute);
        uint256 most = ARBITER_GAS;
        uint256 word;
        used = gasleft();
        assembly ("memory-safe") {
            mstore(0x00, 0)
            ruled := staticcall(most, arbiter, add(data, 0x20), mload(data), 0x00, 0x20)
            ruled := and(ruled, gt(returndatasize(), 0x1f))
            word := mload(0x00)
        }
        used -= gasleft();
        if (word > type(uint80).max) ruled = false;
        units = ruled ? uint80(word) : 0;
    }
}
