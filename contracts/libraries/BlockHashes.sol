// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Hashes of past blocks
/// @notice The last 256 by the opcode; where the chain keeps EIP-2935's history contract, the last 8 191.
library BlockHashes {
    /// @dev Of EIP-2935, the same on every chain that has it.
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    uint256 private constant HISTORY_GAS = 10_000;

    /// @notice The hash of block `height`, which is below the present one; 0 when it is no longer known.
    function hashOf(uint256 height) internal view returns (bytes32 hash) {
        hash = blockhash(height);
        if (hash != 0) return hash;
        address history = HISTORY;
        uint256 most = HISTORY_GAS;
        assembly ("memory-safe") {
            mstore(0x00, height)
            let ok := staticcall(most, history, 0x00, 0x20, 0x00, 0x20)
            // Where there is no such contract, nothing is returned.
            if and(ok, gt(returndatasize(), 0x1f)) { hash := mload(0x00) }
        }
    }
}
