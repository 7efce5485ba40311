// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IPolicyBook} from "../interfaces/IPolicyBook.sol";
import {Policy, VerificationKind} from "../types/DataTypes.sol";

/// @title PolicyBook
/// @notice See {IPolicyBook}.
contract PolicyBook is IPolicyBook, AccessManaged {
    /// @dev Opening and settling read slot 0 alone, posting slot 1 besides.
    struct Entry {
        // slot 0
        VerificationKind kind;
        uint8 quorum;
        bool retired;
        uint16 coverageBps;
        uint32 challengeWindow;
        uint32 selfPostWindow;
        uint32 responseWindow;
        uint32 disputeTime;
        uint32 notice;
        // slot 1
        uint32 relayer;
        uint16 stakeMultiple;
        uint64 valueCap;
        // slot 2
        uint32[] verifiers;
    }

    uint16 private constant BPS = 10_000;
    uint256 private constant MAX_VERIFIERS = 16;

    /// @inheritdoc IPolicyBook
    uint32 public immutable MAX_LIABILITY;

    /// @inheritdoc IPolicyBook
    uint16 public count;
    mapping(uint16 policy => Entry) private _entries;

    constructor(address authority, uint32 maxLiability) AccessManaged(authority) {
        MAX_LIABILITY = maxLiability;
    }

    // Reads. A policy that exists has a challenge window and a relayer, neither of them zero.

    /// @inheritdoc IPolicyBook
    function get(uint16 policy) external view returns (Policy memory) {
        Entry storage e = _known(policy);
        return Policy({
            kind: e.kind,
            quorum: e.quorum,
            relayer: e.relayer,
            coverageBps: e.coverageBps,
            stakeMultiple: e.stakeMultiple,
            valueCap: e.valueCap,
            challengeWindow: e.challengeWindow,
            selfPostWindow: e.selfPostWindow,
            responseWindow: e.responseWindow,
            disputeTime: e.disputeTime,
            notice: e.notice,
            verifiers: e.verifiers
        });
    }

    /// @inheritdoc IPolicyBook
    function openingTerms(uint16 policy) external view returns (bool openable, uint16 coverageBps) {
        Entry storage e = _entries[policy];
        return (e.challengeWindow != 0 && !e.retired, e.coverageBps);
    }

    /// @inheritdoc IPolicyBook
    function postingTerms(uint16 policy) external view returns (uint32 relayer, uint16 stakeMultiple, uint64 valueCap) {
        Entry storage e = _entries[policy];
        return (e.relayer, e.stakeMultiple, e.valueCap);
    }

    /// @inheritdoc IPolicyBook
    function windows(uint16 policy)
        external
        view
        returns (uint32 challengeWindow, uint32 longestWindow, uint32 notice)
    {
        Entry storage e = _entries[policy];
        challengeWindow = e.challengeWindow;
        uint32 selfPost = e.selfPostWindow;
        return (challengeWindow, challengeWindow > selfPost ? challengeWindow : selfPost, e.notice);
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
        e.coverageBps = terms.coverageBps;
        e.challengeWindow = terms.challengeWindow;
        e.selfPostWindow = terms.selfPostWindow;
        e.responseWindow = terms.responseWindow;
        e.disputeTime = terms.disputeTime;
        e.notice = terms.notice;
        e.relayer = terms.relayer;
        e.stakeMultiple = terms.stakeMultiple;
        e.valueCap = terms.valueCap;
        e.verifiers = terms.verifiers;
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
        _require(longest + terms.responseWindow + terms.disputeTime <= MAX_LIABILITY, "liability");

        uint256 n = terms.verifiers.length;
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

    function _require(bool holds, bytes32 what) private pure {
        if (!holds) revert PolicyBook_BadPolicy(what);
    }
}
