// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {Earned} from "../libraries/EarnedSlot.sol";
import {EscrowStorage} from "./EscrowStorage.sol";

/// @title Numbered accounts: deposits, withdrawals, earnings
abstract contract EscrowAccounts is IEscrow, EscrowStorage {
    using SafeCast for uint256;

    // User reads

    /// @inheritdoc IEscrow
    function accountCount() external view returns (uint32) {
        return _accountCount;
    }

    /// @inheritdoc IEscrow
    function ownerOf(uint32 account) external view returns (address) {
        return _owned[account].owner;
    }

    /// @inheritdoc IEscrow
    function balanceOf(uint32 account) external view returns (uint256 free, uint256 locked) {
        Balance storage balance = _balances[account];
        return (balance.free, balance.locked);
    }

    /// @inheritdoc IEscrow
    function earningsOf(uint32 account) external view returns (uint256 received, uint256 claimed, uint256 rewardBase) {
        Earned earned = _earned[account];
        return (earned.received(), _owned[account].claimed, earned.rewardBase());
    }

    /// @inheritdoc IEscrow
    function referenceUsed(address caller, bytes32 ref) external view returns (bool) {
        return _references[caller][ref];
    }

    // User writes

    /// @inheritdoc IEscrow
    function createAccount(address owner) external nonReentrant returns (uint32 account) {
        if (owner == address(0)) revert Escrow_ZeroAddress();
        account = ++_accountCount;
        _owned[account].owner = owner;
        emit AccountCreated(account, owner);
    }

    /// @inheritdoc IEscrow
    function deposit(uint32 account, uint256 amount) external nonReentrant {
        _deposit(account, amount);
        emit Deposited(account, msg.sender, amount);
    }

    /// @inheritdoc IEscrow
    function depositFor(uint32 account, uint256 amount, bytes32 ref) external nonReentrant {
        // Check: one credit per caller and reference.
        if (_references[msg.sender][ref]) revert Escrow_ReferenceUsed(msg.sender, ref);
        // Effect
        _references[msg.sender][ref] = true;
        _deposit(account, amount);
        emit DepositedFor(account, msg.sender, amount, ref);
    }

    /// @inheritdoc IEscrow
    function withdraw(uint32 account, uint256 amount, address to) external nonReentrant {
        // Check
        _checkOwner(account);
        if (to == address(0)) revert Escrow_ZeroAddress();
        if (amount == 0) revert Escrow_ZeroAmount();
        Balance storage balance = _balances[account];
        uint256 free = balance.free;
        if (amount > free) revert Escrow_NotEnoughFree(account, free, amount);
        // Effect
        balance.free = (free - amount).toUint128();
        emit Withdrawn(account, to, amount);
        // Interaction
        _send(to, amount);
    }

    /// @inheritdoc IEscrow
    function claim(uint32 account, address to) external nonReentrant returns (uint256 amount) {
        // Check
        _checkOwner(account);
        if (to == address(0)) revert Escrow_ZeroAddress();
        uint256 received = _earned[account].received();
        Owned storage owned = _owned[account];
        amount = received - owned.claimed;
        if (amount == 0) revert Escrow_NothingToClaim(account);
        // Effect
        owned.claimed = received.toUint88();
        emit Claimed(account, to, amount);
        // Interaction
        _send(to, amount);
    }

    /// @inheritdoc IEscrow
    function collectFees() external nonReentrant returns (uint256 amount) {
        // Check
        uint128 accrued = _feesAccrued;
        amount = accrued - _feesCollected;
        if (amount == 0) return 0;
        // Effect
        _feesCollected = accrued;
        emit FeesCollected(amount);
        // Interaction
        _send(_FEE_SPLITTER, amount);
    }
}
