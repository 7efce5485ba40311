// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HardwareClass, KeyKind, Source} from "../types/StakingTypes.sol";

/// @title Operators beyond their stake: keys in bulk, sources of supply, consents, leaving
/// @notice A part of `Staking`.
interface IOperatorRegistry {
    /// @notice The operator's roles ended for good.
    event Resigned(uint32 indexed operator);
    event ReleaseConsentSet(uint32 indexed operator, uint32 indexed account, bool allowed);
    event SourceRegistered(uint32 indexed source, address indexed owner, address feeRecipient, bytes32 metadata);
    event SourceRecipientSet(uint32 indexed source, address feeRecipient);
    event SurplusRecovered(address indexed token, address indexed to, uint256 amount);

    error Staking_AlreadyResigned(uint32 operator);
    error Staking_UnknownSource(uint32 source);
    error Staking_NotSourceOwner(uint32 source, address caller);
    error Staking_TooManyItems(uint256 items);

    /// @notice As {authoriseKey} for at most 256 keys of one kind.
    function authoriseKeys(uint32 operator, KeyKind kind, address[] calldata keys) external;
    /// @notice Ends all roles of the operator for good and thaws its whole free stake: nothing new opens, what runs goes on, and
    /// stake that comes free later is thawed by {unstake}. Owner only.
    function resign(uint32 operator) external;
    /// @notice Lets the owner of the payee `account` ask for instant releases against this operator's stake, or no longer.
    function setReleaseConsent(uint32 operator, uint32 account, bool allowed) external;
    /// @notice Registers a network whose supply comes in here, with its own fee recipient. Numbers start at 1; 0 is our own.
    function registerSource(address feeRecipient, bytes32 metadata) external returns (uint32 source);
    /// @notice Changes a source's fee recipient. The source's owner only.
    function setSourceRecipient(uint32 source, address feeRecipient) external;
    /// @notice Sends what was donated to `to`: of the currency, what is above stakes and credits; of another token all. Behind
    /// a role.
    function recoverSurplus(address token, address to) external returns (uint256 amount);

    function sourceCount() external view returns (uint32);
    function sourceOf(uint32 source) external view returns (Source memory);
    function releaseConsent(uint32 operator, uint32 account) external view returns (bool);
    /// @notice Owner, hardware class and region of `operator`, in one read.
    function profileOf(uint32 operator)
        external
        view
        returns (address owner, HardwareClass hardwareClass, uint16 region);
}
