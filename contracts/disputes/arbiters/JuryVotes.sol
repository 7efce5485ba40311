// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IArbiter} from "../../interfaces/IArbiter.sol";
import {IJury} from "../../interfaces/IJury.sol";
import {Deadlines, Panel, Seat} from "../../types/ArbiterTypes.sol";
import {JuryDraw} from "./JuryDraw.sol";

/// @title How a panel votes, and what it says
/// @notice A part of `Jury`; see {IJury}.
/// @dev The median cannot be moved beyond the honest votes by less than half, however these scatter; a plurality could. Votes lie
/// between the two figures in dispute, so no ruling is on what nobody asked for.
abstract contract JuryVotes is JuryDraw {
    /// @dev Share of what is disputed by which a vote may differ from the ruling and agree, rounded down: work that is not
    /// bit-exact, and downtime, are judged within a tolerance.
    uint256 private constant TOLERANCE_BPS = 1_000;
    uint256 private constant BPS = 10_000;

    /// @inheritdoc IJury
    function voteHash(uint64 dispute, uint8 round, address juror, uint80 units, bytes32 salt)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, address(this), dispute, round, juror, units, salt));
    }

    /// @inheritdoc IArbiter
    function rule(uint64 dispute) external view returns (uint80 units) {
        return rulingOf(dispute, _presentRound(_disputeOf(dispute)));
    }

    /// @inheritdoc IJury
    function rulingOf(uint64 dispute, uint8 round) public view returns (uint80 units) {
        uint256 key = _key(dispute, round);
        Panel storage p = _panels[key];
        if (!_isDecided(p)) revert Jury_Undecided(dispute, round);
        if (!_hasQuorum(p)) revert Jury_NoQuorum(dispute, round, p.revealed);
        return _medianOf(p, key);
    }

    /// @inheritdoc IJury
    function commitVote(uint64 dispute, uint8 round, bytes32 commitment) external nonReentrant {
        // Check: a juror of the panel, in time.
        if (commitment == 0) revert Jury_ZeroHash();
        (Panel storage p, Seat storage seat) = _seatOf(dispute, round);
        _checkTime(dispute, round, p.start, _deadlines(p).commit);

        // Effect: the last one counts.
        if (seat.commitment == 0) ++p.committed;
        seat.commitment = commitment;
        emit VoteCommitted(dispute, round, msg.sender, commitment);
    }

    /// @inheritdoc IJury
    function revealVote(uint64 dispute, uint8 round, uint80 units, bytes32 salt) external nonReentrant {
        // Check: a juror of the panel, in time, with what it committed to, inside what is disputed.
        (Panel storage p, Seat storage seat) = _seatOf(dispute, round);
        Deadlines memory until = _deadlines(p);
        _checkTime(dispute, round, until.commit, until.reveal);
        if (seat.revealed || seat.commitment != voteHash(dispute, round, msg.sender, units, salt)) {
            revert Jury_WrongVote(dispute, round, msg.sender);
        }
        (uint80 attacked, uint80 claimed) = (p.attacked, p.claimed);
        if (units < Math.min(attacked, claimed) || units > Math.max(attacked, claimed)) {
            revert Jury_VoteOutOfRange(units, attacked, claimed);
        }

        // Effect: it counts.
        (seat.units, seat.revealed) = (units, true);
        ++p.revealed;
        emit VoteRevealed(dispute, round, msg.sender, units);
    }

    // Internals

    /// @dev The caller's seat, among at most eleven.
    function _seatOf(uint64 dispute, uint8 round) private view returns (Panel storage p, Seat storage seat) {
        uint256 key = _key(dispute, round);
        p = _panels[key];
        uint256 seats = p.seats;
        if (seats == 0) revert Jury_NotDrawn(dispute, round);
        for (uint256 i = 0; i < seats; ++i) {
            seat = _seats[key][i];
            if (seat.juror == msg.sender) return (p, seat);
        }
        revert Jury_NotJuror(dispute, round, msg.sender);
    }

    /// @dev Nothing can be revealed any more: the time is over, or everything that was committed is revealed.
    function _isDecided(Panel storage p) internal view returns (bool) {
        if (p.seats == 0) return false;
        Deadlines memory until = _deadlines(p);
        return block.timestamp >= until.reveal || (block.timestamp >= until.commit && p.revealed == p.committed);
    }

    /// @dev A majority of the seats revealed.
    function _hasQuorum(Panel storage p) internal view returns (bool) {
        return 2 * uint256(p.revealed) > p.seats;
    }

    /// @dev The median of the revealed votes; of an even number, the middle one nearer to `attacked`.
    function _medianOf(Panel storage p, uint256 key) internal view returns (uint80) {
        uint256 count = p.revealed;
        uint80[] memory votes = new uint80[](count);
        uint256 found;
        for (uint256 i = 0; found < count; ++i) {
            Seat storage seat = _seats[key][i];
            if (!seat.revealed) continue;
            uint80 vote = seat.units;
            uint256 place = found;
            ++found;
            for (; place != 0 && votes[place - 1] > vote; --place) {
                votes[place] = votes[place - 1];
            }
            votes[place] = vote;
        }
        return votes[p.attacked > p.claimed ? count / 2 : (count - 1) / 2];
    }

    /// @dev Who is paid, as a mask of seats, and how many. With a quorum, those who agree with the median if they are more than
    /// half of the votes; else all who revealed.
    function _paid(Panel storage p, uint256 key) internal view returns (uint256 mask, uint256 count) {
        uint256 revealed;
        uint256 seats = p.seats;
        bool quorum = _hasQuorum(p);
        uint256 median = quorum ? _medianOf(p, key) : 0;
        (uint256 attacked, uint256 claimed) = (p.attacked, p.claimed);
        uint256 span = attacked > claimed ? attacked - claimed : claimed - attacked;
        for (uint256 i = 0; i < seats; ++i) {
            Seat storage seat = _seats[key][i];
            if (!seat.revealed) continue;
            revealed |= 1 << i;
            uint256 vote = seat.units;
            uint256 apart = vote > median ? vote - median : median - vote;
            if (quorum && apart <= span * TOLERANCE_BPS / BPS) {
                mask |= 1 << i;
                ++count;
            }
        }
        return 2 * count > p.revealed ? (mask, count) : (revealed, uint256(p.revealed));
    }
}
