// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RulingOutcome} from "../types/EscrowTypes.sol";

/// @title How rulings are carried out
/// @notice Reached at the Court's own address: its fallback hands these calls to an immutable extension on its storage.
interface ICourtExecution {
    /// @notice The ruling was carried out.
    event Executed(uint64 indexed dispute, uint64 indexed agreement, uint8 outcome, uint80 units, RulingOutcome moved);
    /// @notice A bond was lost: the arbiters' fees first, then the other side's share, the rest to the jackpot pool.
    event BondLost(
        uint64 indexed dispute, uint64 bond, uint64 fee, address indexed other, uint64 toOther, uint64 toJackpot
    );
    event BondReturned(uint64 indexed dispute, address indexed to, uint64 amount);
    /// @notice What nothing gave back was filed with the insurance pool.
    event ClaimFiled(uint64 indexed dispute, uint64 indexed agreement, uint64 loss);
    event Cleared(uint64 indexed dispute, uint64 indexed agreement, uint40 notBefore);

    /// @notice Thrown when the extension is called at its own address.
    error Court_NotHere();
    /// @notice Thrown when there is no loss to file: not closed by a ruling, filed before, or paid by countersignature.
    error Court_NotInsured(uint64 dispute);
    /// @notice Thrown while releases or self-post bonds of the agreement may still give something back.
    error Court_StillHeld(uint64 agreement);
    error Court_StillCooling(uint64 dispute, uint40 until);

    /// @notice Carries a final ruling, or the default, out. Anyone.
    function execute(uint64 dispute) external;
    /// @notice Ends the cooling of an agreement that runs on. Anyone, after it.
    function clear(uint64 dispute) external;
    /// @notice Files what a closing ruling left unrecovered with the insurance pool. Anyone, once, when nothing of the
    /// agreement is held any more.
    function fileClaim(uint64 dispute) external;
}
