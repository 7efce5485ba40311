// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A hostile currency that treats each receiver as {setMood} says
contract MoodyDollar is ERC20 {
    /// @notice What a `transfer` to somebody does.
    /// - PAYS: as it should.
    /// - SILENT: pays, and answers nothing.
    /// - REVERTS: reverts with 100 000 bytes, the first word 1.
    /// - SAYS_NO: answers false and moves nothing.
    /// - LIES: answers false, and has moved the money.
    /// - BURNS: uses all of its gas.
    enum Mood {
        PAYS,
        SILENT,
        REVERTS,
        SAYS_NO,
        LIES,
        BURNS
    }

    uint256 private constant HUGE_SIZE = 100_000;

    mapping(address receiver => Mood) public moods;

    constructor() ERC20("Moody Dollar", "mUSD") {}

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setMood(address receiver, Mood mood) external {
        moods[receiver] = mood;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        Mood mood = moods[to];
        if (mood == Mood.SAYS_NO) return false;
        if (mood == Mood.BURNS) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (mood == Mood.REVERTS) {
            uint256 size = HUGE_SIZE;
            assembly ("memory-safe") {
                let at := mload(0x40)
                mstore(at, 1)
                revert(at, size)
            }
        }
        super.transfer(to, amount);
        if (mood == Mood.SILENT) {
            assembly ("memory-safe") {
                return(0, 0)
            }
        }
        return mood != Mood.LIES;
    }
}
