// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title Signatures of people and of contract wallets
/// @notice ECDSA first (low s, no zero signer), then ERC-1271. No code-size test: an account may be both (EIP-7702).
library Signatures {
    /// @notice Gas that a wallet may spend on `isValidSignature`.
    uint256 internal constant ERC1271_GAS = 200_000;

    /// @notice Whether `signature` over `digest` is by `signer`. Never reverts for a bad signature or a hostile wallet.
    function isBy(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return _isByWallet(signer, digest, signature);
    }

    /// @dev A capped static call of which only the first word is copied, so a wallet can neither burn the caller's gas
    /// nor flood its memory. An address without code answers with no bytes and is refused by the length.
    function _isByWallet(address wallet, bytes32 digest, bytes calldata signature) private view returns (bool valid) {
        bytes memory data = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 magic = bytes32(IERC1271.isValidSignature.selector);
        uint256 gasCap = ERC1271_GAS;
        assembly ("memory-safe") {
            mstore(0x00, 0)
            let ok := staticcall(gasCap, wallet, add(data, 0x20), mload(data), 0x00, 0x20)
            valid := and(and(ok, gt(returndatasize(), 0x1f)), eq(mload(0x00), magic))
        }
    }
}
