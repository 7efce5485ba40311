// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title TALLY, the token that earns a share of fees
/// @notice 18 decimals; at most 100 000 000 TALLY, for ever. Only the minter, fixed at the creation, mints; nobody pays
/// for compute with it, and no role, stake or discount needs it.
///
/// Trust: no owner, no pause, no list. The minter cannot burn, move or freeze anything.
contract TallyToken is ERC20, ERC20Permit {
    /// @notice Thrown when anyone but the minter mints.
    error TallyToken_NotMinter(address caller);
    /// @notice Thrown when the supply would pass the cap, in TALLY-wei.
    error TallyToken_CapExceeded(uint256 supply, uint256 cap);
    error TallyToken_ZeroAddress();

    /// @notice Most TALLY-wei that there can ever be.
    uint256 public constant CAP = 100_000_000e18;
    /// @notice The only address that mints.
    address public immutable MINTER;

    constructor(address minter) ERC20("Tallystick", "TALLY") ERC20Permit("Tallystick") {
        if (minter == address(0)) revert TallyToken_ZeroAddress();
        MINTER = minter;
    }

    /// @notice Mints `amount` TALLY-wei to `to`. Minter only, within the cap.
    function mint(address to, uint256 amount) external {
        // Check: the minter, below the cap (written so that it cannot overflow).
        if (msg.sender != MINTER) revert TallyToken_NotMinter(msg.sender);
        if (amount > CAP - totalSupply()) revert TallyToken_CapExceeded(totalSupply(), CAP);

        // Effect: new supply.
        _mint(to, amount);
    }
}
