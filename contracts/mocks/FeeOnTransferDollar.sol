// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A hostile currency: each transfer burns `feeBps` of what is sent (100 at first)
contract FeeOnTransferDollar is ERC20 {
    uint256 public feeBps = 100;

    constructor() ERC20("Fee On Transfer Dollar", "fUSD") {}

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setFee(uint256 bps) external {
        feeBps = bps;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        uint256 fee = amount * feeBps / 10_000;
        if (from != address(0) && to != address(0) && fee != 0) super._update(to, address(0), fee);
    }
}
