// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IBondBook} from "../interfaces/IBondBook.sol";
import {IJackpotPool} from "../interfaces/IJackpotPool.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {BatchTree} from "../libraries/BatchTree.sol";
import {JackpotRound, Leaf, RoundState} from "../types/DisputeTypes.sol";
import {Batch} from "../types/ReceiptTypes.sol";
import {Role} from "../types/StakingTypes.sol";
import {BondBook} from "./BondBook.sol";

/// @title JackpotPool
/// @notice See {IJackpotPool}.
/// @dev totalBonds = pot + jackpots of rounds that are not closed + shares not yet credited + FLAG_BOND a flag not settled.
contract JackpotPool is IJackpotPool, BondBook, AccessManaged {
    /// @dev One slot, and what was sealed. `sealedAfter`: seconds since the round began, below ROUND + SEAL_TAIL.
    struct Flag {
        address holder;
        uint32 verifier;
        uint32 round;
        uint24 sealedAfter;
        bool opened;
        bytes32 commitment;
    }

    /// @inheritdoc IJackpotPool
    uint256 public constant ROUND = 7 days;
    /// @inheritdoc IJackpotPool
    uint256 public constant SEAL_TAIL = 3.5 days;
    uint256 private constant PART_OF_POT = 3;
    uint256 private constant MAX_ITEMS = 256;
    /// @dev Bits of {Batch}'s flags: posted with signatures shown on chain, so by anybody, and perhaps the second time.
    uint24 private constant BY_ANYONE = 2 | 4;

    address public immutable COURT;
    address public immutable LEDGER;
    address public immutable STAKING;
    uint64 public immutable FLAG_BOND;

    /// @inheritdoc IJackpotPool
    uint256 public pot;
    /// @inheritdoc IJackpotPool
    uint64 public flagCount;
    /// @dev The round whose jackpot is not closed, or was the last to be.
    uint32 private _lastError;
    mapping(uint32 round => JackpotRound) private _rounds;
    mapping(uint64 flag => Flag) private _flags;
    mapping(uint32 round => mapping(uint32 verifier => bool)) private _hasOpened;

    constructor(address authority, address currency, address court, address ledger, address staking, uint64 flagBond)
        AccessManaged(authority)
        BondBook(currency)
    {
        if (court == address(0) || ledger == address(0) || staking == address(0)) revert JackpotPool_ZeroAddress();
        if (flagBond == 0) revert JackpotPool_ZeroBond();
        COURT = court;
        LEDGER = ledger;
        STAKING = staking;
        FLAG_BOND = flagBond;
    }

    // User reads

    /// @inheritdoc IJackpotPool
    function currentRound() public view returns (uint32) {
        return uint32(block.timestamp / ROUND);
    }

    /// @inheritdoc IJackpotPool
    function roundOf(uint32 round) external view returns (JackpotRound memory) {
        return _rounds[round];
    }

    /// @inheritdoc IJackpotPool
    function flagAt(uint64 flag)
        external
        view
        returns (address holder, uint32 verifier, uint32 round, uint40 sealedAt, bool opened, bytes32 commitment)
    {
        Flag memory f = _flags[flag];
        sealedAt = f.holder == address(0) ? 0 : uint40(_sealedAt(f));
        return (f.holder, f.verifier, f.round, sealedAt, f.opened, f.commitment);
    }

    /// @inheritdoc IJackpotPool
    function commitmentOf(uint32 round, bytes18 figure, bytes32 output, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode("tester", block.chainid, address(this), round, figure, output, salt));
    }

    /// @inheritdoc IJackpotPool
    function flagOf(uint32 round, uint32 verifier, bytes18 figure, bytes32 output, bytes32 salt)
        external
        view
        returns (bytes32)
    {
        return _flagOf(round, verifier, _errorOf(figure, output), salt);
    }

    // User writes: money

    /// @inheritdoc IJackpotPool
    function pull() external nonReentrant returns (uint256 amount) {
        if (IBondBook(COURT).credits(address(this)) == 0) return 0;
        // Interaction: take the credit; what counts is what arrives.
        uint256 before = IERC20(CURRENCY).balanceOf(address(this));
        amount = IBondBook(COURT).claimCredit(address(this));
        uint256 received = IERC20(CURRENCY).balanceOf(address(this)) - before;
        if (received != amount) revert BondBook_WrongAmountReceived(amount, received);
        // Effect
        totalBonds += amount;
        pot += amount;
        emit JackpotFunded(COURT, amount);
    }

    /// @inheritdoc IJackpotPool
    function fund(uint256 amount) external nonReentrant {
        // Check
        if (amount == 0) revert JackpotPool_ZeroAmount();
        // Interaction
        _pullBond(msg.sender, amount);
        // Effect
        pot += amount;
        emit JackpotFunded(msg.sender, amount);
    }

    // User writes: testers

    /// @inheritdoc IJackpotPool
    function commit(uint32 round, bytes32 commitment) external restricted nonReentrant {
        // Check
        if (commitment == 0) revert JackpotPool_ZeroCommitment();
        uint32 current = currentRound();
        if (round != current && round != current + 1) {
            revert JackpotPool_WrongTime(round, round == 0 ? 0 : _endOf(round) - 2 * ROUND, _endOf(round));
        }
        JackpotRound storage r = _rounds[round];
        if (r.state != RoundState.NONE) revert JackpotPool_AlreadyCommitted(round);
        // Effect
        r.state = RoundState.COMMITTED;
        r.committedAt = uint40(block.timestamp);
        r.commitment = commitment;
        emit ErrorCommitted(round, msg.sender, commitment);
    }

    /// @inheritdoc IJackpotPool
    function reveal(uint32 round, Leaf calldata leaf, bytes32 salt) external nonReentrant returns (uint64 jackpot) {
        // Check: it is time, and this was committed to.
        if (leaf.figure == 0) revert JackpotPool_WrongReveal(round); // stands for no error
        JackpotRound storage r = _checkReveal(round, commitmentOf(round, leaf.figure, leaf.output, salt));
        // Check: it was posted by a relayer, in the round, after the commitment; its window is over.
        Batch memory batch = IReceiptLedger(LEDGER).batchOf(leaf.batch);
        if (batch.postedAt <= r.committedAt || batch.postedAt / ROUND != round || batch.flags & BY_ANYONE != 0) {
            revert JackpotPool_UnfitBatch(round, leaf.batch, batch.postedAt, r.committedAt);
        }
        uint256 windowEnd = IReceiptLedger(LEDGER).settleableAt(leaf.batch);
        if (block.timestamp < windowEnd) revert JackpotPool_WindowOpen(leaf.batch, windowEnd);
        bytes32 node = BatchTree.leaf(leaf.index, leaf.figure, leaf.output);
        if (leaf.index >= batch.leaves || !MerkleProof.verifyCalldata(leaf.proof, batch.root, node)) {
            revert JackpotPool_BadProof(leaf.batch, leaf.index);
        }
        // Effect: the last jackpot's rest is in the pot again before a third of it is this one's, rounded down.
        _close(_lastError);
        jackpot = SafeCast.toUint64(pot / PART_OF_POT);
        pot -= jackpot;
        _lastError = round;
        r.state = RoundState.ERROR;
        r.windowEnd = SafeCast.toUint40(windowEnd);
        r.jackpot = jackpot;
        r.errorHash = _errorOf(leaf.figure, leaf.output);
        emit ErrorRevealed(round, leaf.batch, leaf.index, leaf.figure, leaf.output, r.windowEnd, jackpot);
    }

    /// @inheritdoc IJackpotPool
    function revealNone(uint32 round, bytes32 salt) external nonReentrant {
        // Check
        JackpotRound storage r = _checkReveal(round, commitmentOf(round, 0, 0, salt));
        // Effect
        r.state = RoundState.NO_ERROR;
        emit NoErrorRevealed(round);
    }

    // User writes: verifiers

    /// @inheritdoc IJackpotPool
    function seal(uint32 round, uint32 verifier, bytes32 commitment) external nonReentrant returns (uint64 flag) {
        // Check
        if (commitment == 0) revert JackpotPool_ZeroCommitment();
        uint256 begin = round * ROUND;
        if (block.timestamp < begin || block.timestamp >= _sealEnd(round)) {
            revert JackpotPool_WrongTime(round, begin, _sealEnd(round));
        }
        IStaking staking = IStaking(STAKING);
        if (staking.ownerOf(verifier) != msg.sender || !staking.isActive(verifier, Role.VERIFIER)) {
            revert JackpotPool_NotVerifier(verifier, msg.sender);
        }
        // Interaction: the bond; every entry that moves money is guarded meanwhile.
        _pullBond(msg.sender, FLAG_BOND);
        // Effect
        flag = ++flagCount;
        _flags[flag] = Flag({
            holder: msg.sender,
            verifier: verifier,
            round: round,
            sealedAfter: uint24(block.timestamp - begin), // below ROUND + SEAL_TAIL
            opened: false,
            commitment: commitment
        });
        emit FlagSealed(flag, round, verifier, msg.sender, commitment, FLAG_BOND);
    }

    /// @inheritdoc IJackpotPool
    function open(uint64 flag, bytes32 salt) external nonReentrant {
        // Check
        Flag storage f = _flags[flag];
        if (f.holder == address(0)) revert JackpotPool_UnknownFlag(flag);
        (uint32 round, uint32 verifier) = (f.round, f.verifier);
        JackpotRound storage r = _rounds[round];
        if (r.state != RoundState.ERROR) revert JackpotPool_NoError(round);
        if (block.timestamp >= _openEnd(round)) {
            revert JackpotPool_WrongTime(round, _sealEnd(round), _openEnd(round));
        }
        if (f.commitment != _flagOf(round, verifier, r.errorHash, salt)) revert JackpotPool_WrongFlag(flag);
        if (_sealedAt(f) >= r.windowEnd) revert JackpotPool_SealedTooLate(flag, _sealedAt(f), r.windowEnd);
        if (_hasOpened[round][verifier]) revert JackpotPool_AlreadyOpened(round, verifier);
        // Effect
        _hasOpened[round][verifier] = true;
        f.opened = true;
        emit FlagOpened(flag, round, ++r.claimants);
    }

    /// @inheritdoc IJackpotPool
    function settle(uint64[] calldata flags) external nonReentrant returns (uint256 settled) {
        // Check
        if (flags.length > MAX_ITEMS) revert JackpotPool_TooManyItems(flags.length);
        // Effect
        for (uint256 i = 0; i < flags.length; ++i) {
            if (_settle(flags[i])) ++settled;
        }
        if (settled == 0) revert JackpotPool_NothingToSettle();
    }

    /// @inheritdoc IJackpotPool
    function closeRound(uint32 round) external nonReentrant {
        // Check
        if (block.timestamp < _openEnd(round)) {
            revert JackpotPool_WrongTime(round, _openEnd(round), type(uint256).max);
        }
        if (_rounds[round].state != RoundState.ERROR) revert JackpotPool_NoError(round);
        // Effect
        _close(round);
    }

    // Private

    /// @dev Effect only: shares are fixed, and what they do not take of the jackpot is in the pot again. Each of n claimants
    /// has jackpot / 2^(n - 1), rounded down. Callers have seen that the time to open flags is over: reveals of one round
    /// begin when those of the one before can no longer be claimed.
    function _close(uint32 round) private {
        JackpotRound storage r = _rounds[round];
        if (r.state != RoundState.ERROR || r.closed) return;
        uint32 claimants = r.claimants;
        uint64 share = claimants == 0 ? 0 : r.jackpot >> (claimants - 1);
        uint64 left = r.jackpot - claimants * share;
        r.closed = true;
        r.share = share;
        pot += left;
        emit RoundClosed(round, claimants, share, left);
    }

    /// @dev Ends a flag of a round that is over. False when there is nothing to do.
    function _settle(uint64 flag) private returns (bool) {
        Flag memory f = _flags[flag];
        if (f.holder == address(0) || block.timestamp < _openEnd(f.round)) return false;
        _close(f.round);
        JackpotRound storage r = _rounds[f.round];
        delete _flags[flag];
        (uint64 toHolder, uint64 toPool) = (FLAG_BOND, 0);
        if (f.opened) toHolder += r.share;
        // The tester spoke, and it was not of this.
        else if (r.state == RoundState.ERROR || r.state == RoundState.NO_ERROR) (toHolder, toPool) = (0, FLAG_BOND);
        pot += toPool;
        _creditBond(f.holder, toHolder);
        emit FlagSettled(flag, f.round, toHolder, toPool);
        return true;
    }

    /// @dev It is the round's time of reveals, and `commitment` is what was committed to.
    function _checkReveal(uint32 round, bytes32 commitment) private view returns (JackpotRound storage r) {
        r = _rounds[round];
        if (r.state == RoundState.NONE) revert JackpotPool_NothingCommitted(round);
        if (r.state != RoundState.COMMITTED) revert JackpotPool_AlreadyRevealed(round);
        (uint256 from, uint256 until) = (_sealEnd(round), _endOf(round) + 2 * SEAL_TAIL);
        if (block.timestamp < from || block.timestamp >= until) revert JackpotPool_WrongTime(round, from, until);
        if (r.commitment != commitment) revert JackpotPool_WrongReveal(round);
    }

    function _endOf(uint32 round) private pure returns (uint256) {
        return (uint256(round) + 1) * ROUND;
    }

    function _sealEnd(uint32 round) private pure returns (uint256) {
        return _endOf(round) + SEAL_TAIL;
    }

    function _openEnd(uint32 round) private pure returns (uint256) {
        return _endOf(round) + 3 * SEAL_TAIL;
    }

    function _sealedAt(Flag memory f) private pure returns (uint256) {
        return f.round * ROUND + f.sealedAfter;
    }

    function _errorOf(bytes18 figure, bytes32 output) private pure returns (bytes32) {
        return keccak256(abi.encode(figure, output));
    }

    /// @dev With the verifier in it: a copied flag cannot be opened by anybody else.
    function _flagOf(uint32 round, uint32 verifier, bytes32 errorHash, bytes32 salt) private view returns (bytes32) {
        return keccak256(abi.encode("flag", block.chainid, address(this), round, verifier, errorHash, salt));
    }
}
