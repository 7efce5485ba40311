// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Credential, CredentialFault, CredentialKind, CredentialRecord, Revocation} from "../types/CredentialTypes.sol";
import {HardwareClass} from "../types/StakingTypes.sol";

/// @title Signed, expiring, revocable statements about addresses
/// @notice Anyone may post what an issuer signed, in batches. Which issuer counts, and which kinds, a policy says: an open
/// market asks for none, a permissioned one for some. They gate openings (and the start of work in a TEE), never an exit.
/// No personal data is on chain: an address, a kind, a code or a hash.
/// @dev A record is by issuer, kind, subject and binding. Nonces only rise, so nothing old can undo a newer statement.
interface ICredentials {
    event CredentialPosted(
        address indexed issuer,
        address indexed subject,
        CredentialKind indexed kind,
        bytes32 binding,
        bytes32 value,
        uint40 validFrom,
        uint40 expiresAt,
        uint64 nonce
    );
    event CredentialRevoked(
        address indexed issuer,
        address indexed subject,
        CredentialKind indexed kind,
        bytes32 binding,
        uint40 revokedAt,
        uint64 nonce
    );
    /// @notice Item `index` of a call was left out.
    event CredentialRefused(uint256 indexed index, address indexed issuer, CredentialFault reason);

    error Credentials_LengthMismatch();
    error Credentials_TooManyItems(uint256 items);

    /// @notice Posts credentials, at most 256, each with its issuer's signature (empty when the issuer itself calls). A newer
    /// one replaces an older of the same record. It is good from now on; a renewal of one that is still good, with the same
    /// value, keeps its `validFrom`, so that what was posted under the old one stays backed. Checked in this order: subject,
    /// binding, nonce, expiry, signature. An unknown kind cannot be decoded and reverts the call.
    function post(Credential[] calldata credentials, bytes[] calldata signatures) external;
    /// @notice Posts revocations, at most 256, as {post}: they take effect at once, and a credential with a higher nonce may
    /// follow. A revocation may come before the credential that it forbids. Revoking again moves no end; only the nonce rises.
    function revoke(Revocation[] calldata revocations, bytes[] calldata signatures) external;

    function recordOf(address issuer, CredentialKind kind, address subject, bytes32 binding)
        external
        view
        returns (CredentialRecord memory);
    /// @notice Whether a credential is good at `time`: validFrom <= time < expiresAt, and time < revokedAt unless that is 0.
    function isValid(address issuer, CredentialKind kind, address subject, bytes32 binding, uint40 time)
        external
        view
        returns (bool);
    /// @notice As {isValid}, with `value` as the only value that counts; 0: any.
    function isValidAs(
        address issuer,
        CredentialKind kind,
        address subject,
        bytes32 binding,
        bytes32 value,
        uint40 time
    ) external view returns (bool);
    /// @notice Whether `subject` has all unbound credentials of `mask` (1 << kind) now. An empty mask always holds.
    function meets(address issuer, uint16 mask, address subject) external view returns (bool);
    /// @notice As {meets} for an operator's owner: a HARDWARE_CLASS credential must state `hardwareClass`, a REGION
    /// credential `region`, as the operator is registered.
    function meetsAs(address issuer, uint16 mask, address subject, HardwareClass hardwareClass, uint16 region)
        external
        view
        returns (bool);
    function hashCredential(Credential calldata credential) external pure returns (bytes32);
    function hashRevocation(Revocation calldata revocation) external pure returns (bytes32);
}
