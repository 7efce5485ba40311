// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {CloseReason} from "../types/EscrowTypes.sol";
import {EscrowAccounts} from "./EscrowAccounts.sol";
import {EscrowReplacing} from "./EscrowReplacing.sol";
import {EscrowSettling} from "./EscrowSettling.sol";
import {EscrowParameters, EscrowStorage} from "./EscrowStorage.sol";

/// @title Escrow: what runs often. The rest is answered by its extension, at this address
contract Escrow is EscrowAccounts, EscrowSettling, EscrowReplacing, EIP712 {
    using SafeCast for uint256;

    constructor(EscrowParameters memory p) EscrowStorage(p) EIP712("Tallystick Escrow", "1") {
        // Check: signatures and the extension name this address.
        _checkHere();
        _setFees(p.feeProvider, p.feeCustomer);
    }

    /// @dev What this contract does not know, its extension may: on this storage, with this caller.
    fallback() external {
        address extension = _EXTENSION;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let ok := delegatecall(gas(), extension, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            switch ok
            case 0 { revert(data, returndatasize()) }
            default { return(data, returndatasize()) }
        }
    }

    // User reads

    /// @inheritdoc IEscrow
    function EXTENSION() external view returns (address) {
        return _EXTENSION;
    }

    /// @inheritdoc IEscrow
    function CURRENCY() external view returns (address) {
        return _CURRENCY;
    }

    /// @inheritdoc IEscrow
    function LEDGER() external view returns (address) {
        return _LEDGER;
    }

    /// @inheritdoc IEscrow
    function FEE_SPLITTER() external view returns (address) {
        return _FEE_SPLITTER;
    }

    /// @inheritdoc IEscrow
    function POST_GRACE() external view returns (uint32) {
        return _POST_GRACE;
    }

    /// @inheritdoc IEscrow
    function SETTLE_GRACE() external view returns (uint32) {
        return _SETTLE_GRACE;
    }

    /// @inheritdoc IEscrow
    function fees() external view returns (uint16 provider, uint16 customer) {
        return (_feeProvider, _feeCustomer);
    }

    /// @inheritdoc IEscrow
    function feeTotals() external view returns (uint256 accrued, uint256 collected) {
        return (_feesAccrued, _feesCollected);
    }

    /// @inheritdoc IEscrow
    function agreementCount() external view returns (uint32) {
        return _sequence;
    }

    /// @inheritdoc IEscrow
    function refundableAt(uint64 agreement) external view returns (uint256) {
        Agreement storage record = _agreements[agreement];
        return _refundableAt(_openHot(agreement, record), record.cold);
    }

    // User writes: agreements

    /// @inheritdoc IEscrow
    function close(uint64 agreement) external nonReentrant {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        Cold cold = record.cold;
        bool byProvider = msg.sender == _STAKING.ownerOf(cold.operator());
        uint256 stopAt = block.timestamp;
        if (!byProvider) {
            if (msg.sender != _owned[cold.customer()].owner) revert Escrow_NotParty(agreement, msg.sender);
            stopAt += _POLICY_BOOK.windows(hot.policy()).notice;
        }
        if (stopAt < cold.start() && !cold.unbegun()) stopAt = cold.start();
        uint256 endsAt = LeaseClock.endOf(hot, cold);
        if (stopAt >= endsAt) revert Escrow_AlreadyEnding(agreement, endsAt.toUint32());
        // Effect
        record.cold = cold.withStopAt(stopAt.toUint32());
        record.hot = hot.withStoppedByProvider(byProvider);
        emit CloseRequested(
            agreement, stopAt.toUint32(), byProvider ? CloseReason.CLOSED_BY_PROVIDER : CloseReason.CLOSED_BY_CUSTOMER
        );
    }

    /// @inheritdoc IEscrow
    function refund(uint64 agreement) external nonReentrant {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        Cold cold = record.cold;
        if (hot.frozen() || hot.holds() != 0) revert Escrow_Held(agreement);
        uint256 due = _refundableAt(hot, cold);
        if (block.timestamp < due) revert Escrow_NotRefundableYet(agreement, due);
        // Effect, then interaction
        _refund(agreement, hot, cold);
    }

    // Internal

    /// @inheritdoc EscrowStorage
    function _domainSeparator() internal view override returns (bytes32) {
        return _domainSeparatorV4();
    }
}
