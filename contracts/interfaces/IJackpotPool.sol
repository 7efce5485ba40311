// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {JackpotRound, Leaf} from "../types/DisputeTypes.sol";
import {IBondBook} from "./IBondBook.sol";

/// @title Jackpots for verifiers that look: forced errors, secret flags
/// @notice Where nobody cheats, checking never pays, so nobody checks (the verifier's dilemma). So once a week at most a tester
/// lets a wrong figure be posted, having committed to it in secret before. Verifiers who flag it, as secretly, share a
/// jackpot. Round r is the week [r x ROUND, (r + 1) x ROUND) in which the figure is posted:
///
///     the week      | + SEAL_TAIL (3.5 days)    | + 3.5 days           | + 3.5 days         | then
///     commit, seal  | seal                      | reveal (and open)    | open               | settle
///
/// Notes:
/// - With n flags opened each gets floor(jackpot / 2^(n - 1)): one gets all, two together no more than one alone, three less.
///   So splitting oneself never pays. Jackpot: a third of the pool's money, rounded down; one at a time.
/// - A tester commits once a round, to an error or to none ({revealNone}), so that a commitment tells nothing.
/// - A flag that is not opened on the round's error loses its bond to the pool, unless the tester stayed silent.
/// - What is left of a jackpot stays in the pool.
///
/// Trust: testers (a role) are not prevented from telling a friend. What that takes is one jackpot a week, so a third of the
/// pool. They touch no other money, and reveal nothing but what they committed to. Everything else is anyone's.
interface IJackpotPool is IBondBook {
    /// @notice Money came in: by somebody, or by a lost bond of the Court.
    event JackpotFunded(address indexed from, uint256 amount);
    event ErrorCommitted(uint32 indexed round, address indexed tester, bytes32 commitment);
    /// @notice A forced error: leaf `index` of `batch`. Flags sealed before `windowEnd` may be opened on it.
    event ErrorRevealed(
        uint32 indexed round,
        uint96 indexed batch,
        uint16 index,
        bytes18 figure,
        bytes32 output,
        uint40 windowEnd,
        uint64 jackpot
    );
    /// @notice There was no error in the round.
    event NoErrorRevealed(uint32 indexed round);
    /// @notice A verifier's flag, with `bond` µ behind it. What it is on is not known.
    event FlagSealed(
        uint64 indexed flag,
        uint32 indexed round,
        uint32 indexed verifier,
        address holder,
        bytes32 commitment,
        uint64 bond
    );
    /// @notice The flag is on the round's error; there are `claimants` now.
    event FlagOpened(uint64 indexed flag, uint32 indexed round, uint32 claimants);
    /// @notice Each of the round's claimants gets `share` µ; `left` µ of the jackpot are the pool's again.
    event RoundClosed(uint32 indexed round, uint32 claimants, uint64 share, uint64 left);
    /// @notice The flag is over: `toHolder` µ credited, bond and share; `toPool` µ of bond lost.
    event FlagSettled(uint64 indexed flag, uint32 indexed round, uint64 toHolder, uint64 toPool);

    error JackpotPool_ZeroAddress();
    error JackpotPool_ZeroAmount();
    /// @notice Thrown by the constructor: without a bond, flags on everything would cost nothing.
    error JackpotPool_ZeroBond();
    error JackpotPool_ZeroCommitment();
    /// @notice Thrown when the step is not of this time: it is from `from` on, before `until`.
    error JackpotPool_WrongTime(uint32 round, uint256 from, uint256 until);
    /// @notice Thrown when the round has its commitment.
    error JackpotPool_AlreadyCommitted(uint32 round);
    error JackpotPool_NothingCommitted(uint32 round);
    error JackpotPool_AlreadyRevealed(uint32 round);
    /// @notice Thrown when what is revealed is not what was committed to.
    error JackpotPool_WrongReveal(uint32 round);
    /// @notice Thrown when the batch does not qualify: not posted by a relayer, not in the round, not after the commitment.
    error JackpotPool_UnfitBatch(uint32 round, uint96 batch, uint40 postedAt, uint40 committedAt);
    error JackpotPool_WindowOpen(uint96 batch, uint256 endsAt);
    error JackpotPool_BadProof(uint96 batch, uint256 index);
    error JackpotPool_NotVerifier(uint32 verifier, address caller);
    error JackpotPool_UnknownFlag(uint64 flag);
    error JackpotPool_NoError(uint32 round);
    /// @notice Thrown when the flag is on something else.
    error JackpotPool_WrongFlag(uint64 flag);
    /// @notice Thrown when the flag was not sealed before the figure's window ended.
    error JackpotPool_SealedTooLate(uint64 flag, uint256 sealedAt, uint40 windowEnd);
    /// @notice Thrown when this flag, or another one of the same verifier, was opened on this error.
    error JackpotPool_AlreadyOpened(uint32 round, uint32 verifier);
    error JackpotPool_TooManyItems(uint256 items);
    /// @notice Thrown when none of the flags can be settled.
    error JackpotPool_NothingToSettle();

    // Money

    /// @notice Takes what the Court has credited the pool, out of lost bonds; 0 when there is none. Anyone.
    function pull() external returns (uint256 amount);
    /// @notice Gives `amount` µ of the caller's to the pool. Anyone.
    function fund(uint256 amount) external;

    // Testers

    /// @notice Commits to the round's error, {commitmentOf} a figure that is not posted yet, or to none. The current or the
    /// next round, once each. Behind a role.
    function commit(uint32 round, bytes32 commitment) external;
    /// @notice Shows the error: the posted leaf of a relayer's batch of the round, posted after the commitment. In the time of
    /// reveals, after the batch's window; whoever knows the salt. Fixes the jackpot.
    function reveal(uint32 round, Leaf calldata leaf, bytes32 salt) external returns (uint64 jackpot);
    /// @notice Shows that the commitment was to no error: to figure 0 with output 0.
    function revealNone(uint32 round, bytes32 salt) external;

    // Verifiers

    /// @notice Seals a flag, {flagOf} a figure that looks wrong, posted in `round`: the present week's or, for SEAL_TAIL, the
    /// last one's. Owner of an active verifier; pulls FLAG_BOND.
    function seal(uint32 round, uint32 verifier, bytes32 commitment) external returns (uint64 flag);
    /// @notice Opens a flag on the round's revealed error. One a verifier and error. Whoever knows the salt.
    function open(uint64 flag, bytes32 salt) external;
    /// @notice Credits what at most 256 flags of rounds that are over have won, or lost. Anyone; those that are settled,
    /// unknown or too young are left out.
    function settle(uint64[] calldata flags) external returns (uint256 settled);
    /// @notice Ends a round: what its claimants do not get of the jackpot is the pool's again. Anyone; {reveal} and {settle}
    /// do it by themselves.
    function closeRound(uint32 round) external;

    // Views

    function COURT() external view returns (address);
    function LEDGER() external view returns (address);
    function STAKING() external view returns (address);
    /// @notice µ behind each flag.
    function FLAG_BOND() external view returns (uint64);
    /// @notice Seconds of a round.
    function ROUND() external view returns (uint256);
    /// @notice Seconds after a round in which its flags are sealed; then as long to reveal, then to open.
    function SEAL_TAIL() external view returns (uint256);
    /// @notice µ that the next jackpot is a third of.
    function pot() external view returns (uint256);
    /// @notice The present round.
    function currentRound() external view returns (uint32);
    function roundOf(uint32 round) external view returns (JackpotRound memory);
    /// @return holder Who sealed it; zero when it is unknown or settled. @return sealedAt When. @return opened Whether it is on
    /// the round's error.
    function flagAt(uint64 flag)
        external
        view
        returns (address holder, uint32 verifier, uint32 round, uint40 sealedAt, bool opened, bytes32 commitment);
    /// @notice How many flags there were; the newest has this number.
    function flagCount() external view returns (uint64);
    /// @notice What a tester commits to for a figure; figure 0 and output 0 for no error.
    function commitmentOf(uint32 round, bytes18 figure, bytes32 output, bytes32 salt) external view returns (bytes32);
    /// @notice What a verifier seals.
    function flagOf(uint32 round, uint32 verifier, bytes18 figure, bytes32 output, bytes32 salt)
        external
        view
        returns (bytes32);
}
