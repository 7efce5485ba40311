// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BondSource} from "../types/ReceiptTypes.sol";
import {SlashOrder, SlashOutcome} from "../types/StakingTypes.sol";

/// @title What `ReceiptLedger` and `Escrow` do with stake besides pledging
/// @notice A part of `Staking`. Reservations stand behind instant releases and self-posts; a slash of a pledge belongs to the
/// closing of its agreement. None of these functions calls the currency, but {takeBond} when it has to pull one.
interface IStakeReserves {
    /// @notice Stake was reserved by the ledger for an instant release, freed again, or paid to `to` as a credit.
    event Reserved(uint32 indexed operator, uint64 amount);
    event Unreserved(uint32 indexed operator, uint64 amount);
    event Forfeited(uint32 indexed operator, address indexed to, uint64 amount);
    /// @notice A self-post's bond went from `source` to reserved, or back.
    event BondTaken(uint32 indexed operator, BondSource source, uint64 amount);
    event BondReturned(uint32 indexed operator, BondSource source, uint64 amount);
    /// @notice As {Slashed}, of a pledge that was `pledge`: what of it was not taken is free again.
    event PledgeSlashed(uint32 indexed operator, uint16 indexed reason, uint64 pledge, uint64 fromPledge);
    /// @notice Beside a slash: `recovered` µ went to the victim, `fee` µ to who ruled; of them from the pledge, the rest as said.
    event Charged(
        uint32 indexed operator,
        address indexed victim,
        uint64 recovered,
        address indexed feeTo,
        uint64 fee,
        uint64 fromPledge,
        uint64 fromFree,
        uint64 fromThawing
    );

    /// @notice Thrown when the caller is neither the Court nor the Challenges.
    error Staking_NotCourt(address caller);
    /// @notice Thrown when the caller is not the ReceiptLedger (nor the Court, where it may).
    error Staking_NotLedger(address caller);
    /// @notice Thrown when less is reserved than shall leave it.
    error Staking_NotEnoughReserved(uint32 operator, uint64 reserved, uint64 wanted);

    /// @notice Moves `amount` µ from free to reserved, for an instant release or a proposal's bond. ReceiptLedger or Court.
    /// @return ok False, with nothing changed, when the free stake above the highest minimum of its roles is less.
    function tryReserve(uint32 operator, uint64 amount) external returns (bool ok);
    /// @notice Moves `amount` µ from reserved back to free. ReceiptLedger or Court.
    function unreserve(uint32 operator, uint64 amount) external;
    /// @notice Turns `amount` µ of reserved stake into a credit of `to`. ReceiptLedger or Court.
    function forfeit(uint32 operator, uint64 amount, address to) external;
    /// @notice Reserves `amount` µ for a self-post: from free stake above the minimum, else from `pledge` (what the agreement
    /// pledges and no other bond took), else pulled from `payer`. ReceiptLedger only.
    /// @return source Where it came from; NONE, with nothing changed, when none of them has it.
    function takeBond(uint32 operator, uint64 amount, uint64 pledge, address payer) external returns (BondSource source);
    /// @notice Gives a bond back: `source` is what {takeBond} said, whether its agreement still runs or not. FREE and CURRENCY
    /// become free stake; so does PLEDGE as far as no pledge wants it back any more. ReceiptLedger only.
    function returnBond(uint32 operator, uint64 amount, BondSource source) external;
    /// @notice Slashes for an agreement that closes: its own `pledge` first, then free, then thawing stake; what of the pledge
    /// is not taken becomes free. Escrow only. Shares as {slash}; never reverts for want of stake.
    /// @param lent µ of the pledge that its self-posts hold as bonds: they are out of reach, and no pledge wants them back.
    function slashPledge(SlashOrder calldata order, uint64 pledge, uint64 lent) external returns (SlashOutcome memory);

    /// @notice µ of bonds that self-posts took from pledges of `operator` and that go back there: pledged + this = what all its
    /// agreements together pledge.
    function pledgeBonds(uint32 operator) external view returns (uint64);
    function LEDGER() external view returns (address);
    /// @notice The Court, which slashes through the Escrow or {IStaking-slash}.
    function COURT() external view returns (address);
    /// @notice The Challenges, which slash by {IStaking-slash}.
    function CHALLENGES() external view returns (address);
}
