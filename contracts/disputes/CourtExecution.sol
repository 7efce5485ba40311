// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICourtExecution} from "../interfaces/ICourtExecution.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {DisputeKind, DisputeState, Outcome, Recovery} from "../types/DisputeTypes.sol";
import {AgreementView, Mode, RulingOrder, RulingOutcome} from "../types/EscrowTypes.sol";
import {DisputeTerms} from "../types/PolicyTypes.sol";
import {SlashOrder, SlashOutcome} from "../types/StakingTypes.sol";
import {CourtBase, CourtParameters} from "./CourtBase.sol";
import {CourtShares} from "./CourtShares.sol";

/// @title CourtExecution: how rulings are carried out, at the Court's address
/// @dev Runs on the Court's storage, through its fallback; by itself it does nothing.
contract CourtExecution is CourtShares {
    using SafeCast for uint256;

    /// @dev What a final ruling comes to. `stood`: a figure that it lets stand is not attacked again. `secured`: µ that are
    /// reserved for what the attacked leaf was paid at once.
    struct Judgement {
        uint256 amount;
        bool closes;
        bool stood;
        uint64 secured;
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
        else if (a.mode == Mode.METERED && j.stood) _stood[d.agreement] = Stood({any: true, units: d.ruling});
        _store(dispute, d);
        FeesDue memory due = _feesDue(d, terms);
        (address accused, address against) = _sides(d, a);
        _settleAppeal(dispute, d, terms, due, _isChallengersAppeal(d) ? accused : against);
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

    /// @dev The amount that stands, and what follows from it. Only who won a dispute against a figure takes anything back.
    function _judge(Record memory d, AgreementView memory a, DisputeTerms memory terms)
        private
        view
        returns (Judgement memory j)
    {
        bool won = d.outcome == Outcome.UPHELD && !d.upward;
        j.stood = d.outcome != Outcome.SILENT || _isSigned(d);
        uint256 least = won ? 0 : a.paid;
        if (a.mode == Mode.LEASE) {
            uint256 elapsed = _elapsed(d);
            uint256 units = Math.min(d.ruling, elapsed);
            // Silence does not take paid seconds back by way of later ones either.
            if (d.outcome == Outcome.SILENT) {
                uint256 paid = Math.ceilDiv(a.paid * Fees.PRICE_UNIT, a.unitPrice);
                units = Math.max(units, Math.min(d.attacked, paid));
            }
            j.downtime = uint32(elapsed - units);
            j.amount = Math.min(Fees.grossDown(units, a.unitPrice), a.budget);
        } else {
            j.amount = Math.min(Fees.grossDown(d.ruling, a.unitPrice), a.budget);
            j.closes = d.ruling < d.attacked;
            uint256 released;
            (j.secured, released) = _releasedOf(d, a);
            if (d.kind == DisputeKind.PROPOSAL && d.outcome != Outcome.REJECTED) {
                // The verifiers say what is valid; what of it is due is what was posted or fully signed, and what is final
                // stands.
                j.amount = Math.min(j.amount, Fees.grossDown(d.backed, a.unitPrice));
                least = a.paid - released;
            } else if (!j.stood) {
                j.amount = 0;
            }
        }
        j.amount = Math.max(j.amount, least);
        j.closes = j.closes || j.amount < a.paid;
        if (won && j.closes) j.slash = _slashOf(a, terms, _pledgeOf(a));
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
        uint64 secured = uint64(Math.min(j.secured, _overpaid(a, j.amount, recovery.done)));
        (order.madeGood, order.madeGoodFees) = (recovery.done + secured, recovery.doneFees);
        order.lent = _LEDGER_MORE.pledgeBonds(d.agreement);
        (order.slash, order.fee, order.feeTo) = (j.slash, j.fee, address(this));
        order.challenger = address(this);
        // Who decides gets nothing of it: of an uncontested proposal that is the verifiers.
        order.rewardBps = d.kind == DisputeKind.PROPOSAL && !d.contested ? 0 : terms.rewardBps;
        order.reason = d.reason;
        moved = _RULINGS.executeRuling(order);
        moved.overpaid += secured;
        uint64 open = moved.overpaid - moved.slash.recovered - moved.slash.toVictim;
        if (open != 0) _LEDGER.addRecovery(d.agreement, open);
    }

    /// @dev What was paid beyond `amount`, the customer's fee included, and not made good before.
    function _overpaid(AgreementView memory a, uint256 amount, uint64 madeGood)
        private
        pure
        returns (uint256 overpaid)
    {
        if (amount >= a.paid) return 0;
        overpaid = a.paid - amount + Fees.riseDown(amount, a.paid, a.feeCustomer);
        return overpaid > madeGood ? overpaid - madeGood : 0;
    }

    /// @dev What the attacked leaf was paid at once and is not final: its reservation, which the victim gets before any pledge,
    /// so that a slash rewards who found it; and the gross in it. Nothing was paid since, or it could not be attacked.
    function _releasedOf(Record memory d, AgreementView memory a) private view returns (uint64 secured, uint256 gross) {
        if (d.batch == 0) return (0, 0);
        secured = _BATCHES.releaseOf(d.batch, d.index).amount;
        if (secured == 0) return (0, 0);
        // before + floor(before * fee) is what is paid with its fee, less the release: there is one such number.
        uint256 before = uint256(a.paid) + Fees.shareDown(a.paid, a.feeCustomer) - secured;
        gross = a.paid - Math.ceilDiv(before * Fees.BPS, Fees.BPS + a.feeCustomer);
    }

    /// @dev Whether signatures stand behind the attacked figure still: its leaf was not blocked or cancelled since.
    function _isSigned(Record memory d) private view returns (bool) {
        if (!d.signed || d.batch == 0) return d.signed;
        (uint256 blocked,,) = _LEDGER.blockedOf(d.batch);
        return (blocked >> d.index) & 1 == 0 && _BATCHES.cancelledAt(d.batch) == 0;
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
