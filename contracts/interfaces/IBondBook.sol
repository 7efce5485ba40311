// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Bonds in the currency, and credits out of them
interface IBondBook {
    /// @notice `amount` µ of bonds are owed to `holder` from now on.
    event Credited(address indexed holder, uint256 amount);
    event CreditClaimed(address indexed holder, address indexed to, uint256 amount);

    error BondBook_ZeroAddress();
    error BondBook_UnfitCurrency(address currency);
    error BondBook_NothingToClaim(address holder);
    error BondBook_WrongAmountReceived(uint256 expected, uint256 received);

    function CURRENCY() external view returns (address);
    /// @notice µ that `holder` can claim.
    function credits(address holder) external view returns (uint256);
    /// @notice µ of all unclaimed credits.
    function totalCredits() external view returns (uint256);
    /// @notice µ of all bonds that are not decided.
    function totalBonds() external view returns (uint256);
    /// @notice Pays the caller's credits to `to`.
    function claimCredit(address to) external returns (uint256 amount);
}
