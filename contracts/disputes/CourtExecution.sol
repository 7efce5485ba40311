// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICourtExecution} from "../interfaces/ICourtExecution.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {
    AgreementView,
    DisputeKind,
    DisputeState,
    DisputeTerms,
    Mode,
    Outcome,
    Recovery,
    RulingOrder,
    RulingOutcome,
    SlashOrder,
    SlashOutcome,
    Windows
} from "../types/DataTypes.sol";
import {CourtBase, CourtParameters} from "./CourtBase.sol";
import {CourtShares} from "./CourtShares.sol";

/// @title CourtExecution: how rulings are carried out, at the Court's address
/// @dev Runs on the Court's storage, through its fallback; by itself it does nothing.
contract CourtExecution is CourtShares {
    using SafeCast for uint256;

    /// @dev What a final ruling comes to.
    struct Judgement {
        uint256 amount;
        bool closes;
        uint32 downtime;
        uint64 slash;
        uint64 fee;
    }

    address private immutable _COURT;

    constructor(CourtParameters memory p) CourtBase(p) {
        _COURT = p.court;
    }

    modifier delegated() {
        if (address(this) != _COURT) revert Court_NotHere();
        _;
    }

    // User writes

    /// @inheritdoc ICourtExecution
    function execute(uint64 dispute) external delegated nonReentrant {
        Record memory d = _load(dispute);
        // Check
        _expect(dispute, d, DisputeState.RULED);
        DisputeTerms memory terms = _POLICY_BOOK.disputeTerms(d.policy);
        AgreementView memory a = _agreement(d.agreement);
        Judgement memory j = _judge(d, a, terms);
        // Effect
        d.closed = j.closes;
        d.state = j.closes ? DisputeState.OVER : DisputeState.COOLING;
        d.deadline = uint40(block.timestamp) + _POLICY_BOOK.windows(d.policy).challenge;
        if (j.closes) delete _active[d.agreement];
        else if (a.mode == Mode.METERED) _stood[d.agreement] = Stood({any: true, units: d.ruling});
        _store(dispute, d);
        FeesDue memory due = _feesDue(d, terms);
        (address accused, address against) = _sides(d, a);
        _settleAppeal(dispute, d, terms, due, _isProvidersAppeal(d) != d.upward ? against : accused);
        _settleBond(dispute, d, terms, due, accused);
        // Interaction: every contract is ours, and none of them calls the currency here.
        j.fee = d.outcome == Outcome.UPHELD && !d.upward ? due.first + due.second : 0;
        RulingOutcome memory moved = _carryOut(d, a, terms, j);
        _payFees(dispute, terms, due, moved.slash.fee);
        _shareReward(dispute, d, moved.slash.toChallenger);
        if (terms.slashDayCap != 0 && moved.slash.slashed != 0) {
            _slashedOn[d.operator][block.timestamp / 1 days] += moved.slash.slashed;
        }
        emit Executed(dispute, d.agreement, uint8(d.outcome), d.ruling, moved);
    }

    /// @inheritdoc ICourtExecution
    function clear(uint64 dispute) external delegated nonReentrant {
        Record memory d = _load(dispute);
        // Check
        _expect(dispute, d, DisputeState.COOLING);
        if (block.timestamp < d.deadline) revert Court_StillCooling(dispute, d.deadline);
        // Effect
        d.state = DisputeState.OVER;
        _store(dispute, d);
        delete _active[d.agreement];
        uint40 notBefore = uint40(block.timestamp) + _ESCROW.POST_GRACE() + _POLICY_BOOK.windows(d.policy).longest
            + _ESCROW.SETTLE_GRACE();
        emit Cleared(dispute, d.agreement, notBefore);
        // Interaction
        _RULINGS.clear(d.agreement, notBefore);
    }

    /// @inheritdoc ICourtExecution
    function fileClaim(uint64 dispute) external delegated nonReentrant {
        Record memory d = _load(dispute);
        // Check
        AgreementView memory a = _agreement(d.agreement);
        if (!d.closed || a.countersigned) revert Court_NotInsured(dispute);
        if (a.holds != 0 || _LEDGER_MORE.pledgeBonds(d.agreement) != 0) revert Court_StillHeld(d.agreement);
        // Interaction: what reservations could not give back is a loss; it is filed once.
        uint64 loss = _LEDGER.endRecovery(d.agreement);
        if (loss == 0) revert Court_NotInsured(dispute);
        emit ClaimFiled(dispute, d.agreement, loss);
        _INSURANCE.file(d.agreement, d.operator, _ESCROW.ownerOf(a.funder), loss);
    }

    // Private

    /// @dev The amount that stands, and what follows from it.
    function _judge(Record memory d, AgreementView memory a, DisputeTerms memory terms)
        private
        view
        returns (Judgement memory j)
    {
        bool upheld = d.outcome == Outcome.UPHELD;
        if (a.mode == Mode.LEASE) {
            uint256 elapsed = _elapsed(d);
            uint256 units = Math.min(d.ruling, elapsed);
            j.downtime = uint32(elapsed - units);
            j.amount = Math.min(Fees.grossDown(units, a.unitPrice), a.budget);
        } else {
            j.amount = Math.min(Fees.grossDown(d.ruling, a.unitPrice), a.budget);
            j.closes = d.ruling < d.attacked;
            // The verifiers say what is valid; what of it is due is what was posted or fully signed, and what is final stands.
            if (d.kind == DisputeKind.PROPOSAL && d.outcome != Outcome.REJECTED) {
                j.amount = Math.max(Math.min(j.amount, Fees.grossDown(d.backed, a.unitPrice)), a.paid);
            }
        }
        // Nobody ruled: nothing is taken back.
        if (d.outcome == Outcome.SILENT) j.amount = Math.max(j.amount, a.paid);
        j.closes = j.closes || j.amount < a.paid;
        if (upheld && j.closes && !d.upward) j.slash = _slashOf(a, terms, _pledgeOf(a));
    }

    /// @dev Lets Escrow and Staking do it, and keeps for the reservations what the pledge could not give back.
    function _carryOut(Record memory d, AgreementView memory a, DisputeTerms memory terms, Judgement memory j)
        private
        returns (RulingOutcome memory moved)
    {
        RulingOrder memory order;
        order.agreement = d.agreement;
        order.amount = j.amount.toUint56();
        order.closes = j.closes;
        if (!j.closes) {
            (order.setsDowntime, order.downtime) = (a.mode == Mode.LEASE, j.downtime);
            moved = _RULINGS.executeRuling(order);
            if (j.fee != 0) moved.slash = _charge(d, j.fee);
            return moved;
        }
        Recovery memory recovery = _LEDGER.recoveryOf(d.agreement);
        (order.madeGood, order.madeGoodFees) = (recovery.done, recovery.doneFees);
        order.lent = _LEDGER_MORE.pledgeBonds(d.agreement);
        (order.slash, order.fee, order.feeTo) = (j.slash, j.fee, address(this));
        order.challenger = address(this);
        // Who decides gets nothing of it: of an uncontested proposal that is the verifiers.
        order.rewardBps = d.kind == DisputeKind.PROPOSAL && !d.contested ? 0 : terms.rewardBps;
        order.reason = d.reason;
        moved = _RULINGS.executeRuling(order);
        uint64 open = moved.overpaid - moved.slash.recovered - moved.slash.toVictim;
        if (open != 0) _LEDGER.addRecovery(d.agreement, open);
    }

    /// @dev The fee of a lease's operator that lost, while the lease runs on.
    function _charge(Record memory d, uint64 fee) private returns (SlashOutcome memory) {
        SlashOrder memory order;
        (order.operator, order.fee, order.feeTo, order.reason) = (d.operator, fee, address(this), d.reason);
        return _STAKING.slash(order);
    }

    /// @dev Who is accused, and who acts against it.
    function _sides(Record memory d, AgreementView memory a) private view returns (address accused, address against) {
        accused = d.upward ? _ESCROW.ownerOf(a.customer) : _STAKING.ownerOf(d.operator);
        // Of a proposal that is nobody in particular.
        against = d.kind == DisputeKind.PROPOSAL ? _JACKPOT : d.lead;
    }

    /// @dev ceil(budget * coverage), as the Escrow pledged it.
    function _pledgeOf(AgreementView memory a) private view returns (uint64) {
        return Fees.shareUp(a.budget, _POLICY_BOOK.coverageOf(a.policy)).toUint64();
    }

    /// @dev Seconds of a lease between its start and the dispute's opening.
    function _elapsed(Record memory d) private view returns (uint256) {
        uint64[] memory agreements = new uint64[](1);
        agreements[0] = d.agreement;
        (Hot[] memory hot, Cold[] memory cold) = _ESCROW.slotsOf(agreements);
        return LeaseClock.elapsed(hot[0], cold[0], d.openedAt);
    }
}
