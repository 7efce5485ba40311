// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {Earned} from "../libraries/EarnedSlot.sol";

/// @title Numbered accounts: deposits, withdrawals, earnings, allowances
/// @dev What settlement writes (`_earned`) lies apart from what its owner writes (`_owned`) and from what openings write
/// (`_balances`), so that a settlement touches one slot a payee.
abstract contract EscrowAccounts is IEscrow, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @dev Written by the owner alone. `claimed` in µ, cumulative.
    struct Owned {
        address owner;
        uint96 claimed;
    }

    /// @dev Written by deposits, openings, refunds and withdrawals. µ.
    struct Balance {
        uint128 free;
        uint128 locked;
    }

    /// @dev `revokedSequence`: agreements up to this sequence no longer restore the allowance when refunded.
    struct Allowance {
        uint128 amount;
        uint32 revokedSequence;
    }

    /// @inheritdoc IEscrow
    address public immutable CURRENCY;

    /// @inheritdoc IEscrow
    uint32 public accountCount;
    /// @dev Number of agreements opened so far; beside `accountCount` in one slot.
    uint32 internal _sequence;

    /// @dev Written by settlement alone.
    mapping(uint32 account => Earned) internal _earned;
    mapping(uint32 account => Owned) internal _owned;
    mapping(uint32 account => Balance) internal _balances;
    mapping(uint32 funder => mapping(uint32 customer => mapping(uint16 policy => Allowance))) internal _allowances;
    mapping(address caller => mapping(bytes32 ref => bool)) private _references;

    constructor(address currency) {
        // Check: a token without code would make every transfer "succeed"; uint56 µ needs at most 6 decimals.
        if (currency.code.length == 0 || IERC20Metadata(currency).decimals() > 6) {
            revert Escrow_UnfitCurrency(currency);
        }
        CURRENCY = currency;
    }

    // User reads

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
    function allowanceOf(uint32 funder, uint32 customer, uint16 policy)
        external
        view
        returns (uint128 amount, uint32 revokedSequence)
    {
        Allowance storage allowance = _allowances[funder][customer][policy];
        return (allowance.amount, allowance.revokedSequence);
    }

    /// @inheritdoc IEscrow
    function referenceUsed(address caller, bytes32 ref) external view returns (bool) {
        return _references[caller][ref];
    }

    // User writes

    /// @inheritdoc IEscrow
    function createAccount(address owner) external nonReentrant returns (uint32 account) {
        if (owner == address(0)) revert Escrow_ZeroAddress();
        account = ++accountCount;
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
        IERC20(CURRENCY).safeTransfer(to, amount);
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
        owned.claimed = received.toUint96();
        emit Claimed(account, to, amount);
        // Interaction
        IERC20(CURRENCY).safeTransfer(to, amount);
    }

    /// @inheritdoc IEscrow
    function allow(uint32 funder, uint32 customer, uint16 policy, uint128 amount, bytes32 ref) external nonReentrant {
        // Check
        _checkOwner(funder);
        if (_owned[customer].owner == address(0)) revert Escrow_UnknownAccount(customer);
        _checkPolicy(policy);
        // Effect
        _allowances[funder][customer][policy].amount = amount;
        emit AllowanceSet(funder, customer, policy, amount, ref);
    }

    /// @inheritdoc IEscrow
    function revoke(uint32 funder, uint32 customer, uint16 policy) external nonReentrant {
        // Check
        _checkOwner(funder);
        // Effect
        uint32 sequence = _sequence;
        _allowances[funder][customer][policy] = Allowance({amount: 0, revokedSequence: sequence});
        emit AllowanceRevoked(funder, customer, policy, sequence);
    }

    // Internal

    /// @dev Reverts unless the policy exists.
    function _checkPolicy(uint16 policy) internal view virtual;

    /// @dev Reverts unless the caller owns `account`.
    function _checkOwner(uint32 account) internal view {
        if (_owned[account].owner != msg.sender) revert Escrow_NotOwner(account, msg.sender);
    }

    /// @dev Pulls `amount` µ from the caller and credits what arrived, which must be just that.
    function _deposit(uint32 account, uint256 amount) private {
        // Check
        if (amount == 0) revert Escrow_ZeroAmount();
        if (_owned[account].owner == address(0)) revert Escrow_UnknownAccount(account);
        // Interaction: before the effect, since what counts is what arrives; every entry is guarded meanwhile.
        IERC20 currency = IERC20(CURRENCY);
        uint256 before = currency.balanceOf(address(this));
        currency.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = currency.balanceOf(address(this)) - before;
        if (received != amount) revert Escrow_WrongAmountReceived(amount, received);
        // Effect
        Balance storage balance = _balances[account];
        balance.free = (balance.free + amount).toUint128();
    }
}
