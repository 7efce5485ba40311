// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IPolicyBook} from "../interfaces/IPolicyBook.sol";
import {CredentialKind} from "../types/CredentialTypes.sol";
import {
    DisputeTerms,
    OpeningTerms,
    Policy,
    PostingTerms,
    ReceiptTerms,
    VerificationKind,
    Windows
} from "../types/PolicyTypes.sol";

/// @title PolicyBook
/// @notice See {IPolicyBook}.
contract PolicyBook is IPolicyBook, AccessManaged {
    /// @dev Ends and settling read slot 0 alone, posting slot 1 besides, openings slot 2 besides.
    struct Entry {
        // slot 0
        VerificationKind kind;
        uint8 quorum;
        bool retired;
        bool instantRelease;
        bool funderWaived;
        uint16 coverageBps;
        uint32 challengeWindow;
        uint32 selfPostWindow;
        uint32 responseWindow;
        uint32 notice;
        uint32 reportTime;
        // slot 1: begins with what does not fit into slot 0
        uint64 valueCap;
        uint64 grossCap;
        uint32 relayer;
        uint16 stakeMultiple;
        uint32 silence;
        uint40 addedAt;
        // slot 2
        address issuer;
        uint16 customerCredentials;
        uint16 operatorCredentials;
        uint32 verifierVersion;
        uint16 minConfidence;
        // slot 3
        bytes32 measurement;
        // slot 4
        uint64 selfPostBond;
        // slot 5
        uint32[] verifiers;
        // slots 6 to 10
        DisputeTerms dispute;
    }

    uint16 private constant BPS = 10_000;
    /// @dev A challenger's share of a slash at most, as `Staking` allows.
    uint16 private constant MAX_REWARD_BPS = 3_000;
    uint256 private constant MAX_VERIFIERS = 16;
    /// @dev Every kind of credential but TEE, which is a device's and checked with its receipts.
    uint16 private constant MASKABLE =
        uint16((1 << (uint256(type(CredentialKind).max) + 1)) - 1) & ~uint16(1 << uint256(CredentialKind.TEE));

    /// @inheritdoc IPolicyBook
    uint32 public immutable MAX_LIABILITY;
    /// @inheritdoc IPolicyBook
    uint32 public immutable POST_GRACE;

    /// @inheritdoc IPolicyBook
    uint16 public count;
    mapping(uint16 policy => Entry) private _entries;

    constructor(address authority, uint32 maxLiability, uint32 postGrace) AccessManaged(authority) {
        MAX_LIABILITY = maxLiability;
        POST_GRACE = postGrace;
    }

    // Reads. A policy that exists has a challenge window and a relayer, neither of them zero.

    /// @inheritdoc IPolicyBook
    function get(uint16 policy) external view returns (Policy memory) {
        Entry storage e = _known(policy);
        return Policy({
            kind: e.kind,
            quorum: e.quorum,
            instantRelease: e.instantRelease,
            funderWaived: e.funderWaived,
            relayer: e.relayer,
            coverageBps: e.coverageBps,
            stakeMultiple: e.stakeMultiple,
            valueCap: e.valueCap,
            grossCap: e.grossCap,
            selfPostBond: e.selfPostBond,
            challengeWindow: e.challengeWindow,
            selfPostWindow: e.selfPostWindow,
            responseWindow: e.responseWindow,
            notice: e.notice,
            reportTime: e.reportTime,
            silence: e.silence,
            customerCredentials: e.customerCredentials,
            operatorCredentials: e.operatorCredentials,
            issuer: e.issuer,
            measurement: e.measurement,
            verifierVersion: e.verifierVersion,
            minConfidence: e.minConfidence,
            dispute: e.dispute,
            verifiers: e.verifiers
        });
    }

    /// @inheritdoc IPolicyBook
    function openingTerms(uint16 policy) external view returns (OpeningTerms memory) {
        Entry storage e = _entries[policy];
        return OpeningTerms({
            openable: e.challengeWindow != 0 && !e.retired,
            kind: e.kind,
            coverageBps: e.coverageBps,
            customerCredentials: e.customerCredentials,
            operatorCredentials: e.operatorCredentials,
            issuer: e.issuer
        });
    }

    /// @inheritdoc IPolicyBook
    function postingTerms(uint16 policy) external view returns (PostingTerms memory) {
        Entry storage e = _entries[policy];
        return PostingTerms({
            relayer: e.relayer,
            stakeMultiple: e.stakeMultiple,
            valueCap: e.valueCap,
            grossCap: e.grossCap,
            silentAfter: e.silence,
            addedAt: e.addedAt
        });
    }

    /// @inheritdoc IPolicyBook
    function windows(uint16 policy) external view returns (Windows memory) {
        Entry storage e = _entries[policy];
        uint32 challenge = e.challengeWindow;
        uint32 selfPost = e.selfPostWindow;
        return Windows({
            challenge: challenge,
            longest: challenge > selfPost ? challenge : selfPost,
            selfPost: selfPost,
            response: e.responseWindow,
            notice: e.notice,
            reportTime: e.reportTime
        });
    }

    /// @inheritdoc IPolicyBook
    function lagOf(uint16 policy) external view returns (uint256) {
        Entry storage e = _entries[policy];
        return uint256(e.reportTime) + e.challengeWindow;
    }

    /// @inheritdoc IPolicyBook
    function receiptTerms(uint16 policy) external view returns (ReceiptTerms memory) {
        Entry storage e = _entries[policy];
        return ReceiptTerms({
            kind: e.kind,
            quorum: e.quorum,
            instantRelease: e.instantRelease,
            funderWaived: e.funderWaived,
            issuer: e.issuer,
            measurement: e.measurement,
            verifierVersion: e.verifierVersion,
            minConfidence: e.minConfidence,
            verifiers: e.verifiers
        });
    }

    /// @inheritdoc IPolicyBook
    function disputeTerms(uint16 policy) external view returns (DisputeTerms memory) {
        return _entries[policy].dispute;
    }

    /// @inheritdoc IPolicyBook
    function selfPostBond(uint16 policy) external view returns (uint64) {
        return _entries[policy].selfPostBond;
    }

    /// @inheritdoc IPolicyBook
    function coverageOf(uint16 policy) external view returns (uint16 coverageBps) {
        return _entries[policy].coverageBps;
    }

    /// @inheritdoc IPolicyBook
    function isRetired(uint16 policy) external view returns (bool) {
        return _known(policy).retired;
    }

    // Writes

    /// @inheritdoc IPolicyBook
    function add(Policy calldata terms) external restricted returns (uint16 policy) {
        // Check: the figures fit each other and the bounds.
        _check(terms);

        // Effect: the next number, for ever.
        policy = ++count;
        Entry storage e = _entries[policy];
        e.kind = terms.kind;
        e.quorum = terms.quorum;
        e.instantRelease = terms.instantRelease;
        e.funderWaived = terms.funderWaived;
        e.coverageBps = terms.coverageBps;
        e.challengeWindow = terms.challengeWindow;
        e.selfPostWindow = terms.selfPostWindow;
        e.responseWindow = terms.responseWindow;
        e.notice = terms.notice;
        e.reportTime = terms.reportTime;
        e.relayer = terms.relayer;
        e.stakeMultiple = terms.stakeMultiple;
        e.valueCap = terms.valueCap;
        e.grossCap = terms.grossCap;
        e.silence = terms.silence;
        e.addedAt = uint40(block.timestamp);
        e.issuer = terms.issuer;
        e.customerCredentials = terms.customerCredentials;
        e.operatorCredentials = terms.operatorCredentials;
        e.selfPostBond = terms.selfPostBond;
        e.measurement = terms.measurement;
        e.verifierVersion = terms.verifierVersion;
        e.minConfidence = terms.minConfidence;
        e.verifiers = terms.verifiers;
        e.dispute = terms.dispute;
        emit PolicyAdded(policy, terms);
    }

    /// @inheritdoc IPolicyBook
    function retire(uint16 policy) external restricted {
        // Check: known, and not retired yet.
        Entry storage e = _known(policy);
        if (e.retired) revert PolicyBook_AlreadyRetired(policy);

        // Effect: nothing new opens under it.
        e.retired = true;
        emit PolicyRetired(policy);
    }

    function _known(uint16 policy) private view returns (Entry storage e) {
        e = _entries[policy];
        if (e.challengeWindow == 0) revert PolicyBook_UnknownPolicy(policy);
    }

    function _check(Policy calldata terms) private view {
        _require(terms.relayer != 0, "relayer");
        _require(terms.coverageBps <= BPS, "coverageBps");
        _require(terms.challengeWindow != 0, "challengeWindow");
        _require(terms.selfPostWindow != 0, "selfPostWindow");
        _require(terms.responseWindow != 0, "responseWindow");
        _require(terms.notice <= MAX_LIABILITY, "notice");
        uint256 longest = Math.max(terms.challengeWindow, terms.selfPostWindow);
        _checkDispute(terms.dispute, longest + terms.responseWindow + terms.challengeWindow);
        // SETTLE_GRACE is on both sides: LAG <= POST_GRACE + longest window + SETTLE_GRACE.
        _require(uint256(terms.reportTime) + terms.challengeWindow <= uint256(POST_GRACE) + longest, "reportTime");
        _require(terms.silence != 0 && terms.silence <= MAX_LIABILITY, "silence");

        uint16 masks = terms.customerCredentials | terms.operatorCredentials;
        _require(masks & ~MASKABLE == 0, "credentials");
        bool asks = masks != 0 || terms.kind == VerificationKind.TEE;
        _require((terms.issuer != address(0)) == asks, "issuer");
        _require(terms.measurement == 0 || terms.kind == VerificationKind.TEE, "measurement");

        uint256 n = terms.verifiers.length;
        // Only who has verifiers can have proposals, which need time to be contested.
        _require(n == 0 || terms.dispute.contestTime != 0, "contestTime");
        _require(terms.minConfidence <= BPS, "minConfidence");
        if (terms.kind == VerificationKind.ATTESTED) {
            _require(n == 1, "verifiers");
            _require(terms.quorum == 1, "quorum");
        } else if (terms.kind == VerificationKind.QUORUM) {
            _require(n != 0 && n <= MAX_VERIFIERS, "verifiers");
            _require(terms.quorum != 0 && terms.quorum <= n, "quorum");
        } else {
            _require(n == 0, "verifiers");
            _require(terms.quorum == 0, "quorum");
        }
        uint32 previous;
        for (uint256 i; i < n; ++i) {
            _require(terms.verifiers[i] > previous, "verifiers");
            previous = terms.verifiers[i];
        }
    }

    /// @dev The longest way of a quarrel after its figure was posted: window, response, contest, evidence, both arbiters, the
    /// appeal between them, and the cooling (as long as the challenge window) end inside the liability, which ends inside
    /// the thaw.
    /// @param others Longest window, response and cooling.
    function _checkDispute(DisputeTerms calldata d, uint256 others) private view {
        _require(d.evidenceTime != 0, "evidenceTime");
        _require(d.rulingTime != 0, "rulingTime");
        _require(d.appealTime != 0, "appealTime");
        uint256 rounds = uint256(d.contestTime) + d.evidenceTime + 2 * uint256(d.rulingTime) + d.appealTime;
        _require(others + rounds <= MAX_LIABILITY, "liability");
        _require(d.bondBps <= BPS, "bondBps");
        _require(d.slashBps <= BPS, "slashBps");
        _require(d.rewardBps <= MAX_REWARD_BPS, "rewardBps");
        _require(d.accusedBps <= BPS, "accusedBps");
        // The least bond covers the fee of the round that it is for.
        _require(d.arbiterFee <= d.minBond, "arbiterFee");
        _require(d.appealFee <= 2 * uint256(d.minBond), "appealFee");
    }

    function _require(bool holds, bytes32 what) private pure {
        if (!holds) revert PolicyBook_BadPolicy(what);
    }
}
