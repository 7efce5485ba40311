// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChallenges} from "../interfaces/IChallenges.sol";
import {Figures} from "../libraries/Figures.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {Leaf, LeafEnd} from "../types/DisputeTypes.sol";
import {Status} from "../types/EscrowTypes.sol";
import {DisputeTerms} from "../types/PolicyTypes.sol";
import {ReceiptFault, SignedReceipt} from "../types/ReceiptTypes.sol";
import {SlashOrder, SlashOutcome} from "../types/StakingTypes.sol";
import {ChallengesBase} from "./ChallengesBase.sol";

/// @title "Show the signatures behind this leaf"
/// @dev Per relayer, at most {MAX_OPEN} clocks run; challenges beyond wait in a doubly linked list, first in, first out, so
/// that one that is answered or dismissed while it waits leaves it at once. Each step touches a fixed number of slots. While
/// any waits, all places are taken: a place is given on in the very call that frees it.
///
/// A batch's number says its policy and its relayer ({IReceiptLedger}), so neither is kept.
abstract contract BackingChallenges is ChallengesBase {
    enum Stage {
        NONE,
        WAITING,
        RUNNING,
        OVER
    }

    /// @dev The first slot stays for ever, since a leaf is challenged once; the others are wiped at the end.
    struct Challenge {
        // slot 0
        address challenger;
        uint64 agreement;
        Stage stage;
        // slot 1
        uint80 units;
        uint64 bond;
        uint40 startsAt;
        uint32 response;
        // slot 2
        bytes32 output;
        // slot 3: neighbours, while it waits; 0: none
        uint104 before;
        uint104 behind;
    }

    /// @dev One relayer's challenges: how many clocks run, how many wait, and the two ends of what waits.
    struct Line {
        uint104 first;
        uint104 last;
        uint16 open;
        uint32 queued;
    }

    /// @inheritdoc IChallenges
    uint256 public constant MAX_OPEN = 16;
    /// @inheritdoc IChallenges
    uint16 public constant REASON_VOID_LEAF = 1;

    /// @dev batch << 8 | index; never 0, since no batch has the number 0.
    mapping(uint104 leaf => Challenge) private _challenges;
    mapping(uint32 relayer => Line) private _lines;
    mapping(uint32 relayer => Day) private _penalties;

    // User reads

    /// @inheritdoc IChallenges
    function challengeOf(uint96 batch, uint256 index)
        external
        view
        returns (address challenger, uint64 agreement, uint64 bond, uint256 endsAt)
    {
        Challenge storage c = _challenges[_leafId(batch, index)];
        if (index >= Figures.MAX || !_isAlive(c)) return (address(0), 0, 0, 0);
        return (c.challenger, c.agreement, c.bond, _endsAt(c));
    }

    /// @inheritdoc IChallenges
    function loadOf(uint32 relayer) external view returns (uint256 open, uint256 queued) {
        Line storage line = _lines[relayer];
        return (line.open, line.queued);
    }

    /// @inheritdoc IChallenges
    function penaltiesToday(uint32 relayer) external view returns (uint256) {
        return _takenToday(_penalties[relayer]);
    }

    // User writes

    /// @inheritdoc IChallenges
    function challenge(Leaf calldata leaf) external nonReentrant {
        // Check: once. That there is such a leaf, in a relayer's batch whose window runs, the ledger says.
        uint104 id = _leafId(leaf.batch, leaf.index);
        Challenge storage c = _challenges[id];
        if (c.stage != Stage.NONE) revert Challenges_AlreadyChallenged(leaf.batch, leaf.index);
        // Interaction: the leaf is blocked.
        (uint64 agreement, uint80 units, uint16 policy, uint32 relayer) = _LEDGER_MORE.hold(leaf);
        uint64 bond = _POLICY_BOOK.disputeTerms(policy).backingBond;
        // Effect
        (c.challenger, c.agreement) = (msg.sender, agreement);
        (c.units, c.bond, c.response) = (units, bond, _POLICY_BOOK.windows(policy).response);
        c.output = leaf.output;
        uint40 startsAt = _enter(id, c, relayer);
        emit Challenged({
            batch: leaf.batch,
            index: leaf.index,
            agreement: agreement,
            challenger: msg.sender,
            relayer: relayer,
            bond: bond,
            startsAt: startsAt
        });
        // Interaction
        _pullBond(msg.sender, bond);
    }

    /// @inheritdoc IChallenges
    function answer(uint96 batch, uint256 index, SignedReceipt calldata item) external nonReentrant {
        // Check
        (uint104 id, Challenge storage c) = _alive(batch, index);
        uint256 endsAt = _endsAt(c);
        if (endsAt != 0 && block.timestamp >= endsAt) revert Challenges_ResponseOver(batch, index, endsAt);
        (uint64 agreement, uint64 bond) = (c.agreement, c.bond);
        if (_isMoot(batch, agreement)) revert Challenges_Moot(batch, index);
        ReceiptFault fault = _LEDGER_MORE.backingFault(batch, agreement, c.units, c.output, item);
        if (fault != ReceiptFault.NONE) revert Challenges_BadAnswer(batch, index, uint8(fault));
        // Effect
        _leave(id, c);
        emit Answered(batch, index, msg.sender, bond);
        _creditBond(msg.sender, bond);
        // Interaction
        _LEDGER_MORE.unhold(batch, index, agreement, LeafEnd.ANSWERED);
    }

    /// @inheritdoc IChallenges
    function void(uint96 batch, uint256 index) external nonReentrant {
        // Check
        (uint104 id, Challenge storage c) = _alive(batch, index);
        uint256 endsAt = _endsAt(c);
        if (endsAt == 0 || block.timestamp < endsAt) revert Challenges_ResponseOpen(batch, index, endsAt);
        (address challenger, uint64 agreement, uint64 bond) = (c.challenger, c.agreement, c.bond);
        if (_isMoot(batch, agreement)) revert Challenges_Moot(batch, index);
        // Effect
        _leave(id, c);
        _creditBond(challenger, bond);
        // Interaction: blocked for good; the tenth ends the batch, and what else is under challenge in it is moot.
        _LEDGER_MORE.unhold(batch, index, agreement, LeafEnd.VOID);
        (uint64 penalty, uint64 toChallenger) = _penalise(batch, challenger);
        emit Voided(batch, index, penalty, toChallenger);
    }

    /// @inheritdoc IChallenges
    function dismiss(uint96 batch, uint256 index) external nonReentrant {
        // Check
        (uint104 id, Challenge storage c) = _alive(batch, index);
        (address challenger, uint64 agreement, uint64 bond) = (c.challenger, c.agreement, c.bond);
        if (!_isMoot(batch, agreement)) revert Challenges_NotMoot(batch, index);
        // Effect
        _leave(id, c);
        emit Dismissed(batch, index);
        _creditBond(challenger, bond);
        // Interaction
        _LEDGER_MORE.unhold(batch, index, agreement, LeafEnd.MOOT);
    }

    // Private

    /// @dev Takes a place, or the end of the line.
    /// @return startsAt When its clock starts: now, or 0.
    function _enter(uint104 id, Challenge storage c, uint32 relayer) private returns (uint40 startsAt) {
        Line memory line = _lines[relayer];
        if (line.open < MAX_OPEN) {
            ++line.open;
            startsAt = uint40(block.timestamp);
            (c.stage, c.startsAt) = (Stage.RUNNING, startsAt);
        } else {
            c.stage = Stage.WAITING;
            if (line.queued == 0) line.first = id;
            else (c.before, _challenges[line.last].behind) = (line.last, id);
            line.last = id;
            ++line.queued;
        }
        _lines[relayer] = line;
    }

    /// @dev Gives the place to the first that waits, or leaves the line; nothing but the first slot stays.
    function _leave(uint104 id, Challenge storage c) private {
        uint32 relayer = _relayerOf(id);
        Line memory line = _lines[relayer];
        if (c.stage == Stage.WAITING) {
            _unlink(c, line);
        } else if (line.queued == 0) {
            --line.open;
        } else {
            uint104 next = line.first;
            Challenge storage head = _challenges[next];
            _unlink(head, line);
            (head.stage, head.startsAt) = (Stage.RUNNING, uint40(block.timestamp));
            emit Started(uint96(next >> 8), uint8(next), uint40(block.timestamp));
        }
        _lines[relayer] = line;
        c.stage = Stage.OVER;
        (c.units, c.bond, c.startsAt, c.response, c.output) = (0, 0, 0, 0, 0);
    }

    /// @dev Joins the two neighbours of one that waits; changes `line` in memory, which the caller stores.
    function _unlink(Challenge storage c, Line memory line) private {
        (uint104 before, uint104 behind) = (c.before, c.behind);
        if (before == 0) line.first = behind;
        else _challenges[before].behind = behind;
        if (behind == 0) line.last = before;
        else _challenges[behind].before = before;
        (c.before, c.behind) = (0, 0);
        --line.queued;
    }

    /// @dev The relayer's fixed penalty for a void leaf, of which the challenger gets its share; none beyond the day's cap.
    function _penalise(uint96 batch, address challenger) private returns (uint64 penalty, uint64 toChallenger) {
        uint32 relayer = _relayerOf(_leafId(batch, 0));
        DisputeTerms memory terms = _POLICY_BOOK.disputeTerms(uint16(batch >> 80));
        SlashOrder memory order;
        order.amount = _capped(terms.voidPenalty, terms.penaltyCap, _penalties[relayer]);
        if (order.amount == 0) return (0, 0);
        (order.operator, order.reason) = (relayer, REASON_VOID_LEAF);
        (order.challenger, order.rewardBps) = (challenger, terms.rewardBps);
        SlashOutcome memory outcome = _slash(order, _penalties);
        return (outcome.slashed, outcome.toChallenger);
    }

    /// @dev Whether there is nothing left to answer for: the leaf will never be paid, whoever is right. Only a ruling closes an
    /// agreement whose leaf is under challenge.
    function _isMoot(uint96 batch, uint64 agreement) private view returns (bool) {
        if (_LEDGER.cancelledAt(batch) != 0) return true;
        uint64[] memory agreements = new uint64[](1);
        agreements[0] = agreement;
        (Hot[] memory hot,) = _ESCROW.slotsOf(agreements);
        return hot[0].status() != Status.OPEN;
    }

    /// @dev When the time to answer ends; 0 while it has not begun.
    function _endsAt(Challenge storage c) private view returns (uint256) {
        return c.startsAt == 0 ? 0 : uint256(c.startsAt) + c.response;
    }

    function _alive(uint96 batch, uint256 index) private view returns (uint104 id, Challenge storage c) {
        id = _leafId(batch, index);
        c = _challenges[id];
        if (index >= Figures.MAX || !_isAlive(c)) revert Challenges_NotChallenged(batch, index);
    }

    function _isAlive(Challenge storage c) private view returns (bool) {
        return c.stage == Stage.WAITING || c.stage == Stage.RUNNING;
    }

    /// @dev For an index that is in no batch the result means nothing: whoever uses it checks that.
    function _leafId(uint96 batch, uint256 index) private pure returns (uint104) {
        return (uint104(batch) << 8) | uint8(index);
    }

    function _relayerOf(uint104 id) private pure returns (uint32) {
        return uint32(id >> 56);
    }
}
