// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RulingOrder, RulingOutcome} from "../types/EscrowTypes.sol";

/// @title What the Court does to agreements
/// @notice Reached at the Escrow's own address, as {IEscrowExtension}.
interface IEscrowRulings {
    /// @notice A dispute froze an agreement: its money moves only by rulings. A ruling that does not close it lets it run on.
    event Frozen(uint64 indexed agreement);
    event Unfrozen(uint64 indexed agreement);
    /// @notice Rulings took back `forgiven` seconds of the lease's downtime in all.
    event DowntimeForgiven(uint64 indexed agreement, uint32 forgiven);
    /// @notice `fees` µ of the account's reward base belong to work that was ruled bad.
    event FeesOverturned(uint64 indexed agreement, uint32 indexed account, uint256 fees);

    error Escrow_NotCourt(address caller);
    error Escrow_AlreadyFrozen(uint64 agreement);
    error Escrow_NotFrozen(uint64 agreement);

    // Court only; none of them calls the currency

    /// @notice Freezes an open agreement: until it is cleared, its money moves only by {executeRuling}.
    function freeze(uint64 agreement) external;
    /// @notice Carries a ruling out on a frozen agreement. Never pays above the budget, never reverts for want of stake.
    function executeRuling(RulingOrder calldata order) external returns (RulingOutcome memory);
    /// @notice Lets a frozen agreement run on; no refund before `notBefore`.
    function clear(uint64 agreement, uint40 notBefore) external;

    function COURT() external view returns (address);
    /// @notice Seconds of a lease's downtime that rulings took back. Figures of batches and reports are cumulative and go on
    /// containing them; what counts is what they say less this.
    function forgivenOf(uint64 agreement) external view returns (uint32);
    /// @notice µ of both fees of work that was ruled bad after they were in the account's reward base.
    function overturned(uint32 account) external view returns (uint128);
}
