// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Insurance pool: it only receives yet
/// @notice Takes the insurance share of fees and of slashes. Claims come with the Court; nobody can take money out before.
interface IInsurancePool {
    /// @notice `amount` µ of fees arrived.
    event FeesReceived(uint256 amount);

    /// @notice Pulls the pool's credit from the fee splitter. Anyone.
    function pullFees() external returns (uint256 amount);
    /// @notice µ of fees ever pulled.
    function feesReceived() external view returns (uint256);
}
