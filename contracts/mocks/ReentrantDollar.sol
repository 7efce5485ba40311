// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A hostile currency that calls back
/// @notice {arm} names a call which the next transfer makes once, before or after the balances move; what came of it stays
/// in {succeeded} and {returned}. By {execute} the token acts as a user itself (registers, stakes, is a recipient).
contract ReentrantDollar is ERC20 {
    address public target;
    bytes public data;
    bool public early;
    bool public armed;

    uint256 public calls;
    bool public succeeded;
    bytes public returned;

    constructor() ERC20("Reentrant Dollar", "rUSD") {}

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Calls `target_` with `data_` during the next transfer, before (`early_`) or after the balances move.
    function arm(address target_, bytes calldata data_, bool early_) external {
        (target, data, early, armed) = (target_, data_, early_, true);
    }

    /// @notice Calls `target_` with `data_` now; reverts as it does.
    function execute(address target_, bytes calldata data_) external returns (bytes memory) {
        (bool ok, bytes memory result) = target_.call(data_);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
        return result;
    }

    function _update(address from, address to, uint256 amount) internal override {
        bool now_ = armed && from != address(0);
        if (now_ && early) _callBack();
        super._update(from, to, amount);
        if (now_ && !early) _callBack();
    }

    function _callBack() private {
        armed = false;
        ++calls;
        (succeeded, returned) = target.call(data);
    }
}
