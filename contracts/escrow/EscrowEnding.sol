// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {CloseReason, Mode, Status} from "../types/EscrowTypes.sol";
import {EscrowPayments} from "./EscrowPayments.sol";

/// @title How agreements end: when, and what comes back to whom
abstract contract EscrowEnding is EscrowPayments {
    using SafeCast for uint256;

    /// @dev Fixed gas of the pledge's release on an exit: about 12 times what it takes.
    uint256 private constant RELEASE_GAS = 150_000;

    /// @dev When a refund is allowed, freezes and holds aside.
    function _refundableAt(Hot hot, Cold cold) internal view returns (uint256 due) {
        uint16 policy = hot.policy();
        due = LeaseClock.endOf(hot, cold) + _POST_GRACE + _POLICY_BOOK.windows(policy).longest + _SETTLE_GRACE;
        if (due < cold.notBefore()) due = cold.notBefore();
        uint256 floor = _refundFloors[policy];
        if (due < floor) due = floor;
    }

    /// @dev The due refund of an open agreement. A lease's clock is paid to its end first, every second of which is past the
    /// horizon: LAG <= POST_GRACE + longest window + SETTLE_GRACE, which {PolicyBook} requires, and a refund comes no earlier.
    function _refund(uint64 agreement, Hot hot, Cold cold) internal {
        if (hot.mode() == Mode.LEASE) {
            hot = _payUpTo(agreement, hot, LeaseClock.owed(hot, cold, type(uint256).max));
        }
        _finish(agreement, hot, cold, _closeReason(hot, cold));
    }

    /// @dev Closes an agreement, returns what was not spent, and releases its pledge.
    function _finish(uint64 agreement, Hot hot, Cold cold, CloseReason reason) internal returns (uint256 refunded) {
        hot = hot.withStatus(Status.CLOSED);
        // Effect
        _agreements[agreement].hot = hot;
        refunded = _unlock(agreement, hot, cold);
        emit IEscrow.Closed(agreement, hot.paid(), refunded, reason);
        // Interaction
        _releasePledge(agreement, hot, cold.operator());
    }

    /// @dev Moves what was not spent from locked back to free, and restores a sponsor's allowance unless it was revoked
    /// after the opening.
    function _unlock(uint64 agreement, Hot hot, Cold cold) internal returns (uint256 refunded) {
        uint256 budget = hot.budget();
        uint256 lockedIn = budget + Fees.shareDown(budget, hot.feeCustomer());
        uint256 paid = hot.paid();
        refunded = lockedIn - paid - Fees.shareDown(paid, hot.feeCustomer());
        Balance storage balance = _balances[cold.funder()];
        (uint256 free, uint256 locked) = (balance.free, balance.locked);
        _balances[cold.funder()] =
            Balance({free: (free + refunded).toUint128(), locked: (locked - lockedIn).toUint128()});
        if (hot.sponsored()) {
            Allowance storage allowance = _allowances[cold.funder()][cold.customer()][hot.policy()];
            if (agreement >> 32 > allowance.revokedSequence) {
                // An allowance that somebody set near the type's maximum must not block a refund.
                uint256 restored = allowance.amount + refunded;
                allowance.amount = restored > type(uint128).max ? type(uint128).max : uint128(restored);
            }
        }
    }

    /// @dev Fixed gas, no returned bytes copied, and a failure only leaves a mark: no exit can be blocked by Staking.
    function _releasePledge(uint64 agreement, Hot hot, uint32 operator) private {
        uint64 amount = _pledgeOf(hot);
        if (amount == 0) return;
        bytes memory data = abi.encodeCall(IStaking.release, (operator, amount));
        address staking = address(_STAKING);
        uint256 gasLimit = RELEASE_GAS;
        bool ok;
        assembly ("memory-safe") {
            ok := call(gasLimit, staking, 0, add(data, 0x20), mload(data), 0, 0)
        }
        if (ok) return;
        _agreements[agreement].hot = hot.withPledgeStuck(true);
        emit IEscrow.PledgeStuck(agreement);
    }

    /// @dev The caller counts as its own signature.
    function _checkSigned(uint64 agreement, address signer, bytes32 digest, bytes calldata signature) internal view {
        if (msg.sender != signer && !Signatures.isBy(signer, digest, signature)) {
            revert IEscrowExtension.Escrow_BadSignature(agreement, signer);
        }
    }

    function _closeReason(Hot hot, Cold cold) internal pure returns (CloseReason) {
        if (LeaseClock.exhausted(hot, cold)) return CloseReason.EXHAUSTED;
        if (cold.stopAt() == 0) return CloseReason.EXPIRED;
        return hot.stoppedByProvider() ? CloseReason.CLOSED_BY_PROVIDER : CloseReason.CLOSED_BY_CUSTOMER;
    }
}
