// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ICourt} from "../../interfaces/ICourt.sol";
import {IJury} from "../../interfaces/IJury.sol";
import {Juror, JuryParameters, Panel, Seal, Seat} from "../../types/ArbiterTypes.sol";
import {DisputeState, DisputeView} from "../../types/DisputeTypes.sol";
import {ArbiterBase} from "./ArbiterBase.sol";
import {JurorPool} from "./JurorPool.sol";
import {JuryVotes} from "./JuryVotes.sol";

/// @title Jury
/// @notice See {IJury}. This part ends panels and pays.
/// @dev totalBonds = deposits + draw bonds that are open + {carried} + {feesHeld}.
contract Jury is JuryVotes {
    /// @inheritdoc IJury
    uint256 public carried;
    /// @inheritdoc IJury
    uint256 public feesHeld;

    constructor(JuryParameters memory p) ArbiterBase(p.currency, p.court, p.policyBook) JurorPool(p) {}

    /// @inheritdoc IJury
    function settle(uint64 dispute, uint8 round) external nonReentrant {
        // Check: it is decided, or there will be no panel any more.
        uint256 key = _key(dispute, round);
        Panel storage p = _panels[key];
        if (p.settled) revert Jury_AlreadySettled(dispute, round);
        if (!_isOver(p, dispute, round)) revert Jury_Undecided(dispute, round);

        // Effect: seats are free, who was silent or in the minority loses, who is paid gets it.
        p.settled = true;
        uint256 pot = carried + _endSeals(p, key, dispute, round);
        (uint256 mask, uint256 count) = _paid(p, key);
        pot += _endSeats(p, key, mask, dispute, round);
        uint256 each = count == 0 ? 0 : pot / count;
        carried = pot - each * count;
        bool ruled = p.seats != 0 && _hasQuorum(p);
        emit Settled({
            dispute: dispute,
            round: round,
            ruled: ruled,
            units: ruled ? _medianOf(p, key) : 0,
            paid: uint8(count),
            each: each,
            carried: carried
        });
        _pay(key, mask, each);
    }

    /// @inheritdoc IJury
    function shareFee(uint64 dispute, uint8 round) external nonReentrant returns (uint256 each) {
        // Check: it is known who is paid.
        uint256 key = _key(dispute, round);
        Panel storage p = _panels[key];
        if (!p.settled) revert Jury_NotSettled(dispute, round);
        uint64 fee = p.start == 0 ? 0 : ICourt(COURT).feeOf(dispute, round);
        if (fee <= p.feeShared) revert Jury_NothingToShare(dispute, round);
        uint64 due = fee - p.feeShared;

        // Interaction, before the effect: what counts is what arrives.
        if (feesHeld < due) {
            uint256 taken = _takeFees();
            feesHeld += taken;
            emit FeesTaken(taken);
            due = uint64(Math.min(due, feesHeld));
        }

        // Effect: equal parts, rounded down; what is left, or all of it when nobody is paid, is carried.
        p.feeShared += due;
        feesHeld -= due;
        (uint256 mask, uint256 count) = _paid(p, key);
        each = count == 0 ? 0 : due / count;
        carried += due - each * count;
        emit FeeShared(dispute, round, due, each);
        _pay(key, mask, each);
    }

    // Internals

    /// @dev A panel that sits ends by its votes; one that was not drawn by its time; a round whose block was never fixed, when the
    /// Court has left it behind.
    function _isOver(Panel storage p, uint64 dispute, uint8 round) private view returns (bool) {
        if (p.seats != 0) return _isDecided(p);
        if (p.start != 0) return block.timestamp >= _deadlines(p).draw;
        Seal[2] storage both = _seals[_key(dispute, round)];
        if (both[0].by == address(0) && both[1].by == address(0)) return false;
        DisputeView memory d = _disputeOf(dispute);
        return d.state > (round == 1 ? DisputeState.RULING : DisputeState.SECOND);
    }

    /// @dev Secrets that could be shown and were not lose their bonds; without a hash none could.
    function _endSeals(Panel storage p, uint256 key, uint64 dispute, uint8 round) private returns (uint256 lost) {
        bool known = p.caughtAt != 0;
        for (uint256 i = 0; i < 2; ++i) {
            Seal storage s = _seals[key][i];
            if (s.by == address(0) || s.revealed) continue;
            if (known) {
                lost += DRAW_BOND;
                emit DrawBondLost(dispute, round, s.by, DRAW_BOND);
            } else {
                _returnDrawBond(dispute, round, s.by);
            }
        }
    }

    /// @dev Everybody stands up. Who is not paid loses the penalty, which each seat had locked of its juror's deposit.
    function _endSeats(Panel storage p, uint256 key, uint256 paid, uint64 dispute, uint8 round)
        private
        returns (uint256 lost)
    {
        uint256 seats = p.seats;
        for (uint256 i = 0; i < seats; ++i) {
            Seat storage seat = _seats[key][i];
            Juror storage j = _jurors[seat.juror];
            --j.seats;
            if (paid & (1 << i) != 0) continue;
            j.deposit -= PENALTY;
            lost += PENALTY;
            emit Penalised(dispute, round, seat.juror, PENALTY);
            _weigh(seat.juror);
        }
    }

    function _pay(uint256 key, uint256 mask, uint256 each) private {
        for (uint256 i = 0; mask != 0; ++i) {
            if (mask & 1 != 0) _creditBond(_seats[key][i].juror, each);
            mask >>= 1;
        }
    }
}
