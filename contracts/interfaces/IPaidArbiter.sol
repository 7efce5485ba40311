// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IArbiter} from "./IArbiter.sol";
import {IBondBook} from "./IBondBook.sol";

/// @title An arbiter that takes its fees from the Court and shares them out
interface IPaidArbiter is IArbiter, IBondBook {
    /// @notice The Court whose disputes are decided here.
    function COURT() external view returns (address);
    /// @notice Where it stands who decides, and in what time.
    function POLICY_BOOK() external view returns (address);
}
