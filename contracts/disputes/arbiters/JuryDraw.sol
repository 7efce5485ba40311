// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../../interfaces/IEscrowExtension.sol";
import {IJury} from "../../interfaces/IJury.sol";
import {IPolicyBook} from "../../interfaces/IPolicyBook.sol";
import {IStaking} from "../../interfaces/IStaking.sol";
import {BlockHashes} from "../../libraries/BlockHashes.sol";
import {DatedSums} from "../../libraries/DatedSums.sol";
import {Deadlines, Juror, Panel, Seal} from "../../types/ArbiterTypes.sol";
import {DisputeState, DisputeView} from "../../types/DisputeTypes.sol";
import {AgreementView} from "../../types/EscrowTypes.sol";
import {JuryBase} from "./JuryBase.sol";

/// @title How a panel is drawn
/// @notice A part of `Jury`; see {IJury}.
/// @dev Who knows what, when: secrets are sealed before the block is fixed, so no side chooses its own by the hash; they are
/// shown after the hash is known, so no maker of that block chooses it by the secrets. What remains is one choice of whoever shows
/// last: to lose the bond for another, equally random panel.
///
/// Nothing that happens after the hash is known moves anybody else's chance. Weights are those of a past day; candidates are
/// drawn one after another whether they can sit or not, so making oneself unfit only gives one's seat to the next.
abstract contract JuryDraw is JuryBase {
    using DatedSums for DatedSums.Tree;

    /// @dev One candidate's part of the row of weights.
    struct Stretch {
        uint64 start;
        uint64 weight;
    }

    /// @dev The row of a day's weights while a panel is drawn: `left` is the sum of what is left, `past` are the `count`
    /// stretches that were drawn before, rising.
    struct Row {
        uint32 day;
        uint64 left;
        uint256 count;
        Stretch[] past;
    }

    uint48 private constant BLOCKS_AHEAD = 3;
    uint8 private constant MAX_TARGETS = 3;
    /// @dev Candidates for a seat, on the average: bounds the work when many cannot sit.
    uint256 private constant CANDIDATES = 4;

    /// @inheritdoc IJury
    function sealHash(uint64 dispute, uint8 round, address by, bytes32 secret) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), dispute, round, by, secret));
    }

    /// @inheritdoc IJury
    function seal(uint64 dispute, uint8 round, bytes32 hash) external nonReentrant {
        // Check: the round is ours and ahead or just begun, the caller leads a side that has not sealed.
        if (hash == 0) revert Jury_ZeroHash();
        DisputeView memory d = _disputeOf(dispute);
        bool ahead = d.state == DisputeState.CONTEST || d.state == DisputeState.EVIDENCE
            || (round == 2 && (d.state == DisputeState.RULING || d.state == DisputeState.APPEALABLE));
        uint40 time = _timeFor(d.policy, round);
        if (time == 0 || (!ahead && _presentRound(d) != round)) revert Jury_NotArbiter(dispute, round);
        if (!ahead) _checkTime(dispute, round, 0, d.rulingStart + time / SEALING);
        bool forChallenger = msg.sender == d.challenger;
        if (!forChallenger && msg.sender != IStaking(STAKING).ownerOf(d.operator)) {
            revert Jury_NotSide(dispute, msg.sender);
        }
        Seal storage s = _seals[_key(dispute, round)][forChallenger ? 0 : 1];
        address before = s.by;
        if (before == msg.sender) revert Jury_AlreadySealed(dispute, round, msg.sender);

        // Interaction, before the effect: what counts is what arrives.
        _pullBond(msg.sender, DRAW_BOND);

        // Effect: it is sealed; who led this side before gets its bond back.
        (s.by, s.value) = (msg.sender, hash);
        emit Sealed(dispute, round, msg.sender, forChallenger, hash, DRAW_BOND);
        if (before != address(0)) _returnDrawBond(dispute, round, before);
    }

    /// @inheritdoc IJury
    function fixBlock(uint64 dispute, uint8 round) external nonReentrant returns (uint48 target) {
        // Check: the round runs and is ours.
        DisputeView memory d = _disputeOf(dispute);
        uint32 time = _timeFor(d.policy, round);
        if (time == 0 || _presentRound(d) != round) revert Jury_NotArbiter(dispute, round);
        Panel storage p = _panels[_key(dispute, round)];
        if (p.start == 0) {
            (p.start, p.time) = (d.rulingStart, time);
            (p.attacked, p.claimed) = (d.attacked, d.claimed);
        } else if (p.caughtAt != 0 || block.number <= p.target || BlockHashes.hashOf(p.target) != 0) {
            // Check: or the last block expired.
            revert Jury_BlockFixed(dispute, round, p.target);
        }
        if (p.targets == MAX_TARGETS) revert Jury_NoBlockLeft(dispute, round);
        _checkTime(dispute, round, p.start + p.time / SEALING, _deadlines(p).hash);

        // Effect: a block that is not made yet decides, by today's weights.
        target = uint48(block.number) + BLOCKS_AHEAD;
        (p.target, p.day) = (target, _today());
        ++p.targets;
        emit BlockFixed(dispute, round, target, p.day);
    }

    /// @inheritdoc IJury
    function catchBlock(uint64 dispute, uint8 round) external nonReentrant {
        Panel storage p = _panels[_key(dispute, round)];
        if (p.caughtAt != 0) revert Jury_BlockFixed(dispute, round, p.target);
        _catch(p, dispute, round);
    }

    /// @inheritdoc IJury
    function showSecret(uint64 dispute, uint8 round, bytes32 secret) external nonReentrant {
        // Check: the hash is known, the time runs, the secret is what was sealed.
        uint256 key = _key(dispute, round);
        Panel storage p = _panels[key];
        if (p.caughtAt == 0) _catch(p, dispute, round);
        _checkTime(dispute, round, p.caughtAt, _deadlines(p).secrets);
        Seal[2] storage both = _seals[key];
        bytes32 hash = sealHash(dispute, round, msg.sender, secret);
        Seal storage s = both[0].value == hash ? both[0] : both[1];
        if (s.value != hash || s.revealed) revert Jury_WrongSecret(dispute, round, msg.sender);

        // Effect: it takes part in the draw, and the bond returns.
        (s.revealed, s.value) = (true, secret);
        emit SecretShown(dispute, round, msg.sender, secret);
        _returnDrawBond(dispute, round, msg.sender);
    }

    /// @inheritdoc IJury
    function draw(uint64 dispute, uint8 round) external nonReentrant returns (address[] memory jurors) {
        // Check: the hash is known, both secrets are there or their time is over, and nobody was drawn yet.
        uint256 key = _key(dispute, round);
        Panel storage p = _panels[key];
        if (p.seats != 0) revert Jury_AlreadyDrawn(dispute, round);
        if (p.caughtAt == 0) _catch(p, dispute, round);
        Deadlines memory until = _deadlines(p);
        Seal[2] storage both = _seals[key];
        bool complete = (both[0].by == address(0) || both[0].revealed) && (both[1].by == address(0) || both[1].revealed);
        _checkTime(dispute, round, complete ? p.caughtAt : until.secrets, until.draw);

        // Effect: they sit.
        bytes32 seed = keccak256(abi.encode(p.entropy, _secretOf(both[0]), _secretOf(both[1]), dispute, round));
        jurors = _drawn(seed, p.day, _outsiders(dispute), round == 1 ? FIRST_SEATS : SECOND_SEATS);
        uint256 found;
        for (; found < jurors.length && jurors[found] != address(0); ++found) {
            _seats[key][found].juror = jurors[found];
            ++_jurors[jurors[found]].seats;
        }
        if (found < jurors.length) revert Jury_TooFewJurors(dispute, round, found);
        p.seats = uint8(found);
        emit Drawn(dispute, round, jurors);
    }

    // Internals

    function _catch(Panel storage p, uint64 dispute, uint8 round) private {
        uint48 target = p.target;
        if (target == 0 || block.number <= target) revert Jury_NoBlock(dispute, round, target);
        _checkTime(dispute, round, p.start, _deadlines(p).hash);
        bytes32 entropy = BlockHashes.hashOf(target);
        if (entropy == 0) revert Jury_NoBlock(dispute, round, target);
        (p.caughtAt, p.entropy) = (uint40(block.timestamp), entropy);
        emit BlockCaught(dispute, round, target, entropy);
    }

    function _returnDrawBond(uint64 dispute, uint8 round, address to) internal {
        emit DrawBondReturned(dispute, round, to, DRAW_BOND);
        _creditBond(to, DRAW_BOND);
    }

    /// @dev 0 when nothing was sealed or shown.
    function _secretOf(Seal storage s) private view returns (bytes32) {
        return s.revealed ? s.value : bytes32(0);
    }

    /// @dev Who has an interest in the dispute. At most 5 people and 16 verifiers' owners, who attest under the policy.
    function _outsiders(uint64 dispute) private view returns (address[] memory people) {
        DisputeView memory d = _disputeOf(dispute);
        AgreementView memory a = IEscrowExtension(ESCROW).agreementOf(d.agreement);
        uint32[] memory verifiers = IPolicyBook(POLICY_BOOK).receiptTerms(d.policy).verifiers;
        people = new address[](5 + verifiers.length);
        people[0] = d.challenger;
        people[1] = IStaking(STAKING).ownerOf(d.operator);
        people[2] = IEscrow(ESCROW).ownerOf(a.customer);
        people[3] = IEscrow(ESCROW).ownerOf(a.funder);
        people[4] = IEscrow(ESCROW).ownerOf(a.payee);
        for (uint256 i = 0; i < verifiers.length; ++i) {
            people[5 + i] = IStaking(STAKING).ownerOf(verifiers[i]);
        }
    }

    /// @dev Draws without putting back: each candidate's stretch is left out of what follows, whether it can sit or not. A place
    /// stays zero when the candidates run out.
    function _drawn(bytes32 seed, uint32 day, address[] memory outsiders, uint256 seats)
        private
        view
        returns (address[] memory jurors)
    {
        jurors = new address[](seats);
        Row memory row = Row({day: day, left: _tree.total(day), count: 0, past: new Stretch[](CANDIDATES * seats)});
        uint256 found;
        while (row.count < row.past.length && row.left != 0 && found < seats) {
            address juror = _candidate(row, uint256(keccak256(abi.encode(seed, row.count))));
            if (!_canSit(juror, outsiders)) continue;
            jurors[found] = juror;
            ++found;
        }
    }

    /// @dev The next candidate; its stretch of the row is gone afterwards. The bias of the modulus is below 2^-190.
    function _candidate(Row memory row, uint256 random) private view returns (address) {
        uint64 position = uint64(random % row.left);
        for (uint256 i = 0; i < row.count && position >= row.past[i].start; ++i) {
            position += row.past[i].weight;
        }
        Stretch memory one;
        uint32 leaf;
        (leaf, one.start, one.weight) = _tree.find(row.day, position);
        _take(row, one);
        return jurorAt[leaf + 1];
    }

    /// @dev Puts a stretch into its place among those that are gone.
    function _take(Row memory row, Stretch memory one) private pure {
        uint256 place = row.count;
        for (; place != 0 && row.past[place - 1].start > one.start; --place) {
            row.past[place] = row.past[place - 1];
        }
        row.past[place] = one;
        row.left -= one.weight;
        ++row.count;
    }

    /// @dev A verifier still, with a penalty to lose for every seat, and no interest in the dispute.
    function _canSit(address juror, address[] memory outsiders) private view returns (bool) {
        Juror memory j = _jurors[juror];
        if (j.deposit < uint256(PENALTY) * (uint256(j.seats) + 1) || !_isActive(j.operator)) return false;
        for (uint256 i = 0; i < outsiders.length; ++i) {
            if (outsiders[i] == juror) return false;
        }
        return true;
    }
}
