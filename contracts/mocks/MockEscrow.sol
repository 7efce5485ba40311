// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IStakeReserves} from "../interfaces/IStakeReserves.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {SlashOrder, SlashOutcome} from "../types/StakingTypes.sol";

/// @title What Staking and FeeSplitter see of an Escrow, driven by a test
/// @notice Fees of any size without agreements, and pledges without openings; {setBroken} makes collecting fail.
contract MockEscrow {
    using SafeERC20 for IERC20;

    error MockEscrow_Broken();

    IERC20 public immutable CURRENCY;
    IStaking public immutable STAKING;
    address public immutable FEE_SPLITTER;

    uint256 private _accrued;
    uint256 private _collected;
    bool private _broken;

    constructor(address currency, address staking, address feeSplitter) {
        CURRENCY = IERC20(currency);
        STAKING = IStaking(staking);
        FEE_SPLITTER = feeSplitter;
    }

    /// @notice Says that `amount` µ of fees were settled; they must be in this contract before they are collected.
    function accrue(uint256 amount) external {
        _accrued += amount;
    }

    function setBroken(bool broken) external {
        _broken = broken;
    }

    function collectFees() external returns (uint256 amount) {
        if (_broken) revert MockEscrow_Broken();
        amount = _accrued - _collected;
        _collected = _accrued;
        CURRENCY.safeTransfer(FEE_SPLITTER, amount);
    }

    function feeTotals() external view returns (uint256 accrued, uint256 collected) {
        return (_accrued, _collected);
    }

    function tryPledge(uint32 operator, uint64 amount) external returns (bool ok) {
        return STAKING.tryPledge(operator, amount);
    }

    function release(uint32 operator, uint64 amount) external {
        STAKING.release(operator, amount);
    }

    function slashPledge(SlashOrder calldata order, uint64 pledge) external returns (SlashOutcome memory) {
        return IStakeReserves(address(STAKING)).slashPledge(order, pledge, 0);
    }

    /// @notice Pledges `amount` µ `times` over in one transaction.
    /// @return cold Gas of the first call. @return warm Mean gas of the others, the loop included.
    function pledgeMany(uint32 operator, uint64 amount, uint256 times) external returns (uint256 cold, uint256 warm) {
        uint256 before = gasleft();
        STAKING.tryPledge(operator, amount);
        cold = before - gasleft();
        before = gasleft();
        for (uint256 i = 1; i < times; ++i) {
            STAKING.tryPledge(operator, amount);
        }
        warm = (before - gasleft()) / (times - 1);
    }
}
