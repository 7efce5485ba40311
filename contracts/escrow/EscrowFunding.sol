// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IERC3009} from "../interfaces/IERC3009.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {EscrowStorage} from "./EscrowStorage.sol";

/// @title Splits, signed deposits, allowances, and what was donated
abstract contract EscrowFunding is IEscrowExtension, EscrowStorage {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    uint256 private constant MAX_MEMBERS = 64;

    // User reads

    /// @inheritdoc IEscrowExtension
    function allowanceOf(uint32 funder, uint32 customer, uint16 policy)
        external
        view
        returns (uint128 amount, uint32 revokedSequence)
    {
        Allowance storage allowance = _allowances[funder][customer][policy];
        return (allowance.amount, allowance.revokedSequence);
    }

    /// @inheritdoc IEscrowExtension
    function liabilities() external view returns (uint256) {
        return _owing;
    }

    /// @inheritdoc IEscrowExtension
    function splitContent(uint32 account) external view returns (bytes32) {
        return _splits[account];
    }

    /// @inheritdoc IEscrowExtension
    function splitAccount(bytes32 content) external view returns (uint32) {
        return _splitAccounts[content];
    }

    /// @inheritdoc IEscrowExtension
    function sharePaid(uint32 account, uint256 index) external view returns (uint256) {
        return _sharesPaid[account][index];
    }

    // User writes

    /// @inheritdoc IEscrowExtension
    function createSplit(address[] calldata members, uint32[] calldata weights)
        external
        delegated
        nonReentrant
        returns (uint32 account)
    {
        // Check
        uint256 count = members.length;
        if (count == 0 || count > MAX_MEMBERS || count != weights.length) revert Escrow_BadSplit();
        for (uint256 i = 0; i < count; ++i) {
            if (members[i] == address(0) || weights[i] == 0) revert Escrow_BadSplit();
        }
        bytes32 content = keccak256(abi.encode(members, weights));
        account = _splitAccounts[content];
        if (account != 0) return account;
        // Effect
        account = ++_accountCount;
        _owned[account].split = true;
        _splits[account] = content;
        _splitAccounts[content] = account;
        emit SplitCreated(account, content, members, weights);
    }

    /// @inheritdoc IEscrowExtension
    function claimShare(
        uint32 account,
        uint256 index,
        address[] calldata members,
        uint32[] calldata weights,
        address to
    ) external delegated nonReentrant returns (uint256 amount) {
        // Check: what is no split has no content, and no hash is zero.
        if (keccak256(abi.encode(members, weights)) != _splits[account]) revert Escrow_WrongSplit(account);
        if (index >= members.length || members[index] != msg.sender) {
            revert Escrow_NotMember(account, index, msg.sender);
        }
        if (to == address(0)) revert IEscrow.Escrow_ZeroAddress();
        uint256 total;
        for (uint256 i = 0; i < weights.length; ++i) {
            total += weights[i];
        }
        // Rounded down: what the floors leave, less than 1 µ a member, stays in the account.
        uint256 due = _earned[account].received() * weights[index] / total;
        amount = due - _sharesPaid[account][index];
        if (amount == 0) revert IEscrow.Escrow_NothingToClaim(account);
        // Effect
        _sharesPaid[account][index] = due;
        Owned storage owned = _owned[account];
        owned.claimed = (owned.claimed + amount).toUint88();
        emit ShareClaimed(account, index, to, amount);
        // Interaction
        _send(to, amount);
    }

    /// @inheritdoc IEscrowExtension
    function depositWithPermit(uint32 account, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        delegated
        nonReentrant
    {
        // Interaction: whoever saw the permit may have used it first. What counts is whether the money comes.
        try IERC20Permit(_CURRENCY).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(account, amount);
        emit IEscrow.Deposited(account, msg.sender, amount);
    }

    /// @inheritdoc IEscrowExtension
    function depositWithAuthorization(
        address from,
        uint32 account,
        uint256 amount,
        bytes32 ref,
        uint256 validAfter,
        uint256 validBefore,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external delegated nonReentrant {
        // Check: one credit per payer and reference.
        _checkDeposit(account, amount);
        if (_references[from][ref]) revert IEscrow.Escrow_ReferenceUsed(from, ref);
        // Effect
        _references[from][ref] = true;
        // Interaction, before the credit, since what counts is what arrives
        uint256 before = IERC20(_CURRENCY).balanceOf(address(this));
        IERC3009(_CURRENCY)
            .receiveWithAuthorization(
                from, address(this), amount, validAfter, validBefore, keccak256(abi.encode(account, ref)), v, r, s
            );
        _credit(account, amount, before);
        emit IEscrow.DepositedFor(account, from, amount, ref);
    }

    /// @inheritdoc IEscrowExtension
    function allow(uint32 funder, uint32 customer, uint16 policy, uint128 amount, bytes32 ref)
        external
        delegated
        nonReentrant
    {
        // Check
        _checkOwner(funder);
        if (_owned[customer].owner == address(0)) revert IEscrow.Escrow_UnknownAccount(customer);
        if (_POLICY_BOOK.windows(policy).challenge == 0) revert IEscrow.Escrow_UnknownPolicy(policy);
        // Effect
        _allowances[funder][customer][policy].amount = amount;
        emit IEscrow.AllowanceSet(funder, customer, policy, amount, ref);
    }

    /// @inheritdoc IEscrowExtension
    function revoke(uint32 funder, uint32 customer, uint16 policy) external delegated nonReentrant {
        // Check
        _checkOwner(funder);
        // Effect
        uint32 sequence = _sequence;
        _allowances[funder][customer][policy] = Allowance({amount: 0, revokedSequence: sequence});
        emit IEscrow.AllowanceRevoked(funder, customer, policy, sequence);
    }

    /// @inheritdoc IEscrowExtension
    function recoverSurplus(address token, address to)
        external
        delegated
        restricted
        nonReentrant
        returns (uint256 amount)
    {
        // Check
        if (to == address(0)) revert IEscrow.Escrow_ZeroAddress();
        amount = IERC20(token).balanceOf(address(this));
        if (token == _CURRENCY) amount = amount > _owing ? amount - _owing : 0;
        if (amount == 0) revert IEscrow.Escrow_ZeroAmount();
        emit SurplusRecovered(token, to, amount);
        // Interaction
        IERC20(token).safeTransfer(to, amount);
    }
}
