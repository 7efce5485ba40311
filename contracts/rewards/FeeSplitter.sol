// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IFeeSplitter} from "../interfaces/IFeeSplitter.sol";

/// @notice What `FeeSplitter` is built from.
/// @param authority AccessManager in front of {IFeeSplitter-setShares} and {IFeeSplitter-setTreasury}.
/// @param currency The stablecoin; at most 6 decimals.
/// @param escrow Where the fees come from.
/// @param dividendVault Pulls the dividends.
/// @param insurancePool Pulls the insurance.
/// @param treasury Where the rest goes.
/// @param dividendsBps First share of dividends, in basis points.
/// @param insuranceBps First share of insurance, in basis points.
/// @param treasuryBps First share of the treasury, in basis points.
struct FeeSplitterParameters {
    address authority;
    address currency;
    address escrow;
    address dividendVault;
    address insurancePool;
    address treasury;
    uint16 dividendsBps;
    uint16 insuranceBps;
    uint16 treasuryBps;
}

/// @title FeeSplitter
/// @notice See {IFeeSplitter}.
contract FeeSplitter is IFeeSplitter, AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev All in µ.
    struct Books {
        // slot 0
        uint128 credited; // ever; as much of the Escrow's `collected` as was split
        uint128 creditedBefore; // of it, before the shares were set
        // slot 1
        uint128 dividends; // credit not yet pulled
        uint128 insurance; // credit not yet pulled
        // slot 2
        uint128 treasury; // credit not yet pulled
        uint128 treasurySince; // credited to the treasury since the shares were set
    }

    uint256 private constant BPS = 10_000;
    uint16 private constant MIN_DIVIDENDS = 5_000;
    uint16 private constant MAX_DIVIDENDS = 9_000;
    uint16 private constant MIN_INSURANCE = 500;
    uint16 private constant MAX_INSURANCE = 4_000;
    uint16 private constant MAX_TREASURY = 2_000;

    address public immutable CURRENCY;
    address public immutable ESCROW;
    address public immutable DIVIDEND_VAULT;
    address public immutable INSURANCE_POOL;

    /// @inheritdoc IFeeSplitter
    address public treasury;
    uint16 private _dividendsBps;
    uint16 private _insuranceBps;
    uint16 private _treasuryBps;
    Books private _books;

    constructor(FeeSplitterParameters memory p) AccessManaged(p.authority) {
        if (
            p.authority == address(0) || p.escrow == address(0) || p.dividendVault == address(0)
                || p.insurancePool == address(0) || p.dividendVault == p.insurancePool
        ) revert FeeSplitter_ZeroAddress();
        if (p.currency.code.length == 0 || IERC20Metadata(p.currency).decimals() > 6) {
            revert FeeSplitter_UnfitCurrency(p.currency);
        }
        CURRENCY = p.currency;
        ESCROW = p.escrow;
        DIVIDEND_VAULT = p.dividendVault;
        INSURANCE_POOL = p.insurancePool;
        _checkTreasury(p.treasury, p.dividendVault, p.insurancePool);
        treasury = p.treasury;
        emit TreasurySet(p.treasury);
        _setShares(p.dividendsBps, p.insuranceBps, p.treasuryBps);
    }

    // Reads

    /// @inheritdoc IFeeSplitter
    function shares() external view returns (uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps) {
        return (_dividendsBps, _insuranceBps, _treasuryBps);
    }

    /// @inheritdoc IFeeSplitter
    function creditOf(address recipient) external view returns (uint256) {
        if (recipient == DIVIDEND_VAULT) return _books.dividends;
        if (recipient == INSURANCE_POOL) return _books.insurance;
        return recipient == treasury ? _books.treasury : 0;
    }

    /// @inheritdoc IFeeSplitter
    function totalCredited() external view returns (uint256) {
        return _books.credited;
    }

    // Crediting and pulling

    /// @inheritdoc IFeeSplitter
    function sweep() external nonReentrant returns (uint256 amount) {
        return _sweep();
    }

    /// @inheritdoc IFeeSplitter
    function pull() external nonReentrant returns (uint256 amount) {
        // Check: a recipient.
        if (msg.sender != DIVIDEND_VAULT && msg.sender != INSURANCE_POOL && msg.sender != treasury) {
            revert FeeSplitter_NotRecipient(msg.sender);
        }
        return _pull(msg.sender);
    }

    /// @inheritdoc IFeeSplitter
    function pullTreasury() external nonReentrant returns (uint256 amount) {
        return _pull(treasury);
    }

    // Behind the role

    /// @inheritdoc IFeeSplitter
    function setShares(uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps) external nonReentrant restricted {
        // Interaction, Effect: fees so far are split by the old shares.
        _sweep();
        _setShares(dividendsBps, insuranceBps, treasuryBps);
    }

    /// @inheritdoc IFeeSplitter
    function setTreasury(address treasury_) external nonReentrant restricted {
        // Check: somebody who has no other share.
        _checkTreasury(treasury_, DIVIDEND_VAULT, INSURANCE_POOL);

        // Effect: its credit goes there from now on.
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    // Internals

    /// @dev Sends `recipient` its credit, fresh fees included if the Escrow can send them.
    function _pull(address recipient) private returns (uint256 amount) {
        // Interaction: fees that the Escrow cannot send now do not hold up what was credited before.
        (uint256 accrued, uint256 collected) = IEscrow(ESCROW).feeTotals();
        if (accrued > collected) {
            try IEscrow(ESCROW).collectFees() {} catch {}
        }
        _credit();

        // Effect: the credit is spent.
        if (recipient == DIVIDEND_VAULT) {
            (amount, _books.dividends) = (_books.dividends, 0);
        } else if (recipient == INSURANCE_POOL) {
            (amount, _books.insurance) = (_books.insurance, 0);
        } else {
            (amount, _books.treasury) = (_books.treasury, 0);
        }
        if (amount == 0) return 0;
        emit Pulled(recipient, amount);

        // Interaction: pay it out.
        IERC20(CURRENCY).safeTransfer(recipient, amount);
    }

    /// @dev Collects from the Escrow, or reverts, and credits.
    function _sweep() private returns (uint256 amount) {
        (uint256 accrued, uint256 collected) = IEscrow(ESCROW).feeTotals();
        if (accrued > collected) IEscrow(ESCROW).collectFees();
        return _credit();
    }

    /// @dev Credits what the Escrow has sent and was not credited yet. Insurance and treasury as the difference of two
    /// cumulative floors, so that rounding never adds up.
    function _credit() private returns (uint256 amount) {
        (, uint256 collected) = IEscrow(ESCROW).feeTotals();
        Books memory b = _books;
        amount = collected - b.credited;
        if (amount == 0) return 0;

        uint256 beforeSum = b.credited - b.creditedBefore;
        uint256 sum = beforeSum + amount;
        uint256 toInsurance = sum * _insuranceBps / BPS - beforeSum * _insuranceBps / BPS;
        // Both floors may rise on one and the same µ: then the treasury's is credited with the next fees.
        uint256 toTreasury = Math.min(sum * _treasuryBps / BPS - b.treasurySince, amount - toInsurance);
        uint256 toDividends = amount - toInsurance - toTreasury;

        b.credited = SafeCast.toUint128(collected);
        // Each is at most `collected`, which fits.
        b.dividends += uint128(toDividends);
        b.insurance += uint128(toInsurance);
        b.treasury += uint128(toTreasury);
        b.treasurySince += uint128(toTreasury);
        _books = b;
        emit FeesSplit(amount, toDividends, toInsurance, toTreasury);
    }

    function _setShares(uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps) private {
        if (
            uint256(dividendsBps) + insuranceBps + treasuryBps != BPS || dividendsBps < MIN_DIVIDENDS
                || dividendsBps > MAX_DIVIDENDS || insuranceBps < MIN_INSURANCE || insuranceBps > MAX_INSURANCE
                || treasuryBps > MAX_TREASURY
        ) revert FeeSplitter_BadShares(dividendsBps, insuranceBps, treasuryBps);
        _dividendsBps = dividendsBps;
        _insuranceBps = insuranceBps;
        _treasuryBps = treasuryBps;
        _books.creditedBefore = _books.credited;
        _books.treasurySince = 0;
        emit SharesSet(dividendsBps, insuranceBps, treasuryBps);
    }

    function _checkTreasury(address treasury_, address vault, address pool) private view {
        if (treasury_ == address(0)) revert FeeSplitter_ZeroAddress();
        if (treasury_ == vault || treasury_ == pool || treasury_ == address(this)) {
            revert FeeSplitter_UnfitTreasury(treasury_);
        }
    }
}
