// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {ISessionKeys} from "../interfaces/ISessionKeys.sol";
import {Session} from "../types/ReceiptTypes.sol";

/// @title SessionKeys
/// @notice See {ISessionKeys}.
contract SessionKeys is ISessionKeys, ReentrancyGuardTransient {
    /// @inheritdoc ISessionKeys
    uint40 public constant REVOCATION_DELAY = 1 hours;
    uint256 private constant MAX_ITEMS = 256;

    /// @inheritdoc ISessionKeys
    address public immutable ESCROW;
    /// @inheritdoc ISessionKeys
    address public immutable LEDGER;

    mapping(uint32 account => mapping(address key => Session)) private _sessions;
    mapping(uint32 account => mapping(address key => mapping(uint64 agreement => bool))) private _listed;

    constructor(address escrow, address ledger) {
        ESCROW = escrow;
        LEDGER = ledger;
    }

    // User reads

    /// @inheritdoc ISessionKeys
    function sessionOf(uint32 account, address key) external view returns (Session memory) {
        return _sessions[account][key];
    }

    /// @inheritdoc ISessionKeys
    function isListed(uint32 account, address key, uint64 agreement) external view returns (bool) {
        return _listed[account][key][agreement];
    }

    /// @inheritdoc ISessionKeys
    function acceptable(uint32 account, address key, uint64 agreement, uint40 time) external view returns (uint64) {
        Session memory session = _sessions[account][key];
        if (
            session.validFrom == 0 || time < session.validFrom || time >= session.expiresAt
                || (session.revokedAt != 0 && time >= session.revokedAt)
        ) return 0;
        if (session.listed) return _listed[account][key][agreement] ? type(uint64).max : 0;
        return session.total - session.spent;
    }

    // User writes

    /// @inheritdoc ISessionKeys
    function grant(uint32 account, address key, uint40 expiresAt, uint56 total, uint64[] calldata agreements)
        external
        nonReentrant
    {
        // Check
        _checkOwner(account);
        if (key == address(0)) revert SessionKeys_ZeroKey();
        Session storage session = _sessions[account][key];
        if (session.validFrom != 0) revert SessionKeys_AlreadyGranted(account, key);
        bool listed = agreements.length != 0;
        if (expiresAt <= block.timestamp || listed == (total != 0)) revert SessionKeys_BadGrant();
        // Effect
        session.validFrom = uint40(block.timestamp);
        session.expiresAt = expiresAt;
        session.listed = listed;
        session.total = total;
        emit SessionGranted(account, key, expiresAt, listed, total);
        _list(account, key, agreements);
    }

    /// @inheritdoc ISessionKeys
    function list(uint32 account, address key, uint64[] calldata agreements) external nonReentrant {
        // Check
        _checkOwner(account);
        if (!_running(account, key).listed) revert SessionKeys_BadGrant();
        // Effect
        _list(account, key, agreements);
    }

    /// @inheritdoc ISessionKeys
    function revoke(uint32 account, address key) external nonReentrant {
        // Check
        _checkOwner(account);
        Session storage session = _running(account, key);
        // Effect
        uint40 revokedAt = uint40(block.timestamp) + REVOCATION_DELAY;
        session.revokedAt = revokedAt;
        emit SessionRevoked(account, key, revokedAt);
    }

    /// @inheritdoc ISessionKeys
    function spend(uint32 account, address key, uint56 amount) external nonReentrant {
        // Check
        if (msg.sender != LEDGER) revert SessionKeys_NotLedger(msg.sender);
        Session storage session = _sessions[account][key];
        if (session.listed) return;
        uint56 left = session.total - session.spent;
        if (amount > left) revert SessionKeys_AboveTotal(account, key, left, amount);
        // Effect
        session.spent += amount;
        emit SessionSpent(account, key, session.spent);
    }

    // Private

    function _list(uint32 account, address key, uint64[] calldata agreements) private {
        if (agreements.length > MAX_ITEMS) revert SessionKeys_TooManyItems(agreements.length);
        for (uint256 i = 0; i < agreements.length; ++i) {
            _listed[account][key][agreements[i]] = true;
            emit SessionListed(account, key, agreements[i]);
        }
    }

    /// @dev A key that was granted and not revoked.
    function _running(uint32 account, address key) private view returns (Session storage session) {
        session = _sessions[account][key];
        if (session.validFrom == 0) revert SessionKeys_Unknown(account, key);
        if (session.revokedAt != 0) revert SessionKeys_AlreadyRevoked(account, key, session.revokedAt);
    }

    function _checkOwner(uint32 account) private view {
        if (IEscrow(ESCROW).ownerOf(account) != msg.sender) revert SessionKeys_NotOwner(account, msg.sender);
    }
}
