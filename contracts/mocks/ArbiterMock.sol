// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICourt} from "../interfaces/ICourt.sol";

/// @title An arbiter that says what a test wants, or misbehaves
/// @notice Silent about every round for which nothing was set. It can claim its fees and speak when it is told to.
contract ArbiterMock {
    enum Mode {
        HONEST,
        REVERTING,
        BURNING,
        SHORT,
        HUGE,
        LONG
    }

    struct Word {
        bool said;
        uint80 units;
    }

    Mode public mode;
    mapping(uint64 dispute => mapping(uint8 round => Word)) public words;

    error ArbiterMock_Undecided(uint64 dispute, uint8 round);

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    function say(uint64 dispute, uint8 round, uint80 units) external {
        words[dispute][round] = Word(true, units);
    }

    function claim(address court, address to) external returns (uint256) {
        return ICourt(court).claimCredit(to);
    }

    function rule(uint64 dispute) external view returns (uint80) {
        Mode how = mode;
        if (how == Mode.BURNING) {
            while (true) {}
        }
        uint8 round = ICourt(msg.sender).disputeOf(dispute).round;
        Word memory word = words[dispute][round];
        if (how == Mode.REVERTING || !word.said) revert ArbiterMock_Undecided(dispute, round);
        if (how == Mode.HONEST) return word.units;
        uint80 units = how == Mode.HUGE ? 1 : word.units;
        uint256 size = how == Mode.SHORT ? 31 : how == Mode.LONG ? 100_000 : 32;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, shl(mul(255, eq(how, 4)), units))
            return(at, size)
        }
    }
}
