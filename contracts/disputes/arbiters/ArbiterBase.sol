// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IBondBook} from "../../interfaces/IBondBook.sol";
import {ICourt} from "../../interfaces/ICourt.sol";
import {IPaidArbiter} from "../../interfaces/IPaidArbiter.sol";
import {IPolicyBook} from "../../interfaces/IPolicyBook.sol";
import {DisputeState, DisputeView} from "../../types/DisputeTypes.sol";
import {DisputeTerms} from "../../types/PolicyTypes.sol";
import {BondBook} from "../BondBook.sol";

/// @title What arbiters with a purse share: whose round it is, and the fees that the Court credits
abstract contract ArbiterBase is BondBook, IPaidArbiter {
    /// @inheritdoc IPaidArbiter
    address public immutable COURT;
    /// @inheritdoc IPaidArbiter
    address public immutable POLICY_BOOK;

    constructor(address currency, address court, address policyBook) BondBook(currency) {
        if (court == address(0) || policyBook == address(0)) revert BondBook_ZeroAddress();
        COURT = court;
        POLICY_BOOK = policyBook;
    }

    /// @dev The round that an arbiter decides now; 0: none does.
    function _presentRound(DisputeView memory d) internal pure returns (uint8) {
        if (d.state == DisputeState.RULING) return 1;
        return d.state == DisputeState.SECOND ? 2 : 0;
    }

    /// @dev Seconds that this contract has for a round of the policy; 0 when another, or nobody, decides it.
    function _timeFor(uint16 policy, uint8 round) internal view returns (uint32) {
        DisputeTerms memory terms = IPolicyBook(POLICY_BOOK).disputeTerms(policy);
        address arbiter = round == 1 ? terms.arbiter : round == 2 ? terms.secondArbiter : address(0);
        return arbiter == address(this) ? terms.rulingTime : 0;
    }

    /// @dev Takes what the Court credited to this contract into the bonds, exactly. The transfer comes before the effect,
    /// since what counts is what arrives; every entry is guarded meanwhile.
    function _takeFees() internal returns (uint256 amount) {
        if (IBondBook(COURT).credits(address(this)) == 0) return 0;
        IERC20 currency = IERC20(CURRENCY);
        uint256 before = currency.balanceOf(address(this));
        amount = IBondBook(COURT).claimCredit(address(this));
        uint256 received = currency.balanceOf(address(this)) - before;
        if (received != amount) revert BondBook_WrongAmountReceived(amount, received);
        totalBonds += amount;
    }

    function _disputeOf(uint64 dispute) internal view returns (DisputeView memory) {
        return ICourt(COURT).disputeOf(dispute);
    }
}
