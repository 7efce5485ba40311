// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ICourt} from "../interfaces/ICourt.sol";
import {IArbiter} from "../interfaces/IArbiter.sol";
import {Claim, DisputeKind, DisputeState, DisputeView, Outcome} from "../types/DisputeTypes.sol";
import {AgreementView} from "../types/EscrowTypes.sol";
import {DisputeTerms} from "../types/PolicyTypes.sol";
import {ReceiptFault} from "../types/ReceiptTypes.sol";
import {CourtBase} from "./CourtBase.sol";

/// @title The way to a ruling: contest, evidence, arbiters, appeal
abstract contract CourtRuling is ICourt, CourtBase {
    /// @dev Gas that an arbiter may use to answer.
    uint256 private constant ARBITER_GAS = 500_000;
    /// @dev Parts of an appeal's bond at most; each but the last is at least a sixteenth of it.
    uint256 private constant MAX_CONTRIBUTIONS = 16;

    // User reads

    /// @inheritdoc ICourt
    function count() external view returns (uint64) {
        return _count;
    }

    /// @inheritdoc ICourt
    function activeOf(uint64 agreement) external view returns (uint64 dispute) {
        return _active[agreement];
    }

    /// @inheritdoc ICourt
    function feeOf(uint64 dispute, uint8 round) external view returns (uint64) {
        return _fees[dispute][round];
    }

    /// @inheritdoc ICourt
    function disputeOf(uint64 dispute) external view returns (DisputeView memory) {
        Record memory d = _load(dispute);
        return DisputeView({
            kind: d.kind,
            state: d.state,
            outcome: d.outcome,
            round: d.round,
            upward: d.upward,
            appealed: d.appealed,
            policy: d.policy,
            reason: d.reason,
            operator: d.operator,
            agreement: d.agreement,
            challenger: d.lead,
            attacked: d.attacked,
            claimed: d.claimed,
            ruling: d.ruling,
            outputRoot: d.outputRoot,
            openedAt: d.openedAt,
            rulingStart: d.state == DisputeState.EVIDENCE ? d.deadline : d.rulingStart,
            deadline: d.deadline
        });
    }

    /// @inheritdoc ICourt
    function appealBondOf(uint64 dispute) external view returns (uint64 needed, uint64 paid) {
        Record memory d = _load(dispute);
        return (_appealBond(dispute, d, _POLICY_BOOK.disputeTerms(d.policy), d.customerPaid), d.appealPaid);
    }

    // User writes

    /// @inheritdoc ICourt
    function contest(uint64 dispute) external nonReentrant {
        Record memory d = _load(dispute);
        // Check
        _expect(dispute, d, DisputeState.CONTEST);
        AgreementView memory a = _agreement(d.agreement);
        if (
            msg.sender != _STAKING.ownerOf(d.operator) && msg.sender != _ESCROW.ownerOf(a.customer)
                && msg.sender != _ESCROW.ownerOf(a.funder)
        ) revert Court_NotParty(dispute, msg.sender);
        // Effect
        (d.state, d.contested) = (DisputeState.EVIDENCE, true);
        d.deadline = uint40(block.timestamp) + _POLICY_BOOK.disputeTerms(d.policy).evidenceTime;
        _store(dispute, d);
        emit Contested(dispute, msg.sender);
    }

    /// @inheritdoc ICourt
    function submitEvidence(uint64 dispute, bool forChallenger, bytes32 hash, string calldata uri)
        external
        nonReentrant
    {
        Record memory d = _load(dispute);
        // Check
        if (d.state != DisputeState.CONTEST) _expect(dispute, d, DisputeState.EVIDENCE);
        // Effect
        emit Evidence(dispute, msg.sender, forChallenger, hash, uri);
    }

    /// @inheritdoc ICourt
    function takeOver(uint64 dispute, uint80 claimedUnits) external nonReentrant {
        Record memory d = _load(dispute);
        // Check
        _expect(dispute, d, DisputeState.EVIDENCE);
        if (d.upward || !_isCustomer(d, msg.sender)) revert Court_NotParty(dispute, msg.sender);
        // The valid units of a proposal are its verifiers' word.
        bool other = d.kind == DisputeKind.PROPOSAL && claimedUnits != d.claimed;
        if (other || claimedUnits >= d.attacked) revert Court_NothingDisputed(d.attacked, claimedUnits);
        // Effect
        (d.lead, d.claimed) = (msg.sender, claimedUnits);
        _store(dispute, d);
        emit TakenOver(dispute, msg.sender, claimedUnits);
    }

    /// @inheritdoc ICourt
    function back(uint64 dispute, Claim calldata claim) external nonReentrant {
        Record memory d = _load(dispute);
        // Check
        if (d.kind != DisputeKind.PROPOSAL || d.state > DisputeState.RULED) {
            revert Court_WrongState(dispute, uint8(d.state));
        }
        (ReceiptFault fault, uint64 agreement, uint80 units,, bool full) = _LEDGER.claimOf(claim);
        if (fault == ReceiptFault.NONE && agreement != d.agreement) fault = ReceiptFault.UNKNOWN_AGREEMENT;
        if (fault == ReceiptFault.NONE && !full) fault = ReceiptFault.NOT_ENOUGH_VERDICTS;
        if (fault == ReceiptFault.NONE && (units > d.claimed || units <= d.backed)) fault = ReceiptFault.NOTHING_DUE;
        if (fault != ReceiptFault.NONE) revert Court_BadClaim(uint8(fault));
        // Effect
        d.backed = units;
        _store(dispute, d);
        emit Backed(dispute, units);
    }

    /// @inheritdoc ICourt
    function rule(uint64 dispute) external nonReentrant {
        Record memory d = _load(dispute);
        // Check
        DisputeTerms memory terms = _POLICY_BOOK.disputeTerms(d.policy);
        bool first = d.state == DisputeState.RULING;
        if (!first) _expect(dispute, d, DisputeState.SECOND);
        address arbiter = first ? terms.arbiter : terms.secondArbiter;
        (bool ok, uint80 units) = _ask(arbiter, dispute);
        if (!ok) revert Court_NotRuledYet(dispute);
        // More than the figure in dispute is not for this dispute to give.
        if (!d.upward && units > d.attacked) units = d.attacked;
        if (d.upward && units > d.claimed) units = d.claimed;
        // Effect
        d.ruling = units;
        uint40 appealEnds;
        if (first) d.firstRuled = true;
        else d.secondRuled = true;
        if (first && terms.secondArbiter != address(0)) {
            appealEnds = uint40(block.timestamp) + terms.appealTime;
            (d.state, d.deadline, d.firstRuling) = (DisputeState.APPEALABLE, appealEnds, units);
        } else {
            (d.state, d.outcome, d.deadline) = (DisputeState.RULED, _outcomeOf(d, units), uint40(block.timestamp));
        }
        _store(dispute, d);
        emit Ruled(dispute, first ? 1 : 2, arbiter, units, appealEnds);
    }

    /// @inheritdoc ICourt
    function appeal(uint64 dispute, uint64 amount) external nonReentrant {
        Record memory d = _load(dispute);
        // Check
        _expect(dispute, d, DisputeState.APPEALABLE);
        DisputeTerms memory terms = _POLICY_BOOK.disputeTerms(d.policy);
        bool byCustomer = _isCustomer(d, msg.sender);
        bool upheld = _outcomeOf(d, d.firstRuling) == Outcome.UPHELD;
        if (byCustomer && upheld && !d.upward) {
            // Its side won, and it wants more: it pays alone. What others paid for the other side is not needed.
            if (d.firstRuling == 0) revert Court_NothingDisputed(0, 0);
            d.ownAppeal = true;
            d.appealPaid = 0;
            _returnParts(dispute);
        }
        d.customerPaid = d.customerPaid || (byCustomer && (d.ownAppeal || upheld == d.upward));
        uint64 needed = _appealBond(dispute, d, terms, d.customerPaid);
        uint64 missing = needed > d.appealPaid ? needed - d.appealPaid : 0;
        if (amount > missing) amount = missing;
        if (_contributions[dispute].length == MAX_CONTRIBUTIONS) revert Court_TooManyFunders(dispute);
        uint256 least = d.ownAppeal ? needed : Math.ceilDiv(needed, MAX_CONTRIBUTIONS);
        if (amount < missing && amount < least) revert Court_TooSmallPart(dispute, amount, missing);
        // Effect
        d.appealPaid += amount;
        _contributions[dispute].push(Contribution({by: msg.sender, amount: amount}));
        bool complete = d.appealPaid >= needed;
        if (complete) {
            d.appealed = true;
            _beginSecond(d, terms, uint40(block.timestamp));
        }
        _store(dispute, d);
        bool forChallenger = _isChallengersAppeal(d);
        emit AppealFunded(dispute, msg.sender, forChallenger, amount, missing - amount);
        if (complete) emit Appealed(dispute, forChallenger);
        // Interaction
        if (amount != 0) _pullBond(msg.sender, amount);
    }

    // Internal

    function _isCustomer(Record memory d, address who) internal view returns (bool) {
        return who == _ESCROW.ownerOf(_agreement(d.agreement).customer);
    }

    // Private

    /// @dev Double the first bond, or a single one when the customer appeals; in any case the fee of who hears it.
    function _appealBond(uint64 dispute, Record memory d, DisputeTerms memory terms, bool customer)
        private
        view
        returns (uint64)
    {
        uint256 bond = uint256(d.bond) * (d.kind == DisputeKind.PROPOSAL ? _verifiers[dispute].length : 1);
        if (!customer) bond *= 2;
        return uint64(Math.max(bond, terms.appealFee));
    }

    /// @dev Static, with fixed gas, and one word of what it says.
    function _ask(address arbiter, uint64 dispute) private view returns (bool ok, uint80 units) {
        // All of that gas, or nothing: who calls does not choose where an arbiter runs out of it.
        if (gasleft() < ARBITER_GAS + ARBITER_GAS / 32) return (false, 0);
        bytes memory data = abi.encodeCall(IArbiter.rule, (dispute));
        uint256 gasCap = ARBITER_GAS;
        uint256 word;
        assembly ("memory-safe") {
            ok := staticcall(gasCap, arbiter, add(data, 0x20), mload(data), 0x00, 0x20)
            ok := and(ok, gt(returndatasize(), 0x1f))
            word := mload(0x00)
        }
        if (word > type(uint80).max) return (false, 0);
        return (ok, uint80(word));
    }
}
