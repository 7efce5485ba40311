// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title EIP-712 type hashes
library TypeHashes {
    bytes32 internal constant TERMS = keccak256(
        "Terms(uint32 customer,uint32 funder,uint32 operator,uint32 payee,uint8 mode,uint16 policy,uint16 maxFeeProvider,uint16 maxFeeCustomer,uint56 unitPrice,uint56 budget,uint56 maxBudget,uint32 start,uint32 expiry,bytes32 workHash,uint256 customerNonce,uint256 operatorNonce,uint40 deadline)"
    );
    bytes32 internal constant BATCH =
        keccak256("Batch(uint16 policy,uint64 value,bytes32 figures,bytes32 root,uint48 nonce,uint40 deadline)");
    bytes32 internal constant RECEIPT = keccak256(
        "Receipt(uint64 agreement,uint80 units,uint32 periodStart,uint32 periodEnd,bytes32 outputRoot,bool exclusive)"
    );
    bytes32 internal constant ACCEPTANCE =
        keccak256("Acceptance(uint64 agreement,uint80 units,uint32 periodStart,uint32 periodEnd,bytes32 outputRoot)");
    bytes32 internal constant VERDICT = keccak256(
        "Verdict(uint64 agreement,uint80 units,bytes32 outputRoot,bool valid,uint32 verifierVersion,uint16 confidence)"
    );
    bytes32 internal constant TOP_UP = keccak256("TopUp(uint64 agreement,uint56 budget,uint40 deadline)");
    bytes32 internal constant EARLY_REFUND = keccak256("EarlyRefund(uint64 agreement,uint40 deadline)");
    bytes32 internal constant REPLACEMENT = keccak256(
        "Replacement(uint64 agreement,uint80 finalUnits,Terms terms)Terms(uint32 customer,uint32 funder,uint32 operator,uint32 payee,uint8 mode,uint16 policy,uint16 maxFeeProvider,uint16 maxFeeCustomer,uint56 unitPrice,uint56 budget,uint56 maxBudget,uint32 start,uint32 expiry,bytes32 workHash,uint256 customerNonce,uint256 operatorNonce,uint40 deadline)"
    );
    bytes32 internal constant CREDENTIAL = keccak256(
        "Credential(address issuer,uint8 kind,address subject,bytes32 binding,bytes32 value,uint40 expiresAt,uint64 nonce)"
    );
    bytes32 internal constant REVOCATION =
        keccak256("Revocation(address issuer,uint8 kind,address subject,bytes32 binding,uint64 nonce)");
    bytes32 internal constant RULING = keccak256("Ruling(uint64 dispute,uint8 round,uint80 units)");
}
