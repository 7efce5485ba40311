// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim, DisputeView} from "../types/DisputeTypes.sol";
import {VerdictSignature} from "../types/ReceiptTypes.sol";
import {IBondBook} from "./IBondBook.sol";

/// @title Work disputes: one number, the units that stand, and a bounded way to it
/// @notice A dispute freezes one agreement. WORK: anyone may open one while the agreement is not closed, with a bond of
/// max(minBond, bondBps of what is frozen). PROPOSAL: the policy's verifiers reject a figure by their signatures, with the same
/// bond out of their stake; uncontested it is upheld. Each state has a deadline and a default:
///
///     CONTEST --contest--> EVIDENCE --> RULING --rule--> APPEALABLE --appeal--> SECOND --rule--> RULED --execute--> COOLING --clear--> OVER
///        silence: RULED       time         silence: SECOND    silence: RULED       silence: RULED              (or OVER, when closed)
///
/// A METERED ruling below the attacked figure, or any whose amount is below what is paid, closes the agreement: pay up to it,
/// recover what was paid beyond it, slash, refund. Otherwise the agreement runs on after a cooling in which it is frozen.
///
/// Trust: nobody has a role here. Arbiters come from the policy that both parties signed; they get a fixed fee, never a share.
interface ICourt is IBondBook {
    /// @notice A dispute began, and its agreement is frozen. `bond` µ stand behind it.
    event Opened(
        uint64 indexed dispute,
        uint64 indexed agreement,
        address indexed challenger,
        uint80 attacked,
        uint80 claimed,
        bytes32 outputRoot,
        uint64 bond,
        uint16 reason
    );
    /// @notice Verifiers rejected a figure; `bond` µ of each one's stake are reserved.
    event Proposed(
        uint64 indexed dispute,
        uint64 indexed agreement,
        uint80 attacked,
        uint80 validUnits,
        bytes32 outputRoot,
        uint32[] verifiers,
        uint64 bond,
        uint16 reason
    );
    event Contested(uint64 indexed dispute, address indexed by);
    /// @notice Evidence as a hash and where it lies; nothing of it is on chain.
    event Evidence(uint64 indexed dispute, address indexed by, bool forChallenger, bytes32 hash, string uri);
    /// @notice The customer leads the challenger's side from now on.
    event TakenOver(uint64 indexed dispute, address indexed by, uint80 claimed);
    /// @notice A figure at or below the valid units of a proposal was shown: so much can be paid when it is upheld.
    event Backed(uint64 indexed dispute, uint80 units);
    /// @notice An arbiter ruled. `appealEnds` is 0 when the ruling is final.
    event Ruled(uint64 indexed dispute, uint8 indexed round, address indexed arbiter, uint80 units, uint40 appealEnds);
    /// @notice Somebody paid into the bond of an appeal for one side; it is complete when `missing` is 0.
    event AppealFunded(uint64 indexed dispute, address indexed by, bool forChallenger, uint64 amount, uint64 missing);
    event Appealed(uint64 indexed dispute, bool forChallenger);
    error Court_UnknownDispute(uint64 dispute);
    /// @notice Thrown when the dispute's state does not allow the step.
    error Court_WrongState(uint64 dispute, uint8 state);
    error Court_AgreementNotOpen(uint64 agreement);
    /// @notice Thrown when the agreement is frozen by another dispute.
    error Court_AlreadyDisputed(uint64 agreement, uint64 dispute);
    /// @notice Thrown when the claimed units do not contradict the attacked figure.
    error Court_NothingDisputed(uint80 attacked, uint80 claimed);
    /// @notice Thrown when the figure is no posted leaf and no receipt of the agreement's device.
    error Court_BadClaim(uint8 fault);
    error Court_NotEnoughVerdicts();
    error Court_NotEnoughStake(uint32 verifier, uint64 bond);
    error Court_NotParty(uint64 dispute, address caller);
    error Court_NotRuledYet(uint64 dispute);
    error Court_TooManyFunders(uint64 dispute);
    /// @notice Thrown when a part of an appeal's bond is below a sixteenth of it, and not what is missing.
    error Court_TooSmallPart(uint64 dispute, uint64 amount, uint64 missing);
    /// @notice Thrown when a figure is attacked that is no higher than what stood in a dispute before.
    error Court_StoodBefore(uint64 agreement, uint80 units);

    /// @notice Thrown when a figure is attacked that is below what is paid: the newest is cumulative and contains it.
    error Court_BelowPaid(uint64 agreement, uint80 units, uint56 paid);
    /// @notice Thrown when the policy has no arbiter at all: nobody could rule.
    error Court_NoArbiter(uint16 policy);

    /// @notice Opens a WORK dispute. Anyone; the bond is pulled from the caller, which is repaid first; `challenger` gets the
    /// reward, and acts. `claim` is empty for a lease's clock. `reason` is a code of the published matrix.
    function open(
        uint64 agreement,
        uint80 claimedUnits,
        Claim calldata claim,
        address challenger,
        uint16 reason,
        bytes32 evidenceHash,
        string calldata evidenceUri
    ) external returns (uint64 dispute);
    /// @notice Opens a PROPOSAL: a quorum of the policy's verifiers signed Verdict{agreement, validUnits, outputRoot of the
    /// claim, valid = false, …}. Anyone may carry it. The bond is reserved in equal parts, rounded up, of their free stake.
    function propose(
        uint64 agreement,
        uint80 validUnits,
        Claim calldata claim,
        VerdictSignature[] calldata verdicts,
        uint16 reason
    ) external returns (uint64 dispute);
    /// @notice Contests a proposal, which costs nothing. The customer's, funder's or operator's owner, in the contest time.
    function contest(uint64 dispute) external;
    /// @notice Joins a side with evidence. Anyone, until the evidence closes.
    function submitEvidence(uint64 dispute, bool forChallenger, bytes32 hash, string calldata uri) external;
    /// @notice Leads the challenger's side, with other claimed units if it likes (a proposal's stay). The customer's owner,
    /// until the evidence closes.
    function takeOver(uint64 dispute, uint80 claimedUnits) external;
    /// @notice Shows a posted leaf or fully signed receipt at or below a proposal's valid units. Anyone, before `execute`.
    function back(uint64 dispute, Claim calldata claim) external;
    /// @notice Takes the present arbiter's ruling. Anyone. Reverts while there is none.
    function rule(uint64 dispute) external;
    /// @notice Pays into the bond of an appeal; complete, it is raised. Anyone, in the appeal time, for the side that lost the
    /// first ruling; double the first bond, but a single one once the customer's owner paid into it. That owner may also appeal
    /// a ruling that its side won, for less than it left standing: alone, at a single bond; what was paid into the other
    /// side's appeal returns.
    function appeal(uint64 dispute, uint64 amount) external;
    /// @notice The dispute as it stands now, deadlines that have passed included.
    function disputeOf(uint64 dispute) external view returns (DisputeView memory);
    /// @notice How many disputes there were; the newest has this number.
    function count() external view returns (uint64);
    /// @notice The dispute that freezes an agreement now; 0: none.
    function activeOf(uint64 agreement) external view returns (uint64 dispute);
    /// @notice µ that an appeal needs, and what was paid into it.
    function appealBondOf(uint64 dispute) external view returns (uint64 needed, uint64 paid);
    /// @notice µ of bond that a dispute of the agreement needs now.
    function bondFor(uint64 agreement) external view returns (uint64);
    /// @notice µ that were credited to an arbiter for a round of a dispute.
    function feeOf(uint64 dispute, uint8 round) external view returns (uint64);
}
