// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IChallenges} from "../interfaces/IChallenges.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {IPolicyBook} from "../interfaces/IPolicyBook.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {IReceiptLedgerDisputes} from "../interfaces/IReceiptLedgerDisputes.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {SlashOrder, SlashOutcome} from "../types/StakingTypes.sol";
import {BondBook} from "./BondBook.sol";

/// @notice What `Challenges` is built with, for ever. There is no role in it.
/// @param currency The stablecoin of the bonds.
/// @param escrow Where agreements are. @param ledger Where leaves are, and what receipts are signed for.
/// @param staking Whose stake pays. @param policyBook What it costs.
struct ChallengesParameters {
    address currency;
    address escrow;
    address ledger;
    address staking;
    address policyBook;
}

/// @title What both parts of `Challenges` share: whom they ask, and how much of an operator they may take in a day
abstract contract ChallengesBase is IChallenges, BondBook {
    /// @dev µ that were taken of one operator on one day, counted in whole days since 1970.
    struct Day {
        uint40 number;
        uint128 taken;
    }

    IEscrow internal immutable _ESCROW;
    /// @dev The same address.
    IEscrowExtension internal immutable _ESCROW_MORE;
    IReceiptLedger internal immutable _LEDGER;
    /// @dev The same address.
    IReceiptLedgerDisputes internal immutable _LEDGER_MORE;
    IStaking internal immutable _STAKING;
    IPolicyBook internal immutable _POLICY_BOOK;

    constructor(ChallengesParameters memory p) BondBook(p.currency) {
        if (p.escrow == address(0) || p.ledger == address(0) || p.staking == address(0) || p.policyBook == address(0)) {
            revert BondBook_ZeroAddress();
        }
        _ESCROW = IEscrow(p.escrow);
        _ESCROW_MORE = IEscrowExtension(p.escrow);
        _LEDGER = IReceiptLedger(p.ledger);
        _LEDGER_MORE = IReceiptLedgerDisputes(p.ledger);
        _STAKING = IStaking(p.staking);
        _POLICY_BOOK = IPolicyBook(p.policyBook);
    }

    /// @dev Takes up to `amount` µ of free, then thawing stake, and counts what was taken. Nobody but the challenger and the
    /// insurance gets any of it; the challenger's share is so small that framing or reporting oneself only loses.
    function _slash(SlashOrder memory order, mapping(uint32 operator => Day) storage days_)
        internal
        returns (SlashOutcome memory outcome)
    {
        // Interaction: takes what there is, never reverts for want of stake. No entry of ours runs meanwhile.
        outcome = _STAKING.slash(order);
        // Effect
        days_[order.operator] = Day(_today(), _takenToday(days_[order.operator]) + outcome.slashed);
    }

    /// @dev What of `amount` is still below `cap` µ for today.
    function _capped(uint64 amount, uint64 cap, Day storage day) internal view returns (uint64) {
        uint256 taken = _takenToday(day);
        return taken < cap ? uint64(Math.min(amount, cap - taken)) : 0;
    }

    function _takenToday(Day storage day) internal view returns (uint128) {
        return day.number == _today() ? day.taken : 0;
    }

    function _today() private view returns (uint40) {
        return uint40(block.timestamp / 1 days);
    }
}
