// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TallyToken} from "../rewards/TallyToken.sol";

/// @title TALLY as if it could be paused, and were: every view works, everything that moves or allows reverts
/// @dev For tests of what a broken token can do to payments. Its storage is the token's, so its code can take the token's place.
contract PausedTally is TallyToken {
    error PausedTally_Paused();

    constructor(address minter) TallyToken(minter) {}

    function _update(address, address, uint256) internal pure override {
        revert PausedTally_Paused();
    }

    function _approve(address, address, uint256, bool) internal pure override {
        revert PausedTally_Paused();
    }
}
