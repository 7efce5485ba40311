// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Splits collected fees into dividends, insurance and treasury
/// @notice It credits; each recipient pulls. What was credited never changes with the shares.
interface IFeeSplitter {
    /// @notice Fees were credited. The three parts add up to `amount`.
    event FeesSplit(uint256 amount, uint256 dividends, uint256 insurance, uint256 treasury);
    event SharesSet(uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps);
    event Pulled(address indexed recipient, uint256 amount);
    event TreasurySet(address indexed treasury);

    /// @notice Thrown when shares do not add up to 10 000 or leave the immutable bounds.
    error FeeSplitter_BadShares(uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps);
    error FeeSplitter_NotRecipient(address caller);
    error FeeSplitter_ZeroAddress();

    /// @notice Collects what the Escrow holds in fees and credits the shares. Anyone.
    /// Insurance and treasury are floored on the cumulative sum since the shares were set; dividends get the rest.
    function sweep() external returns (uint256 amount);
    /// @notice Sends the caller (DividendVault, InsurancePool or treasury) its credit, after a {sweep}.
    function pull() external returns (uint256 amount);
    /// @notice As {pull} for the treasury, by anyone; the money goes to the treasury.
    function pullTreasury() external returns (uint256 amount);
    /// @notice Sets the shares of fees credited from now on, inside the bounds. Credits what was collected first. Behind a role.
    function setShares(uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps) external;
    /// @notice Sets where the treasury's part goes; what it was credited stays its own (goes to the new one). Behind a role.
    function setTreasury(address treasury) external;

    function shares() external view returns (uint16 dividendsBps, uint16 insuranceBps, uint16 treasuryBps);
    function treasury() external view returns (address);
    /// @notice µ credited to `recipient` and not yet pulled.
    function creditOf(address recipient) external view returns (uint256);
    /// @notice µ of fees ever credited.
    function totalCredited() external view returns (uint256);
}
