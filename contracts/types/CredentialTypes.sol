// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Types of credentials. µ is the base unit of the
// 6-decimal currency; times are seconds since 1970; shares are basis points (1/10 000).

/// @notice What a credential says. A policy asks for kinds by a mask of 1 << kind.
/// - KYC_PROVIDER, KYC_CUSTOMER, SANCTIONS (checked and clear), REGION: of people, by their address.
/// - DATA_…: the four data-protection phases for which a side is qualified.
/// - HARDWARE_CLASS, AUDIT: of an operator's owner.
/// - TEE: of a device key, bound to one agreement; `value` is the measurement.
enum CredentialKind {
    KYC_PROVIDER,
    KYC_CUSTOMER,
    SANCTIONS,
    REGION,
    DATA_ONBOARDING,
    DATA_LOADING,
    DATA_SHARING,
    DATA_RESULT_SHARING,
    HARDWARE_CLASS,
    TEE,
    AUDIT
}

/// @notice A signed statement of an issuer about an address (EIP-712, domain of `Credentials`).
/// @param issuer Who states and signs it; a contract wallet may (ERC-1271).
/// @param kind What it is about.
/// @param subject Whose: an owner's address, or a device key for TEE.
/// @param binding What it is bound to: the agreement's number for TEE, 0 otherwise.
/// @param value Region (ISO 3166-1 numeric), hardware class, measurement, or a hash; never personal data.
/// @param expiresAt First second at which it is no longer good.
/// @param nonce Higher than that of any credential or revocation of this issuer, kind, subject and binding before it.
struct Credential {
    address issuer;
    CredentialKind kind;
    address subject;
    bytes32 binding;
    bytes32 value;
    uint40 expiresAt;
    uint64 nonce;
}

/// @notice A signed withdrawal of a credential (EIP-712, domain of `Credentials`).
struct Revocation {
    address issuer;
    CredentialKind kind;
    address subject;
    bytes32 binding;
    uint64 nonce;
}

/// @notice Why one credential or revocation of a batch was left out.
enum CredentialFault {
    NONE,
    BAD_SIGNATURE,
    STALE_NONCE,
    EXPIRED,
    BAD_BINDING,
    ZERO_SUBJECT
}

/// @notice A credential as `Credentials` keeps it: good from `validFrom` on, before `expiresAt`, and before `revokedAt`
/// unless that is 0.
struct CredentialRecord {
    uint40 validFrom;
    uint40 expiresAt;
    uint40 revokedAt;
    uint64 nonce;
    bytes32 value;
}
