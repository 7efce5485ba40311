// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICourtExecution} from "../interfaces/ICourtExecution.sol";
import {CourtBase, CourtParameters} from "./CourtBase.sol";
import {CourtOpening} from "./CourtOpening.sol";
import {CourtRuling} from "./CourtRuling.sol";

/// @title Court
/// @notice See {ICourt}, and {ICourtExecution} for how rulings are carried out: that is in its extension, at this address.
contract Court is CourtOpening, CourtRuling {
    address private immutable _EXTENSION;

    constructor(CourtParameters memory p) CourtBase(p) {
        // Check: the extension works at this address alone.
        if (p.court != address(this)) revert ICourtExecution.Court_NotHere();
        _EXTENSION = p.extension;
    }

    /// @dev What this contract does not know, its extension may: on this storage, with this caller.
    // solhint-disable-next-line no-complex-fallback
    fallback() external {
        address extension = _EXTENSION;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let ok := delegatecall(gas(), extension, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if iszero(ok) { revert(data, returndatasize()) }
            return(data, returndatasize())
        }
    }
}
