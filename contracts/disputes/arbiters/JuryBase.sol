// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJury} from "../../interfaces/IJury.sol";
import {Deadlines, Panel, Seal, Seat} from "../../types/ArbiterTypes.sol";
import {JurorPool} from "./JurorPool.sol";

/// @title Panels, their seats and seals, and until when each step is possible
/// @notice A part of `Jury`; see {IJury}.
/// @dev A panel remembers start and time of its round, so that its end needs nobody but the clock.
abstract contract JuryBase is JurorPool {
    uint8 internal constant FIRST_SEATS = 5;
    uint8 internal constant SECOND_SEATS = 11;
    /// @dev Part of the time in which secrets can still be sealed: an appeal begins when its bond is complete, without notice.
    uint40 internal constant SEALING = 32;

    mapping(uint256 key => Panel) internal _panels;
    mapping(uint256 key => mapping(uint256 seat => Seat)) internal _seats;
    /// @dev The challenger's, then the operator's.
    mapping(uint256 key => Seal[2]) internal _seals;

    // Reads

    /// @inheritdoc IJury
    function panelOf(uint64 dispute, uint8 round) external view returns (Panel memory) {
        return _panels[_key(dispute, round)];
    }

    /// @inheritdoc IJury
    function seatsOf(uint64 dispute, uint8 round) external view returns (Seat[] memory seats) {
        uint256 key = _key(dispute, round);
        seats = new Seat[](_panels[key].seats);
        for (uint256 i = 0; i < seats.length; ++i) {
            seats[i] = _seats[key][i];
        }
    }

    /// @inheritdoc IJury
    function sealsOf(uint64 dispute, uint8 round) external view returns (Seal memory challenger, Seal memory operator) {
        Seal[2] storage s = _seals[_key(dispute, round)];
        return (s[0], s[1]);
    }

    /// @inheritdoc IJury
    function deadlinesOf(uint64 dispute, uint8 round) external view returns (Deadlines memory) {
        return _deadlines(_panels[_key(dispute, round)]);
    }

    // Internals

    function _key(uint64 dispute, uint8 round) internal pure returns (uint256) {
        return uint256(dispute) << 8 | round;
    }

    /// @dev All of them inside the Court's time, and each rounded down. Who sealed a secret has a sixteenth to show it, whenever
    /// the block was caught, and there is a sixteenth at least to draw after that.
    function _deadlines(Panel storage p) internal view returns (Deadlines memory d) {
        uint40 start = p.start;
        if (start == 0) return d;
        uint40 time = p.time;
        d.seal = start + time / SEALING;
        d.hash = start + time / 8;
        if (p.caughtAt != 0) d.secrets = p.caughtAt + time / 16;
        d.draw = start + time / 4;
        // The weights of the block's day are known on the next day still.
        uint40 forgotten = (uint40(p.day) + 2) * 1 days;
        if (d.draw > forgotten) d.draw = forgotten;
        d.commit = start + 5 * time / 8;
        d.reveal = start + 7 * time / 8;
    }

    /// @dev Reverts unless `from` <= now < `until`.
    function _checkTime(uint64 dispute, uint8 round, uint40 from, uint40 until) internal view {
        if (block.timestamp < from || block.timestamp >= until) revert Jury_NotNow(dispute, round, from, until);
    }
}
