// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Insurance pool: it only receives yet
/// @notice Takes the insurance share of fees and of slashes. Claims come with the Court; nobody can take money out before.
interface IInsurancePool {
    /// @notice `amount` µ of fees arrived.
    event FeesReceived(uint256 amount);
    /// @notice `amount` µ of slashes arrived.
    event SlashesReceived(uint256 amount);

    error InsurancePool_ZeroAddress();
    /// @notice Thrown when the currency moved another amount than said (fee-on-transfer, rebasing).
    error InsurancePool_WrongAmountReceived(uint256 expected, uint256 received);

    /// @notice Pulls the pool's credit from the fee splitter; 0 when there is none. Anyone.
    function pullFees() external returns (uint256 amount);
    /// @notice Pulls the pool's credits from slashes out of `Staking`; 0 when there are none. Anyone.
    function pullSlashes() external returns (uint256 amount);

    function CURRENCY() external view returns (address);
    function FEE_SPLITTER() external view returns (address);
    function STAKING() external view returns (address);
    /// @notice µ of fees ever pulled.
    function feesReceived() external view returns (uint256);
    /// @notice µ of slashes ever pulled.
    function slashesReceived() external view returns (uint256);
    /// @notice Files what a ruling left unrecovered. Court only.
    function file(uint64 agreement, uint32 operator, address victim, uint64 loss) external;
}
