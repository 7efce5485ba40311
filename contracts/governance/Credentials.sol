// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ICredentials} from "../interfaces/ICredentials.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {TypeHashes} from "../libraries/TypeHashes.sol";
import {Credential, CredentialFault, CredentialKind, CredentialRecord, Revocation} from "../types/CredentialTypes.sol";
import {HardwareClass} from "../types/StakingTypes.sol";

/// @title Credentials
/// @notice See {ICredentials}.
contract Credentials is ICredentials, EIP712, ReentrancyGuardTransient {
    uint256 private constant MAX_ITEMS = 256;
    uint256 private constant KINDS = uint256(type(CredentialKind).max) + 1;

    /// @dev By keccak256(issuer, kind, subject, binding). All but the value is in one slot.
    mapping(bytes32 recordId => CredentialRecord) private _records;

    constructor() EIP712("Tallystick Credentials", "1") {}

    // Reads

    /// @inheritdoc ICredentials
    function recordOf(address issuer, CredentialKind kind, address subject, bytes32 binding)
        external
        view
        returns (CredentialRecord memory)
    {
        return _records[_recordId(issuer, kind, subject, binding)];
    }

    /// @inheritdoc ICredentials
    function isValid(address issuer, CredentialKind kind, address subject, bytes32 binding, uint40 time)
        external
        view
        returns (bool)
    {
        return _isGood(_records[_recordId(issuer, kind, subject, binding)], time);
    }

    /// @inheritdoc ICredentials
    function isValidAs(
        address issuer,
        CredentialKind kind,
        address subject,
        bytes32 binding,
        bytes32 value,
        uint40 time
    ) external view returns (bool) {
        CredentialRecord storage record = _records[_recordId(issuer, kind, subject, binding)];
        return _isGood(record, time) && (value == 0 || record.value == value);
    }

    /// @inheritdoc ICredentials
    function meets(address issuer, uint16 mask, address subject) external view returns (bool) {
        if (mask >> KINDS != 0) return false;
        for (uint256 kind; mask >> kind != 0; ++kind) {
            if (mask >> kind & 1 != 0 && !_isGood(_unbound(issuer, kind, subject), uint40(block.timestamp))) {
                return false;
            }
        }
        return true;
    }

    /// @inheritdoc ICredentials
    function meetsAs(address issuer, uint16 mask, address subject, HardwareClass hardwareClass, uint16 region)
        external
        view
        returns (bool)
    {
        if (mask >> KINDS != 0) return false;
        for (uint256 kind; mask >> kind != 0; ++kind) {
            if (mask >> kind & 1 == 0) continue;
            CredentialRecord storage record = _unbound(issuer, kind, subject);
            if (!_isGood(record, uint40(block.timestamp))) return false;
            if (kind == uint256(CredentialKind.REGION) && uint256(record.value) != region) return false;
            if (kind == uint256(CredentialKind.HARDWARE_CLASS) && uint256(record.value) != uint256(hardwareClass)) {
                return false;
            }
        }
        return true;
    }

    /// @inheritdoc ICredentials
    function hashCredential(Credential calldata credential) external pure returns (bytes32) {
        return _hash(credential);
    }

    /// @inheritdoc ICredentials
    function hashRevocation(Revocation calldata revocation) external pure returns (bytes32) {
        return _hash(revocation);
    }

    // Writes

    /// @inheritdoc ICredentials
    function post(Credential[] calldata credentials, bytes[] calldata signatures) external nonReentrant {
        _checkLengths(credentials.length, signatures.length);
        for (uint256 i; i < credentials.length; ++i) {
            CredentialFault fault = _post(credentials[i], signatures[i]);
            if (fault != CredentialFault.NONE) emit CredentialRefused(i, credentials[i].issuer, fault);
        }
    }

    /// @inheritdoc ICredentials
    function revoke(Revocation[] calldata revocations, bytes[] calldata signatures) external nonReentrant {
        _checkLengths(revocations.length, signatures.length);
        for (uint256 i; i < revocations.length; ++i) {
            CredentialFault fault = _revoke(revocations[i], signatures[i]);
            if (fault != CredentialFault.NONE) emit CredentialRefused(i, revocations[i].issuer, fault);
        }
    }

    // Internal

    function _post(Credential calldata c, bytes calldata signature) private returns (CredentialFault) {
        // Check
        CredentialRecord storage record = _records[_recordId(c.issuer, c.kind, c.subject, c.binding)];
        CredentialFault fault = _check(record, c.kind, c.subject, c.binding, c.nonce);
        if (fault != CredentialFault.NONE) return fault;
        uint40 time = uint40(block.timestamp);
        if (c.expiresAt <= time) return CredentialFault.EXPIRED;
        if (!_isBy(c.issuer, _hash(c), signature)) return CredentialFault.BAD_SIGNATURE;

        // Effect: good from now on; a renewal without a gap goes on from where it began, so that what was posted under the
        // old one stays backed.
        uint40 validFrom = _isGood(record, time) && record.value == c.value ? record.validFrom : time;
        record.validFrom = validFrom;
        record.expiresAt = c.expiresAt;
        record.revokedAt = 0;
        record.nonce = c.nonce;
        record.value = c.value;
        emit CredentialPosted({
            issuer: c.issuer,
            subject: c.subject,
            kind: c.kind,
            binding: c.binding,
            value: c.value,
            validFrom: validFrom,
            expiresAt: c.expiresAt,
            nonce: c.nonce
        });
        return CredentialFault.NONE;
    }

    function _revoke(Revocation calldata r, bytes calldata signature) private returns (CredentialFault) {
        // Check
        CredentialRecord storage record = _records[_recordId(r.issuer, r.kind, r.subject, r.binding)];
        CredentialFault fault = _check(record, r.kind, r.subject, r.binding, r.nonce);
        if (fault != CredentialFault.NONE) return fault;
        if (!_isBy(r.issuer, _hash(r), signature)) return CredentialFault.BAD_SIGNATURE;

        // Effect: over at once; an end once set never moves.
        uint40 revokedAt = record.revokedAt == 0 ? uint40(block.timestamp) : record.revokedAt;
        record.revokedAt = revokedAt;
        record.nonce = r.nonce;
        emit CredentialRevoked(r.issuer, r.subject, r.kind, r.binding, revokedAt, r.nonce);
        return CredentialFault.NONE;
    }

    /// @dev What credentials and revocations have in common, but for the signature.
    function _check(
        CredentialRecord storage record,
        CredentialKind kind,
        address subject,
        bytes32 binding,
        uint64 nonce
    ) private view returns (CredentialFault) {
        if (subject == address(0)) return CredentialFault.ZERO_SUBJECT;
        if ((kind == CredentialKind.TEE) != (binding != 0)) return CredentialFault.BAD_BINDING;
        return nonce <= record.nonce ? CredentialFault.STALE_NONCE : CredentialFault.NONE;
    }

    function _checkLengths(uint256 items, uint256 signatures) private pure {
        if (items != signatures) revert Credentials_LengthMismatch();
        if (items > MAX_ITEMS) revert Credentials_TooManyItems(items);
    }

    /// @dev The issuer itself calls, or signed it for this chain and contract.
    function _isBy(address issuer, bytes32 structHash, bytes calldata signature) private view returns (bool) {
        return issuer == msg.sender || Signatures.isBy(issuer, _hashTypedDataV4(structHash), signature);
    }

    function _isGood(CredentialRecord storage record, uint40 time) private view returns (bool) {
        uint40 revokedAt = record.revokedAt;
        return record.validFrom != 0 && record.validFrom <= time && time < record.expiresAt
            && (revokedAt == 0 || time < revokedAt);
    }

    function _unbound(address issuer, uint256 kind, address subject) private view returns (CredentialRecord storage) {
        return _records[_recordId(issuer, CredentialKind(kind), subject, 0)];
    }

    function _recordId(address issuer, CredentialKind kind, address subject, bytes32 binding)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(issuer, kind, subject, binding));
    }

    function _hash(Credential calldata c) private pure returns (bytes32) {
        return keccak256(
            abi.encode(TypeHashes.CREDENTIAL, c.issuer, c.kind, c.subject, c.binding, c.value, c.expiresAt, c.nonce)
        );
    }

    function _hash(Revocation calldata r) private pure returns (bytes32) {
        return keccak256(abi.encode(TypeHashes.REVOCATION, r.issuer, r.kind, r.subject, r.binding, r.nonce));
    }
}
