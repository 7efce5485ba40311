// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICourt} from "../interfaces/ICourt.sol";
import {ICourtExecution} from "../interfaces/ICourtExecution.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {IEscrowRulings} from "../interfaces/IEscrowRulings.sol";
import {IInsurancePool} from "../interfaces/IInsurancePool.sol";
import {IPolicyBook} from "../interfaces/IPolicyBook.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {IReceiptLedgerDisputes} from "../interfaces/IReceiptLedgerDisputes.sol";
import {IReceiptLedgerExtension} from "../interfaces/IReceiptLedgerExtension.sol";
import {IStakeReserves} from "../interfaces/IStakeReserves.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {DisputeKind, DisputeState, Outcome} from "../types/DisputeTypes.sol";
import {AgreementView} from "../types/EscrowTypes.sol";
import {DisputeTerms, VerificationKind} from "../types/PolicyTypes.sol";
import {BondBook} from "./BondBook.sol";

/// @notice What the Court is built with, for ever.
/// @param court The Court itself. @param extension Its CourtExecution. @param currency Of bonds. @param insurance Where unrecovered losses are filed. @param jackpot Who gets the rest of lost bonds.
struct CourtParameters {
    address court;
    address extension;
    address currency;
    address escrow;
    address ledger;
    address staking;
    address policyBook;
    address insurance;
    address jackpot;
}

/// @title What all parts of the Court share: its records, and how time moves them on
abstract contract CourtBase is BondBook {
    /// @dev One dispute. Evaluated in memory: {_load} brings it up to now, {_store} keeps it.
    /// @param customerPaid The customer's owner paid into the appeal. @param closed Its ruling closed the agreement.
    /// @param signed The attacked figure is posted, or carries full signatures. @param batch, index The attacked leaf, if any.
    /// @param ownAppeal The appeal is the customer's own, against a ruling that its side won.
    /// @param lead Who acts for the challenger's side. @param bond Of a proposal: of each verifier.
    /// @param finder Who opened, or was named by who paid. @param payer Whose bond it is. @param appealPaid µ of contributions.
    /// @param backed Units at or below a proposal's claim that were shown to be posted or fully signed.
    struct Record {
        // slot 0
        uint64 agreement;
        uint32 operator;
        uint16 policy;
        uint16 reason;
        DisputeKind kind;
        DisputeState state;
        Outcome outcome;
        uint8 round;
        bool upward;
        bool contested;
        bool firstRuled;
        bool secondRuled;
        bool appealed;
        bool customerPaid;
        bool closed;
        uint40 deadline;
        // slot 1
        uint80 attacked;
        uint80 claimed;
        uint80 ruling;
        bool signed;
        bool ownAppeal;
        // slot 2
        address lead;
        uint64 bond;
        // slot 3
        address finder;
        uint40 openedAt;
        uint40 rulingStart;
        // slot 4
        address payer;
        uint64 appealPaid;
        uint8 index;
        // slot 5
        bytes32 outputRoot;
        // slot 6
        uint80 backed;
        uint80 firstRuling;
        uint96 batch;
    }

    /// @dev A part of an appeal's bond.
    struct Contribution {
        address by;
        uint64 amount;
    }

    /// @dev The highest units of an agreement that a dispute let stand, if any.
    struct Stood {
        bool any;
        uint80 units;
    }

    IEscrow internal immutable _ESCROW;
    IEscrowExtension internal immutable _ESCROW_MORE;
    IEscrowRulings internal immutable _RULINGS;
    IReceiptLedger internal immutable _BATCHES;
    /// @dev The same address.
    IReceiptLedgerDisputes internal immutable _LEDGER;
    IReceiptLedgerExtension internal immutable _LEDGER_MORE;
    IStaking internal immutable _STAKING;
    IStakeReserves internal immutable _RESERVES;
    IPolicyBook internal immutable _POLICY_BOOK;
    IInsurancePool internal immutable _INSURANCE;
    address internal immutable _JACKPOT;

    uint64 internal _count;
    mapping(uint64 agreement => uint64 dispute) internal _active;
    mapping(uint64 dispute => mapping(uint8 round => uint64)) internal _fees;
    mapping(uint64 dispute => Record) private _records;
    mapping(uint64 dispute => uint32[]) internal _verifiers;
    mapping(uint64 dispute => Contribution[]) internal _contributions;
    mapping(uint64 agreement => Stood) internal _stood;
    /// @dev Rejections that were brought before: one set of verdicts accuses once.
    mapping(bytes32 rejection => bool) internal _rejected;
    mapping(uint32 operator => mapping(uint256 day => uint64)) internal _slashedOn;

    constructor(CourtParameters memory p) BondBook(p.currency) {
        _ESCROW = IEscrow(p.escrow);
        _ESCROW_MORE = IEscrowExtension(p.escrow);
        _RULINGS = IEscrowRulings(p.escrow);
        _BATCHES = IReceiptLedger(p.ledger);
        _LEDGER = IReceiptLedgerDisputes(p.ledger);
        _LEDGER_MORE = IReceiptLedgerExtension(p.ledger);
        _STAKING = IStaking(p.staking);
        _RESERVES = IStakeReserves(p.staking);
        _POLICY_BOOK = IPolicyBook(p.policyBook);
        _INSURANCE = IInsurancePool(p.insurance);
        _JACKPOT = p.jackpot;
    }

    // Internal

    /// @dev Rewards, fees and verifiers' bonds of rulings are credited to the Court by Staking, and shared here.
    function _collect() internal override {
        if (_STAKING.credits(address(this)) != 0) _STAKING.claimCredit(address(this));
    }

    /// @dev The dispute as it stands now.
    function _load(uint64 dispute) internal view returns (Record memory d) {
        d = _records[dispute];
        if (d.kind == DisputeKind.NONE) revert ICourt.Court_UnknownDispute(dispute);
        if (d.deadline <= block.timestamp && d.state < DisputeState.RULED) {
            _advance(d, _POLICY_BOOK.disputeTerms(d.policy));
        }
    }

    function _store(uint64 dispute, Record memory d) internal {
        _records[dispute] = d;
    }

    function _expect(uint64 dispute, Record memory d, DisputeState state) internal pure {
        if (d.state != state) revert ICourt.Court_WrongState(dispute, uint8(d.state));
    }

    function _agreement(uint64 agreement) internal view returns (AgreementView memory) {
        return _ESCROW_MORE.agreementOf(agreement);
    }

    /// @dev The opening of an arbiter's time; a policy without a first arbiter begins with the second, one without either ends.
    function _beginRuling(Record memory d, DisputeTerms memory terms, uint40 from) internal view {
        (d.state, d.round, d.rulingStart) = (DisputeState.RULING, 1, from);
        d.deadline = from + terms.rulingTime;
        if (terms.arbiter == address(0)) _beginSecond(d, terms, from);
    }

    function _beginSecond(Record memory d, DisputeTerms memory terms, uint40 from) internal view {
        if (terms.secondArbiter == address(0)) return _beSilent(d, from);
        (d.state, d.round, d.rulingStart) = (DisputeState.SECOND, 2, from);
        d.deadline = from + terms.rulingTime;
    }

    /// @dev What the winner's side of a ruling is.
    function _outcomeOf(Record memory d, uint80 ruling) internal pure returns (Outcome) {
        return (d.upward ? ruling > d.attacked : ruling < d.attacked) ? Outcome.UPHELD : Outcome.REJECTED;
    }

    /// @dev Whether the appeal is for who acts against the figure: that side lost the first ruling, or its customer wants more
    /// than it won.
    function _isChallengersAppeal(Record memory d) internal pure returns (bool) {
        return d.ownAppeal || _outcomeOf(d, d.firstRuling) == Outcome.REJECTED;
    }

    function _returnBond(uint64 dispute, address to, uint64 amount) internal {
        _creditBond(to, amount);
        emit ICourtExecution.BondReturned(dispute, to, amount);
    }

    /// @dev Everything that was paid into an appeal goes back.
    function _returnParts(uint64 dispute) internal {
        Contribution[] storage parts = _contributions[dispute];
        // At most sixteen.
        for (uint256 i = 0; i < parts.length; ++i) {
            _returnBond(dispute, parts[i].by, parts[i].amount);
        }
        delete _contributions[dispute];
    }

    // Private

    /// @dev Applies what time has brought since the last step: at most four transitions, each later than the one before.
    function _advance(Record memory d, DisputeTerms memory terms) private view {
        if (d.state == DisputeState.CONTEST) {
            // Uncontested: the verifiers' word stands.
            (d.state, d.outcome, d.ruling) = (DisputeState.RULED, Outcome.UPHELD, d.claimed);
            return;
        }
        if (d.state == DisputeState.EVIDENCE) _beginRuling(d, terms, d.deadline);
        if (d.state == DisputeState.RULING && d.deadline <= block.timestamp) _beginSecond(d, terms, d.deadline);
        if (d.deadline > block.timestamp) return;
        if (d.state == DisputeState.APPEALABLE) {
            (d.state, d.outcome) = (DisputeState.RULED, _outcomeOf(d, d.ruling));
        } else if (d.state == DisputeState.SECOND) {
            // Silent on appeal, the first ruling stands.
            if (d.appealed) (d.state, d.outcome) = (DisputeState.RULED, _outcomeOf(d, d.ruling));
            else _beSilent(d, d.deadline);
        }
    }

    /// @dev Nobody ruled. Under QUORUM and TEE what the signatures say stands; otherwise the disputed increment is refunded.
    /// What carries no signatures is not paid by silence, either way.
    function _beSilent(Record memory d, uint40 since) private view {
        (d.state, d.outcome, d.deadline) = (DisputeState.RULED, Outcome.SILENT, since);
        VerificationKind kind = _POLICY_BOOK.openingTerms(d.policy).kind;
        bool signatures = kind == VerificationKind.QUORUM || kind == VerificationKind.TEE;
        bool attackedStands = d.kind == DisputeKind.PROPOSAL ? false : signatures || d.upward;
        d.ruling = attackedStands ? d.attacked : d.claimed;
    }
}
