// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {TypeHashes} from "../libraries/TypeHashes.sol";
import {AgreementView, Mode, RefundFault, Status} from "../types/EscrowTypes.sol";
import {EscrowChanges} from "./EscrowChanges.sol";
import {EscrowFigures} from "./EscrowFigures.sol";
import {EscrowFunding} from "./EscrowFunding.sol";
import {EscrowParameters, EscrowStorage} from "./EscrowStorage.sol";

/// @title EscrowExtension: the rest of the Escrow, at the Escrow's address
contract EscrowExtension is EscrowFunding, EscrowFigures, EscrowChanges {
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    /// @dev Between the end of one pause and the beginning of the next.
    uint40 private constant PAUSE_REST = 30 days;

    /// @dev The Escrow's EIP-712 domain, as OpenZeppelin's EIP712 there has it, while the chain keeps its number.
    bytes32 private immutable _DOMAIN;
    uint256 private immutable _CHAIN_ID;
    address private immutable _RULINGS;

    constructor(EscrowParameters memory p) EscrowStorage(p) {
        _CHAIN_ID = block.chainid;
        _DOMAIN = _domain(p.escrow);
        _RULINGS = p.rulings;
    }

    /// @dev What is the Court's alone is in a contract of its own, on the same storage.
    fallback() external delegated {
        address rulings = _RULINGS;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let ok := delegatecall(gas(), rulings, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            switch ok
            case 0 { revert(data, returndatasize()) }
            default { return(data, returndatasize()) }
        }
    }

    // User reads

    /// @inheritdoc IEscrowExtension
    function CREDENTIALS() external view returns (address) {
        return address(_CREDENTIALS);
    }

    /// @inheritdoc IEscrowExtension
    function MAX_PAUSE() external view returns (uint32) {
        return _MAX_PAUSE;
    }

    /// @inheritdoc IEscrowExtension
    function agreementOf(uint64 agreement) external view returns (AgreementView memory) {
        Hot hot = _agreements[agreement].hot;
        Cold cold = _agreements[agreement].cold;
        return AgreementView({
            paid: uint56(hot.paid()),
            budget: uint56(hot.budget()),
            unitPrice: uint56(hot.unitPrice()),
            payee: hot.payee(),
            policy: hot.policy(),
            feeProvider: uint16(hot.feeProvider()),
            feeCustomer: uint16(hot.feeCustomer()),
            status: hot.status(),
            mode: hot.mode(),
            frozen: hot.frozen(),
            sponsored: hot.sponsored(),
            holds: hot.holds(),
            pledgeStuck: hot.pledgeStuck(),
            countersigned: hot.countersigned(),
            customer: cold.customer(),
            funder: cold.funder(),
            operator: cold.operator(),
            start: cold.start(),
            end: cold.end(),
            stopAt: cold.stopAt(),
            downtime: cold.downtime(),
            notBefore: cold.notBefore()
        });
    }

    /// @inheritdoc IEscrowExtension
    function openingPause() external view returns (uint40 until, uint40 notBefore) {
        return _pause();
    }

    /// @inheritdoc IEscrowExtension
    function paidUntil(uint64 agreement) external view returns (uint256) {
        Agreement storage record = _agreements[agreement];
        return LeaseClock.endOf(_openHot(agreement, record), record.cold);
    }

    /// @inheritdoc IEscrowExtension
    function runwayOf(uint32 account, uint64[] calldata agreements) external view returns (uint256) {
        uint256 money = _balances[account].free;
        uint256 burning;
        for (uint256 i = 0; i < agreements.length; ++i) {
            Hot hot = _agreements[agreements[i]].hot;
            Cold cold = _agreements[agreements[i]].cold;
            if (hot.status() != Status.OPEN || hot.mode() != Mode.LEASE || cold.funder() != account) continue;
            if (block.timestamp < cold.start() || block.timestamp >= LeaseClock.endOf(hot, cold)) continue;
            uint256 used = LeaseClock.owed(hot, cold, block.timestamp);
            if (used < hot.paid()) used = hot.paid();
            money += hot.budget() - used + Fees.riseDown(used, hot.budget(), hot.feeCustomer());
            burning += hot.unitPrice() * (Fees.BPS + hot.feeCustomer());
        }
        if (burning == 0) return type(uint256).max;
        return block.timestamp + money * Fees.PRICE_UNIT * Fees.BPS / burning;
    }

    // User writes

    /// @inheritdoc IEscrowExtension
    function refundEarly(uint64 agreement, uint40 deadline, bytes calldata signature) external delegated nonReentrant {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        Cold cold = record.cold;
        if (hot.frozen() || hot.holds() != 0) revert IEscrow.Escrow_Held(agreement);
        uint256 end = LeaseClock.endOf(hot, cold);
        if (block.timestamp < end) revert Escrow_NotEnded(agreement, end);
        // What a ruling left open to others is not the operator's to waive.
        uint256 notBefore = cold.notBefore();
        if (block.timestamp < notBefore) revert IEscrow.Escrow_NotRefundableYet(agreement, notBefore);
        address operator = _STAKING.ownerOf(cold.operator());
        if (msg.sender != operator) {
            if (block.timestamp > deadline) revert Escrow_DeadlinePassed(deadline);
            bytes32 hash = keccak256(abi.encode(TypeHashes.EARLY_REFUND, agreement, deadline));
            _checkSigned(agreement, operator, _digest(hash), signature);
        }
        // Effect: what lies beyond the horizon is forgone with the waiting.
        if (hot.mode() == Mode.LEASE) {
            hot = _payUpTo(agreement, hot, LeaseClock.owed(hot, cold, _horizon(hot.policy())));
        }
        // Effect, then interaction
        _finish(agreement, hot, cold, _closeReason(hot, cold));
    }

    /// @inheritdoc IEscrowExtension
    function refundMany(uint64[] calldata agreements) external delegated nonReentrant {
        // Check
        _checkItems(agreements.length);
        for (uint256 i = 0; i < agreements.length; ++i) {
            uint64 agreement = agreements[i];
            Hot hot = _agreements[agreement].hot;
            Cold cold = _agreements[agreement].cold;
            RefundFault fault = RefundFault.NONE;
            if (hot.status() != Status.OPEN) fault = RefundFault.NOT_OPEN;
            else if (hot.frozen() || hot.holds() != 0) fault = RefundFault.HELD;
            else if (block.timestamp < _refundableAt(hot, cold)) fault = RefundFault.TOO_EARLY;
            // Effect, then interaction
            if (fault == RefundFault.NONE) _refund(agreement, hot, cold);
            else emit RefundSkipped(agreement, fault);
        }
    }

    /// @inheritdoc IEscrowExtension
    function retryRelease(uint64 agreement) external delegated nonReentrant {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = record.hot;
        if (!hot.pledgeStuck()) revert IEscrow.Escrow_PledgeNotStuck(agreement);
        // Effect
        record.hot = hot.withPledgeStuck(false);
        uint64 amount = _pledgeOf(hot);
        emit IEscrow.PledgeReleased(agreement, amount);
        // Interaction
        _STAKING.release(record.cold.operator(), amount);
    }

    // Administration

    /// @inheritdoc IEscrowExtension
    function setFees(uint16 provider, uint16 customer) external delegated restricted nonReentrant {
        _setFees(provider, customer);
    }

    /// @inheritdoc IEscrowExtension
    function pauseOpening(uint32 duration) external delegated restricted nonReentrant {
        // Check
        (, uint40 notBefore) = _pause();
        uint40 until = uint40(block.timestamp) + duration;
        if (duration > _MAX_PAUSE || block.timestamp < notBefore) revert Escrow_PauseRefused(until, notBefore);
        // Effect
        _pausedUntil = until;
        emit OpeningPaused(until);
    }

    /// @inheritdoc IEscrowExtension
    function resumeOpening() external delegated restricted nonReentrant {
        // Check: a pause that is over already must not count as ending now.
        if (block.timestamp >= _pausedUntil) revert Escrow_NotPaused();
        // Effect
        _pausedUntil = uint40(block.timestamp);
        emit OpeningResumed();
    }

    // Internal

    /// @inheritdoc EscrowStorage
    function _domainSeparator() internal view override returns (bytes32) {
        return block.chainid == _CHAIN_ID ? _DOMAIN : _domain(_ESCROW);
    }

    // Private

    function _domain(address escrow) private view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, keccak256("Tallystick Escrow"), keccak256("1"), block.chainid, escrow));
    }

    function _pause() private view returns (uint40 until, uint40 notBefore) {
        until = _pausedUntil;
        notBefore = until == 0 ? 0 : until + PAUSE_REST;
    }
}
