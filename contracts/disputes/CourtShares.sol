// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ICourtExecution} from "../interfaces/ICourtExecution.sol";
import {Fees} from "../libraries/Fees.sol";
import {DisputeKind, Outcome} from "../types/DisputeTypes.sol";
import {AgreementView} from "../types/EscrowTypes.sol";
import {DisputeTerms} from "../types/PolicyTypes.sol";
import {CourtBase} from "./CourtBase.sol";

/// @title Who gets what: bonds, fees, rewards
/// @dev A lost bond pays the arbiters' fees first, then the other side its share, then the jackpot pool. All of it is credited.
abstract contract CourtShares is ICourtExecution, CourtBase {
    /// @dev Fees that are still owed to who ruled; each is paid once, by whoever lost.
    struct FeesDue {
        uint64 first;
        uint64 second;
    }

    // Internal

    /// @dev What the arbiters who ruled are owed; nothing for the silent, and nobody is charged when none ruled.
    function _feesDue(Record memory d, DisputeTerms memory terms) internal pure returns (FeesDue memory due) {
        if (d.outcome == Outcome.SILENT) return due;
        if (d.firstRuled) due.first = terms.arbiterFee;
        if (d.secondRuled) due.second = d.appealed ? terms.appealFee : terms.arbiterFee;
    }

    /// @dev Credits what `from` µ pay of the fees, the first arbiter before the second.
    /// @return paid µ of it.
    function _payFees(uint64 dispute, DisputeTerms memory terms, FeesDue memory due, uint64 from)
        internal
        returns (uint64 paid)
    {
        uint64 first = from < due.first ? from : due.first;
        uint64 second = from - first < due.second ? from - first : due.second;
        due.first -= first;
        due.second -= second;
        _fees[dispute][1] += first;
        _fees[dispute][2] += second;
        _credit(terms.arbiter, first);
        _credit(terms.secondArbiter, second);
        return first + second;
    }

    /// @dev Settles the bond of an appeal: back to who paid when it turned the ruling, was never complete or never heard, else
    /// lost.
    /// @param other Who gets the accused's share.
    function _settleAppeal(
        uint64 dispute,
        Record memory d,
        DisputeTerms memory terms,
        FeesDue memory due,
        address other
    ) internal {
        if (d.appealPaid == 0) return;
        // Not heard is not lost.
        bool lost = d.ownAppeal ? d.ruling >= d.firstRuling : d.outcome == _outcomeOf(d, d.firstRuling);
        if (d.secondRuled && lost) {
            // The fee of who heard it first; the rest of the fees may be charged elsewhere.
            totalBonds -= d.appealPaid;
            uint64 second = due.second;
            FeesDue memory own = FeesDue({first: 0, second: second});
            uint64 fee = _payFees(dispute, terms, own, d.appealPaid);
            due.second = own.second;
            _share(dispute, terms, d.appealPaid, fee, other);
            return;
        }
        _returnParts(dispute);
    }

    /// @dev Settles the bond of who opened. Of a proposal: what its verifiers reserved.
    /// @param other Who gets the accused's share of a lost one.
    function _settleBond(uint64 dispute, Record memory d, DisputeTerms memory terms, FeesDue memory due, address other)
        internal
    {
        bool lost = d.outcome == Outcome.REJECTED;
        if (d.kind == DisputeKind.WORK) {
            // A customer has no stake that a fee could be charged to: who proves less downtime pays for the proof.
            uint64 kept = !lost && d.upward ? _payFees(dispute, terms, due, d.bond) : 0;
            if (!lost) {
                totalBonds -= kept;
                return _returnBond(dispute, d.payer, d.bond - kept);
            }
            totalBonds -= d.bond;
            _share(dispute, terms, d.bond, _payFees(dispute, terms, due, d.bond), other);
            return;
        }
        uint32[] memory verifiers = _verifiers[dispute];
        // At most sixteen.
        for (uint256 i = 0; i < verifiers.length; ++i) {
            if (lost) _RESERVES.forfeit(verifiers[i], d.bond, address(this));
            else _RESERVES.unreserve(verifiers[i], d.bond);
        }
        if (!lost) return;
        uint64 sum = d.bond * uint64(verifiers.length);
        _share(dispute, terms, sum, _payFees(dispute, terms, due, sum), other);
    }

    /// @dev Shares the reward of a slash, which Staking credited to the Court: WORK, to who found it, by halves with the
    /// customer when it took over; PROPOSAL, among the verifiers. Rounding favours the first.
    function _shareReward(uint64 dispute, Record memory d, uint64 reward) internal {
        if (reward == 0) return;
        if (d.kind == DisputeKind.WORK) {
            uint64 half = d.lead == d.finder ? 0 : reward / 2;
            _credit(d.finder, reward - half);
            _credit(d.lead, half);
            return;
        }
        uint32[] memory verifiers = _verifiers[dispute];
        uint64 part = reward / uint64(verifiers.length);
        _credit(_STAKING.ownerOf(verifiers[0]), reward - part * uint64(verifiers.length - 1));
        for (uint256 i = 1; i < verifiers.length; ++i) {
            _credit(_STAKING.ownerOf(verifiers[i]), part);
        }
    }

    /// @dev What the policy takes of the agreement's pledge, rounded up, within the caps of the incident and of the day.
    function _slashOf(AgreementView memory a, DisputeTerms memory terms, uint64 pledge) internal view returns (uint64) {
        uint256 amount = Fees.shareUp(pledge, terms.slashBps);
        if (terms.slashCap != 0) amount = Math.min(amount, terms.slashCap);
        if (terms.slashDayCap != 0) {
            uint256 had = _slashedOn[a.operator][block.timestamp / 1 days];
            amount = Math.min(amount, terms.slashDayCap > had ? terms.slashDayCap - had : 0);
        }
        return uint64(amount);
    }

    // Private

    /// @dev Shares what is left of a lost bond, which is in no bond any more, after `fee` of it.
    function _share(uint64 dispute, DisputeTerms memory terms, uint64 bond, uint64 fee, address other) private {
        uint64 rest = bond - fee;
        uint64 toOther = uint64(Fees.shareDown(rest, terms.accusedBps));
        _credit(other, toOther);
        _credit(_JACKPOT, rest - toOther);
        emit BondLost(dispute, bond, fee, other, toOther, rest - toOther);
    }
}
