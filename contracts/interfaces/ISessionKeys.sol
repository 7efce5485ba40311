// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Session} from "../types/ReceiptTypes.sol";

/// @title Customers' session keys
/// @notice A session key signs acceptances and nothing else, for listed agreements or up to a total, until it expires. A
/// revocation takes effect after an hour, so that what was accepted meanwhile stays good. A key is granted once.
interface ISessionKeys {
    event SessionGranted(uint32 indexed account, address indexed key, uint40 expiresAt, bool listed, uint56 total);
    event SessionListed(uint32 indexed account, address indexed key, uint64 indexed agreement);
    event SessionRevoked(uint32 indexed account, address indexed key, uint40 revokedAt);
    event SessionSpent(uint32 indexed account, address indexed key, uint56 spent);

    error SessionKeys_NotOwner(uint32 account, address caller);
    error SessionKeys_NotLedger(address caller);
    error SessionKeys_ZeroKey();
    error SessionKeys_AlreadyGranted(uint32 account, address key);
    error SessionKeys_Unknown(uint32 account, address key);
    error SessionKeys_AlreadyRevoked(uint32 account, address key, uint40 revokedAt);
    /// @notice Thrown when a grant expires in the past, or names both a total and agreements, or neither.
    error SessionKeys_BadGrant();
    error SessionKeys_TooManyItems(uint256 items);
    error SessionKeys_AboveTotal(uint32 account, address key, uint256 left, uint256 wanted);

    /// @notice Lets `key` accept for `account` until `expiresAt`: up to `total` µ of gross in all, or, when `total` is 0,
    /// without limit for `agreements` (1 to 256). Account owner only.
    function grant(uint32 account, address key, uint40 expiresAt, uint56 total, uint64[] calldata agreements) external;
    /// @notice Adds agreements to a key that is for listed ones. Account owner only.
    function list(uint32 account, address key, uint64[] calldata agreements) external;
    /// @notice Revokes a key; it ends within the hour. Account owner only.
    function revoke(uint32 account, address key) external;
    /// @notice Books `amount` µ as accepted. ReceiptLedger only. Does nothing for a key that is for listed agreements.
    function spend(uint32 account, address key, uint56 amount) external;

    function ESCROW() external view returns (address);
    function LEDGER() external view returns (address);
    function REVOCATION_DELAY() external view returns (uint40);
    function sessionOf(uint32 account, address key) external view returns (Session memory);
    function isListed(uint32 account, address key, uint64 agreement) external view returns (bool);
    /// @notice µ of gross that `key` may accept for `agreement` of `account` at `time`; 0: it may not, or nothing is left.
    /// The maximum for a key that is for listed agreements.
    function acceptable(uint32 account, address key, uint64 agreement, uint40 time) external view returns (uint64);
}
