// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IFeeSplitter} from "../interfaces/IFeeSplitter.sol";
import {IInsurancePool} from "../interfaces/IInsurancePool.sol";
import {IStaking} from "../interfaces/IStaking.sol";

/// @title InsurancePool
/// @notice See {IInsurancePool}.
contract InsurancePool is IInsurancePool, ReentrancyGuardTransient {
    address public immutable CURRENCY;
    address public immutable FEE_SPLITTER;
    address public immutable STAKING;

    /// @inheritdoc IInsurancePool
    uint256 public feesReceived;
    /// @inheritdoc IInsurancePool
    uint256 public slashesReceived;

    constructor(address currency, address feeSplitter, address staking) {
        if (currency == address(0) || feeSplitter == address(0) || staking == address(0)) {
            revert InsurancePool_ZeroAddress();
        }
        CURRENCY = currency;
        FEE_SPLITTER = feeSplitter;
        STAKING = staking;
    }

    /// @inheritdoc IInsurancePool
    function pullFees() external nonReentrant returns (uint256 amount) {
        // Interaction: take the credit.
        uint256 before = _balance();
        amount = IFeeSplitter(FEE_SPLITTER).pull();
        _checkReceived(before, amount);

        // Effect: count it.
        if (amount == 0) return 0;
        feesReceived += amount;
        emit FeesReceived(amount);
    }

    /// @inheritdoc IInsurancePool
    function pullSlashes() external nonReentrant returns (uint256 amount) {
        if (IStaking(STAKING).credits(address(this)) == 0) return 0;

        // Interaction: take the credit.
        uint256 before = _balance();
        amount = IStaking(STAKING).claimCredit(address(this));
        _checkReceived(before, amount);

        // Effect: count it.
        slashesReceived += amount;
        emit SlashesReceived(amount);
    }

    function _balance() private view returns (uint256) {
        return IERC20(CURRENCY).balanceOf(address(this));
    }

    function _checkReceived(uint256 before, uint256 amount) private view {
        uint256 received = _balance() - before;
        if (received != amount) revert InsurancePool_WrongAmountReceived(amount, received);
    }
}
