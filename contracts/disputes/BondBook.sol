// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IBondBook} from "../interfaces/IBondBook.sol";

/// @title Bonds that are pulled, and what is owed out of them: credited, never pushed
/// @dev The contract's currency is at least what is bonded and what is credited together; donations stay where they are.
abstract contract BondBook is IBondBook, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IBondBook
    address public immutable CURRENCY;
    /// @inheritdoc IBondBook
    mapping(address holder => uint256) public credits;
    /// @inheritdoc IBondBook
    uint256 public totalCredits;
    /// @inheritdoc IBondBook
    uint256 public totalBonds;

    constructor(address currency) {
        if (currency.code.length == 0) revert BondBook_UnfitCurrency(currency);
        CURRENCY = currency;
    }

    /// @inheritdoc IBondBook
    function claimCredit(address to) external nonReentrant returns (uint256 amount) {
        // Interaction: what is owed to this contract itself comes in first. It can only add.
        _collect();
        // Check
        if (to == address(0)) revert BondBook_ZeroAddress();
        amount = credits[msg.sender];
        if (amount == 0) revert BondBook_NothingToClaim(msg.sender);
        // Effect
        credits[msg.sender] = 0;
        totalCredits -= amount;
        emit CreditClaimed(msg.sender, to, amount);
        // Interaction
        IERC20(CURRENCY).safeTransfer(to, amount);
    }

    /// @dev Takes in what another contract owes this one; nothing by default.
    function _collect() internal virtual {}

    /// @dev Pulls exactly `amount` µ from `from` into the bonds. The transfer comes before the effect, since what counts is
    /// what arrives; every entry is guarded meanwhile.
    function _pullBond(address from, uint256 amount) internal {
        IERC20 currency = IERC20(CURRENCY);
        uint256 before = currency.balanceOf(address(this));
        currency.safeTransferFrom(from, address(this), amount);
        uint256 received = currency.balanceOf(address(this)) - before;
        if (received != amount) revert BondBook_WrongAmountReceived(amount, received);
        totalBonds += amount;
    }

    /// @dev Turns `amount` µ of bonds into a credit of `holder`.
    function _creditBond(address holder, uint256 amount) internal {
        totalBonds -= amount;
        _credit(holder, amount);
    }

    /// @dev Owes `amount` µ to `holder` that are no bond: the caller has them, or {_collect} brings them.
    function _credit(address holder, uint256 amount) internal {
        if (amount == 0) return;
        totalCredits += amount;
        credits[holder] += amount;
        emit Credited(holder, amount);
    }
}
