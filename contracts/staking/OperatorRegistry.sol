// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {HardwareClass, KeyKind, KeyValidity, Operator, Role, Source} from "../types/StakingTypes.sol";
import {StakeParts} from "./StakeParts.sol";
import {StakingBase} from "./StakingBase.sol";

/// @title Operators, their keys, their sources and their consents
/// @notice A part of `Staking`; see {IStaking} and {IOperatorRegistry}.
abstract contract OperatorRegistry is StakingBase, IOperatorRegistry {
    uint256 private constant MAX_KEYS = 256;

    /// @inheritdoc IStaking
    uint32 public count;
    /// @inheritdoc IOperatorRegistry
    uint32 public sourceCount;
    /// @dev By operator << 168 | kind << 160 | key.
    mapping(uint256 keyId => KeyValidity) private _keys;
    mapping(uint32 source => Source) private _sources;
    /// @inheritdoc IOperatorRegistry
    mapping(uint32 operator => mapping(uint32 account => bool)) public releaseConsent;

    // Reads

    /// @inheritdoc IStaking
    function get(uint32 operator) external view returns (Operator memory) {
        Account storage o = _operators[operator];
        return Operator({
            owner: o.owner,
            roles: o.roles,
            hardwareClass: o.hardwareClass,
            region: o.region,
            signerThreshold: o.signerThreshold,
            source: o.source,
            free: o.parts.free(),
            pledged: o.parts.pledged(),
            reserved: o.parts.reserved(),
            thawing: o.parts.thawing(),
            thawEnds: o.thawEnds,
            metadata: o.metadata
        });
    }

    /// @inheritdoc IStaking
    function ownerOf(uint32 operator) external view returns (address) {
        return _operators[operator].owner;
    }

    /// @inheritdoc IOperatorRegistry
    function profileOf(uint32 operator)
        external
        view
        returns (address owner, HardwareClass hardwareClass, uint16 region)
    {
        Account storage o = _operators[operator];
        return (o.owner, o.hardwareClass, o.region);
    }

    /// @inheritdoc IStaking
    function postingTerms(uint32 operator) external view returns (bool active, uint64 free, uint8 signerThreshold) {
        Account storage o = _operators[operator];
        return (isActive(operator, Role.RELAYER), o.parts.free(), o.signerThreshold);
    }

    /// @inheritdoc IStaking
    function keyValidity(uint32 operator, KeyKind kind, address key) external view returns (KeyValidity memory) {
        return _keys[_keyId(operator, kind, key)];
    }

    /// @inheritdoc IStaking
    function isKeyValid(uint32 operator, KeyKind kind, address key, uint40 time) external view returns (bool) {
        KeyValidity memory v = _keys[_keyId(operator, kind, key)];
        return v.validFrom != 0 && v.validFrom <= time && (v.revokedAt == 0 || time < v.revokedAt);
    }

    /// @inheritdoc IOperatorRegistry
    function sourceOf(uint32 source) external view returns (Source memory) {
        return _sources[source];
    }

    // Operators

    /// @inheritdoc IStaking
    function register(uint8 roles, HardwareClass hardwareClass, uint16 region, uint32 source, bytes32 metadata)
        external
        nonReentrant
        returns (uint32 operator)
    {
        // Check: known roles; a hardware class belongs to providers, and to them alone; a known source, or our own.
        bool provides = roles & Role.PROVIDER != 0;
        if (roles == 0 || roles > Role.ALL || provides == (hardwareClass == HardwareClass.NONE)) {
            revert Staking_BadRegistration();
        }
        if (source > sourceCount) revert Staking_UnknownSource(source);

        // Effect: the next number.
        operator = ++count;
        Account storage o = _operators[operator];
        o.owner = msg.sender;
        o.roles = roles;
        o.hardwareClass = hardwareClass;
        o.region = region;
        o.signerThreshold = 1;
        o.source = source;
        o.metadata = metadata;
        emit Registered(operator, msg.sender, roles, hardwareClass, region, source, metadata);
    }

    /// @inheritdoc IOperatorRegistry
    function resign(uint32 operator) external nonReentrant onlyOwner(operator) {
        // Check: it still has a role to give up.
        Account storage o = _operators[operator];
        if (o.roles == 0) revert Staking_AlreadyResigned(operator);

        // Effect: nothing new can open, be posted or attested by it.
        o.roles = 0;
        emit Resigned(operator);

        // Effect: all that is free begins to thaw.
        uint64 amount = o.parts.free();
        if (amount != 0) _thaw(operator, o, amount);
    }

    /// @inheritdoc IOperatorRegistry
    function setReleaseConsent(uint32 operator, uint32 account, bool allowed)
        external
        nonReentrant
        onlyOwner(operator)
    {
        // Effect
        releaseConsent[operator][account] = allowed;
        emit ReleaseConsentSet(operator, account, allowed);
    }

    // Keys

    /// @inheritdoc IStaking
    function authoriseKey(uint32 operator, KeyKind kind, address key) external nonReentrant onlyOwner(operator) {
        _authorise(operator, kind, key);
    }

    /// @inheritdoc IOperatorRegistry
    function authoriseKeys(uint32 operator, KeyKind kind, address[] calldata keys)
        external
        nonReentrant
        onlyOwner(operator)
    {
        // Check: no more than fit a block.
        if (keys.length > MAX_KEYS) revert Staking_TooManyItems(keys.length);
        for (uint256 i; i < keys.length; ++i) {
            _authorise(operator, kind, keys[i]);
        }
    }

    /// @inheritdoc IStaking
    function revokeKey(uint32 operator, KeyKind kind, address key) external nonReentrant onlyOwner(operator) {
        // Check: authorised, and not yet revoked, so that an end once set never moves.
        KeyValidity storage v = _keys[_keyId(operator, kind, key)];
        if (v.validFrom == 0) revert Staking_KeyUnknown(operator, kind, key);
        if (v.revokedAt != 0) revert Staking_KeyAlreadyRevoked(operator, kind, key, v.revokedAt);

        // Effect: what devices signed and others hold stays good for the delay; other keys end at once.
        uint40 revokedAt = uint40(block.timestamp) + (kind == KeyKind.DEVICE ? KEY_REVOCATION_DELAY : 0);
        v.revokedAt = revokedAt;
        emit KeyRevoked(operator, kind, key, revokedAt);
    }

    /// @inheritdoc IStaking
    function setSignerThreshold(uint32 operator, uint8 threshold) external nonReentrant onlyOwner(operator) {
        // Check: nobody posts with no signature.
        if (threshold == 0) revert Staking_BadThreshold(threshold);

        // Effect: the next batch needs so many.
        _operators[operator].signerThreshold = threshold;
        emit SignerThresholdSet(operator, threshold);
    }

    // Sources of supply

    /// @inheritdoc IOperatorRegistry
    function registerSource(address feeRecipient, bytes32 metadata) external nonReentrant returns (uint32 source) {
        // Check: somebody receives.
        if (feeRecipient == address(0)) revert Staking_ZeroAddress();

        // Effect: the next number; 0 is our own and is nobody's.
        source = ++sourceCount;
        _sources[source] = Source({owner: msg.sender, feeRecipient: feeRecipient, metadata: metadata});
        emit SourceRegistered(source, msg.sender, feeRecipient, metadata);
    }

    /// @inheritdoc IOperatorRegistry
    function setSourceRecipient(uint32 source, address feeRecipient) external nonReentrant {
        // Check
        if (msg.sender != _sources[source].owner) revert Staking_NotSourceOwner(source, msg.sender);
        if (feeRecipient == address(0)) revert Staking_ZeroAddress();

        // Effect
        _sources[source].feeRecipient = feeRecipient;
        emit SourceRecipientSet(source, feeRecipient);
    }

    // Internal

    /// @dev From free to thawing; the clock of all that thaws restarts. The caller saw that so much is free.
    function _thaw(uint32 operator, Account storage o, uint64 amount) internal {
        uint40 thawEnds = uint40(block.timestamp) + THAW_PERIOD;
        StakeParts parts = o.parts.thaw(amount);
        o.parts = parts;
        o.thawEnds = thawEnds;
        emit ThawStarted(operator, amount, parts.thawing(), thawEnds);
    }

    function _authorise(uint32 operator, KeyKind kind, address key) private {
        // Check: a new key, never used here before in this kind.
        if (key == address(0)) revert Staking_ZeroAddress();
        KeyValidity storage v = _keys[_keyId(operator, kind, key)];
        if (v.validFrom != 0) revert Staking_KeyAlreadyAuthorised(operator, kind, key);

        // Effect: good from now on.
        uint40 validFrom = uint40(block.timestamp);
        v.validFrom = validFrom;
        emit KeyAuthorised(operator, kind, key, validFrom);
    }

    function _keyId(uint32 operator, KeyKind kind, address key) private pure returns (uint256) {
        return uint256(operator) << 168 | uint256(kind) << 160 | uint160(key);
    }
}
