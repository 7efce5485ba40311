// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Why {IDividendVault-claimFor} left somebody out.
/// - NO_PAYOUT: the staker has named no address that others may have it sent to. - NOTHING_OWED: less than one µ.
/// - TRANSFER_REFUSED: the currency did not take it; it stays owed.
enum ClaimSkip {
    NO_PAYOUT,
    NOTHING_OWED,
    TRANSFER_REFUSED
}
