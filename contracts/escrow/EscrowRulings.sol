// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {IEscrowRulings} from "../interfaces/IEscrowRulings.sol";
import {IStakeReserves} from "../interfaces/IStakeReserves.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {CloseReason, RulingOrder, RulingOutcome, Status} from "../types/EscrowTypes.sol";
import {SlashOrder} from "../types/StakingTypes.sol";
import {EscrowEnding} from "./EscrowEnding.sol";
import {EscrowParameters, EscrowStorage} from "./EscrowStorage.sol";

/// @title EscrowRulings: what the Court does to agreements, at the Escrow's address. Freezes them, carries rulings out, lets
/// them run on
/// @dev Reached through the fallbacks of the Escrow and of its extension; by itself it changes nothing.
contract EscrowRulings is IEscrowRulings, EscrowEnding {
    using SafeCast for uint256;

    constructor(EscrowParameters memory p) EscrowStorage(p) {}

    modifier onlyCourt() {
        if (msg.sender != _COURT) revert Escrow_NotCourt(msg.sender);
        _;
    }

    // User reads

    /// @inheritdoc IEscrowRulings
    function COURT() external view returns (address) {
        return _COURT;
    }

    /// @inheritdoc IEscrowRulings
    function forgivenOf(uint64 agreement) external view returns (uint32) {
        return _forgiven[agreement];
    }

    /// @inheritdoc IEscrowRulings
    function overturned(uint32 account) external view returns (uint128) {
        return _overturned[account];
    }

    // User writes

    /// @inheritdoc IEscrowRulings
    function freeze(uint64 agreement) external delegated nonReentrant onlyCourt {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        if (hot.frozen()) revert Escrow_AlreadyFrozen(agreement);
        // Effect
        record.hot = hot.withFrozen(true);
        emit Frozen(agreement);
    }

    /// @inheritdoc IEscrowRulings
    function clear(uint64 agreement, uint40 notBefore) external delegated nonReentrant onlyCourt {
        // Check
        Hot hot = _frozenHot(agreement);
        // Effect
        _agreements[agreement].hot = hot.withFrozen(false);
        emit Unfrozen(agreement);
        _delayRefund(agreement, notBefore);
    }

    /// @inheritdoc IEscrowRulings
    function executeRuling(RulingOrder calldata order)
        external
        delegated
        nonReentrant
        onlyCourt
        returns (RulingOutcome memory outcome)
    {
        // Check
        Hot hot = _frozenHot(order.agreement);
        Cold cold = _agreements[order.agreement].cold;
        uint256 before = hot.paid();
        // Effect: what stands is paid.
        uint256 amount = order.amount < hot.budget() ? order.amount : hot.budget();
        hot = _payUpTo(order.agreement, hot, amount);
        outcome.paid = (hot.paid() - before).toUint64();
        if (order.closes) {
            _closeRuled(order, hot, cold, amount, outcome);
        } else if (order.setsDowntime && !cold.unbegun() && order.downtime != cold.downtime()) {
            if (order.downtime < cold.downtime()) {
                uint32 forgiven = _forgiven[order.agreement] + cold.downtime() - order.downtime;
                _forgiven[order.agreement] = forgiven;
                emit DowntimeForgiven(order.agreement, forgiven);
            }
            _agreements[order.agreement].cold = cold.withDowntime(order.downtime);
            emit IEscrowExtension.DowntimeSet(order.agreement, order.downtime);
        }
    }

    // Internal

    /// @inheritdoc EscrowStorage
    /// @dev Nothing here is signed.
    function _domainSeparator() internal pure override returns (bytes32) {
        return 0;
    }

    // Private

    /// @dev Ends an agreement: refunds, takes back what was paid beyond `amount` and slashes, the victim first.
    function _closeRuled(RulingOrder calldata order, Hot hot, Cold cold, uint256 amount, RulingOutcome memory outcome)
        private
    {
        // Effect: closed, the unspent goes back.
        hot = hot.withStatus(Status.CLOSED).withFrozen(false);
        _agreements[order.agreement].hot = hot;
        outcome.refunded = _unlock(order.agreement, hot, cold).toUint64();
        emit IEscrow.Closed(order.agreement, hot.paid(), outcome.refunded, CloseReason.RULED);
        // Effect: what was paid beyond, and the fees of it, less what reservations gave back before.
        (uint256 gross, uint256 feeProvider, uint256 feeCustomer) = hot.paid() > amount
            ? (
                hot.paid() - amount,
                Fees.riseDown(amount, hot.paid(), hot.feeProvider()),
                Fees.riseDown(amount, hot.paid(), hot.feeCustomer())
            )
            : (0, 0, 0);
        uint256 overpaid = gross + feeCustomer;
        outcome.overpaid = overpaid > order.madeGood ? (overpaid - order.madeGood).toUint64() : 0;
        uint256 fees = feeProvider + feeCustomer;
        if (fees > order.madeGoodFees) {
            fees -= order.madeGoodFees;
            _overturned[hot.payee()] = (_overturned[hot.payee()] + fees).toUint128();
            emit FeesOverturned(order.agreement, hot.payee(), fees);
        }
        // Interaction: takes what there is, frees what is left of the pledge.
        outcome.slash = IStakeReserves(address(_STAKING))
            .slashPledge(
                SlashOrder({
                operator: cold.operator(),
                recover: outcome.overpaid,
                amount: order.slash,
                victim: _owned[cold.funder()].owner,
                loss: outcome.overpaid,
                challenger: order.challenger,
                rewardBps: order.rewardBps,
                fee: order.fee,
                feeTo: order.feeTo,
                reason: order.reason
            }),
                _pledgeOf(hot),
                order.lent
            );
    }

    function _frozenHot(uint64 agreement) private view returns (Hot hot) {
        hot = _openHot(agreement, _agreements[agreement]);
        if (!hot.frozen()) revert Escrow_NotFrozen(agreement);
    }
}
