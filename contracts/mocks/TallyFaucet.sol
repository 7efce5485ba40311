// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TallyToken} from "../rewards/TallyToken.sol";

/// @title The minter of TALLY on local networks: anyone gets what it asks for
contract TallyFaucet {
    TallyToken public immutable TOKEN;

    constructor(address token) {
        TOKEN = TallyToken(token);
    }

    /// @notice Mints `amount` TALLY-wei to `to`.
    function drip(address to, uint256 amount) external {
        TOKEN.mint(to, amount);
    }
}
