// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TallyToken} from "../rewards/TallyToken.sol";

/// @title TALLY of local networks: the real token, and anyone gets more of it
contract TestTally is TallyToken {
    constructor(address minter) TallyToken(minter) {}

    /// @notice Mints `amount` TALLY-wei to `to`, within the cap.
    function drip(address to, uint256 amount) external {
        if (amount > CAP - totalSupply()) revert TallyToken_CapExceeded(totalSupply(), CAP);
        _mint(to, amount);
    }
}
