// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICourt} from "../interfaces/ICourt.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {Claim, DisputeKind, DisputeState} from "../types/DisputeTypes.sol";
import {AgreementView, Mode, Status} from "../types/EscrowTypes.sol";
import {DisputeTerms} from "../types/PolicyTypes.sol";
import {ReceiptFault, VerdictSignature} from "../types/ReceiptTypes.sol";
import {CourtBase} from "./CourtBase.sol";

/// @title How disputes begin: somebody's bond and word, or the verifiers' signatures
abstract contract CourtOpening is ICourt, CourtBase {
    using SafeCast for uint256;

    // User reads

    /// @inheritdoc ICourt
    function bondFor(uint64 agreement) public view returns (uint64) {
        AgreementView memory a = _agreement(agreement);
        DisputeTerms memory terms = _POLICY_BOOK.disputeTerms(a.policy);
        // What a freeze keeps from moving: the unspent budget and the customer's fee on it.
        uint256 frozen = uint256(a.budget) - a.paid + Fees.riseDown(a.paid, a.budget, a.feeCustomer);
        return Math.max(terms.minBond, Fees.shareUp(frozen, terms.bondBps)).toUint64();
    }

    // User writes

    /// @inheritdoc ICourt
    function open(
        uint64 agreement,
        uint80 claimedUnits,
        Claim calldata claim,
        address challenger,
        uint16 reason,
        bytes32 evidenceHash,
        string calldata evidenceUri
    ) external nonReentrant returns (uint64 dispute) {
        // Check
        AgreementView memory a = _agreement(agreement);
        if (a.status != Status.OPEN) revert Court_AgreementNotOpen(agreement);
        DisputeTerms memory terms = _POLICY_BOOK.disputeTerms(a.policy);
        // Silence would decide, and cost nobody anything.
        if (terms.arbiter == address(0) && terms.secondArbiter == address(0)) revert Court_NoArbiter(a.policy);
        Record memory d;
        (d.kind, d.state) = (DisputeKind.WORK, DisputeState.EVIDENCE);
        (d.lead, d.finder, d.payer) = (challenger, challenger, msg.sender);
        if (challenger == address(0)) (d.lead, d.finder) = (msg.sender, msg.sender);
        d.claimed = claimedUnits;
        if (a.mode == Mode.METERED) {
            _metered(d, a, agreement, claim);
        } else {
            (d.attacked, d.upward) = _lease(agreement, a.operator, claimedUnits);
        }
        d.reason = reason;
        d.bond = bondFor(agreement);
        d.deadline = uint40(block.timestamp) + terms.evidenceTime;
        // Effect
        dispute = _begin(agreement, a, d);
        emit Opened(dispute, agreement, d.lead, d.attacked, d.claimed, d.outputRoot, d.bond, reason);
        if (evidenceHash != 0) emit Evidence(dispute, msg.sender, true, evidenceHash, evidenceUri);
        // Interaction
        _pullBond(msg.sender, d.bond);
    }

    /// @inheritdoc ICourt
    function propose(
        uint64 agreement,
        uint80 validUnits,
        Claim calldata claim,
        VerdictSignature[] calldata verdicts,
        uint16 reason
    ) external nonReentrant returns (uint64 dispute) {
        // Check
        AgreementView memory a = _agreement(agreement);
        if (a.status != Status.OPEN) revert Court_AgreementNotOpen(agreement);
        // Seconds not served are reported, not rejected.
        if (a.mode != Mode.METERED) revert Court_NothingDisputed(0, validUnits);
        Record memory d;
        (d.kind, d.state) = (DisputeKind.PROPOSAL, DisputeState.CONTEST);
        d.claimed = validUnits;
        _metered(d, a, agreement, claim);
        bytes32 rejection = keccak256(abi.encode(agreement, validUnits, d.outputRoot));
        uint32[] memory verifiers = _LEDGER.rejectedBy(agreement, validUnits, d.outputRoot, verdicts);
        if (verifiers.length == 0 || _rejected[rejection]) revert Court_NotEnoughVerdicts();
        // Whoever carries it: it is the verifiers' word, and their bond.
        d.lead = _STAKING.ownerOf(verifiers[0]);
        d.reason = reason;
        d.bond = Math.ceilDiv(bondFor(agreement), verifiers.length).toUint64();
        d.deadline = uint40(block.timestamp) + _POLICY_BOOK.disputeTerms(a.policy).contestTime;
        // Effect
        _rejected[rejection] = true;
        dispute = _begin(agreement, a, d);
        _verifiers[dispute] = verifiers;
        emit Proposed(dispute, agreement, d.attacked, validUnits, d.outputRoot, verifiers, d.bond, reason);
        // Interaction: all of them, or nothing of all this.
        for (uint256 i = 0; i < verifiers.length; ++i) {
            if (!_RESERVES.tryReserve(verifiers[i], d.bond)) revert Court_NotEnoughStake(verifiers[i], d.bond);
        }
    }

    // Private

    /// @dev The figure of a metered agreement that is attacked: its units and output, and where it is posted. What stood in a
    /// dispute before is not attacked again, nor one below what is paid: figures are cumulative, so the newest contains it.
    function _metered(Record memory d, AgreementView memory a, uint64 agreement, Claim calldata claim) private view {
        (ReceiptFault fault, uint64 owner, uint80 attacked, bytes32 outputRoot, bool signed) = _LEDGER.claimOf(claim);
        if (fault == ReceiptFault.NONE && owner != agreement) fault = ReceiptFault.UNKNOWN_AGREEMENT;
        if (fault != ReceiptFault.NONE) revert Court_BadClaim(uint8(fault));
        Stood memory stood = _stood[agreement];
        if (stood.any && attacked <= stood.units) revert Court_StoodBefore(agreement, stood.units);
        if (Math.min(Fees.grossDown(attacked, a.unitPrice), a.budget) < a.paid) {
            revert Court_BelowPaid(agreement, attacked, a.paid);
        }
        if (d.claimed >= attacked) revert Court_NothingDisputed(attacked, d.claimed);
        (d.attacked, d.outputRoot, d.signed) = (attacked, outputRoot, signed);
        // A batch has at most 256 leaves.
        if (claim.batch != 0) (d.batch, d.index) = (claim.batch, uint8(claim.index));
    }

    /// @dev Payable seconds of a lease up to now. Only its operator's owner says that they are more.
    function _lease(uint64 agreement, uint32 operator, uint80 claimed)
        private
        view
        returns (uint80 attacked, bool upward)
    {
        (Hot hot, Cold cold) = _slotsOf(agreement);
        uint256 elapsed = LeaseClock.elapsed(hot, cold, block.timestamp);
        uint256 downtime = cold.downtime();
        attacked = uint80(elapsed > downtime ? elapsed - downtime : 0);
        if (claimed == attacked || claimed > elapsed) revert Court_NothingDisputed(attacked, claimed);
        upward = claimed > attacked;
        if (upward && msg.sender != _STAKING.ownerOf(operator)) revert Court_NotParty(0, msg.sender);
    }

    /// @dev Numbers and keeps the dispute, and freezes the agreement: one at a time, but newer figures can be disputed while an
    /// older ruling cools.
    function _begin(uint64 agreement, AgreementView memory a, Record memory d) private returns (uint64 dispute) {
        (d.agreement, d.operator, d.policy) = (agreement, a.operator, a.policy);
        d.round = 1;
        d.openedAt = uint40(block.timestamp);
        uint64 active = _active[agreement];
        if (active != 0) {
            Record memory old = _load(active);
            if (old.state != DisputeState.COOLING) revert Court_AlreadyDisputed(agreement, active);
            old.state = DisputeState.OVER;
            _store(active, old);
        }
        dispute = ++_count;
        _store(dispute, d);
        _active[agreement] = dispute;
        // Interaction
        if (active == 0) _RULINGS.freeze(agreement);
    }

    function _slotsOf(uint64 agreement) private view returns (Hot, Cold) {
        uint64[] memory agreements = new uint64[](1);
        agreements[0] = agreement;
        (Hot[] memory hot, Cold[] memory cold) = _ESCROW.slotsOf(agreements);
        return (hot[0], cold[0]);
    }
}
