// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A hostile currency: every transfer succeeds, and nothing moves
contract SilentDollar {
    uint8 public constant decimals = 6;

    function balanceOf(address) external pure returns (uint256) {
        return 1_000;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external pure {}
}
