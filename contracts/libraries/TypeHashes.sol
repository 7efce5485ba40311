// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title EIP-712 type hashes
library TypeHashes {
    bytes32 internal constant TERMS = keccak256(
        "Terms(uint32 customer,uint32 funder,uint32 operator,uint32 payee,uint8 mode,uint16 policy,uint16 maxFeeProvider,uint16 maxFeeCustomer,uint56 unitPrice,uint56 budget,uint56 maxBudget,uint32 start,uint32 expiry,bytes32 workHash,uint256 customerNonce,uint256 operatorNonce,uint40 deadline)"
    );
    bytes32 internal constant BATCH =
        keccak256("Batch(uint16 policy,uint64 value,bytes32 figures,bytes32 root,uint48 nonce,uint40 deadline)");
}
