// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Splits collected fees into dividends, insurance and treasury
/// @notice It credits; each recipient pulls. What was credited never changes with the shares.
/// Fees are what the Escrow says it sent (`feeTotals().collected`); money that arrives otherwise is nobody's, and distorts nothing.
///
/// Bounds, for ever: dividends 5 000 to 9 000 bps, insurance 500 to 4 000 bps, treasury 0 to 2 000 bps.
///
/// Trust: the role sets shares of future fees inside the bounds and where the treasury's part goes. It cannot touch the
/// credit of dividends or insurance.
interface IFeeSplitter {
    /// @notice Fees were credited. The three parts add up to `amount`.
    event FeesSplit(uint256 amount, uint256 dividends, uint256 insurance, uint256 treasury);
    event SharesSet(uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps);
    event Pulled(address indexed recipient, uint256 amount);
    event TreasurySet(address indexed treasury);

    /// @notice Thrown when shares do not add up to 10 000 or leave the immutable bounds.
    error FeeSplitter_BadShares(uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps);
    /// @notice Thrown when the caller has no share here.
    error FeeSplitter_NotRecipient(address caller);
    error FeeSplitter_ZeroAddress();
    /// @notice Thrown when the treasury would be the vault, the pool or the splitter itself.
    error FeeSplitter_UnfitTreasury(address treasury);
    /// @notice Thrown by the constructor: the currency has no code or more than 6 decimals.
    error FeeSplitter_UnfitCurrency(address currency);

    /// @notice Collects what the Escrow holds in fees and credits the shares. Anyone.
    /// Insurance and treasury are floored on the cumulative sum since the shares were set; dividends get the rest.
    /// When both floors rise on one single µ, insurance gets it and the treasury's waits for the next fees.
    function sweep() external returns (uint256 amount);
    /// @notice Sends the caller (DividendVault, InsurancePool or treasury) its credit, after a {sweep}; 0 when there is none.
    /// An Escrow that cannot send its fees does not hold up what was credited before.
    function pull() external returns (uint256 amount);
    /// @notice As {pull} for the treasury, by anyone; the money goes to the treasury.
    function pullTreasury() external returns (uint256 amount);
    /// @notice Sets the shares of fees credited from now on, inside the bounds. Credits what was collected first. Behind a role.
    function setShares(uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps) external;
    /// @notice Sets where the treasury's part goes; what it was credited stays its own (goes to the new one). Behind a role.
    function setTreasury(address treasury) external;

    function CURRENCY() external view returns (address);
    function ESCROW() external view returns (address);
    function DIVIDEND_VAULT() external view returns (address);
    function INSURANCE_POOL() external view returns (address);
    /// @notice Shares of fees credited from now on, in basis points.
    function shares() external view returns (uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps);
    /// @notice Where the treasury's part goes.
    function treasury() external view returns (address);
    /// @notice µ credited to `recipient` and not yet pulled.
    function creditOf(address recipient) external view returns (uint256);
    /// @notice µ of fees ever credited.
    function totalCredited() external view returns (uint256);
}
