// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Cold} from "../libraries/ColdSlot.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {AgreementView, Mode, SettleOrder} from "../types/EscrowTypes.sol";
import {SignedFigure} from "../types/ReceiptTypes.sol";

/// @title What ReceiptLedger sees of an Escrow, driven by a test
/// @notice Agreements are as {setAgreement} says; payments are 1 µ a unit up to the budget, and every call is an event.
contract LedgerEscrowMock {
    event Settle(SettleOrder order, bytes figures, uint256 skipMask);
    event SettleSigned(SignedFigure[] figures);
    event SetDowntime(uint64 agreement, uint80 units);
    event SettleRelease(SettleOrder order, uint64 agreement, uint80 units);
    event FinaliseRelease(uint64 agreement, uint256 fees, bool good);
    event Hold(uint64 agreement);
    event Unhold(uint64 agreement, uint40 notBefore);
    event RaiseRefundFloor(uint16 policy, uint40 until);

    uint32 public immutable POST_GRACE;
    uint32 public immutable SETTLE_GRACE;

    mapping(uint64 agreement => AgreementView) private _agreements;
    mapping(uint32 account => address) public ownerOf;
    /// @notice µ by which {settleRelease} pays less than it should.
    uint256 public short;

    constructor(uint32 postGrace, uint32 settleGrace) {
        (POST_GRACE, SETTLE_GRACE) = (postGrace, settleGrace);
    }

    function setAgreement(uint64 agreement, AgreementView calldata view_) external {
        _agreements[agreement] = view_;
    }

    function setOwner(uint32 account, address owner) external {
        ownerOf[account] = owner;
    }

    function setShort(uint256 short_) external {
        short = short_;
    }

    function settle(SettleOrder calldata order, bytes calldata figures, uint256 skipMask)
        external
        returns (uint256 moved)
    {
        emit Settle(order, figures, skipMask);
        for (uint256 i = 0; i < figures.length / 18; ++i) {
            bytes18 figure = bytes18(figures[18 * i:]);
            (uint256 gross, uint256 fee,) = _pay(uint64(uint144(figure) >> 80), uint80(uint144(figure)), order.cap);
            moved += gross + fee;
        }
    }

    function settleSigned(SignedFigure[] calldata figures)
        external
        returns (uint256[] memory gross, uint256[] memory feeCustomer)
    {
        emit SettleSigned(figures);
        gross = new uint256[](figures.length);
        feeCustomer = new uint256[](figures.length);
        for (uint256 i = 0; i < figures.length; ++i) {
            (gross[i], feeCustomer[i],) = _pay(figures[i].agreement, figures[i].units, figures[i].cap);
        }
    }

    function setDowntime(uint64 agreement, uint80 units) external returns (bool set) {
        emit SetDowntime(agreement, units);
        set = units > _agreements[agreement].downtime;
        if (set) _agreements[agreement].downtime = uint32(units);
    }

    function settleRelease(SettleOrder calldata order, uint64 agreement, uint80 units)
        external
        returns (uint256 gross, uint256 feeCustomer, uint256 fees)
    {
        emit SettleRelease(order, agreement, units);
        (gross, feeCustomer, fees) = _pay(agreement, units, order.cap);
        if (short > gross) return (0, 0, 0);
        ++_agreements[agreement].holds;
        gross -= short;
    }

    function finaliseRelease(uint64 agreement, uint256 fees, bool good) external {
        emit FinaliseRelease(agreement, fees, good);
        --_agreements[agreement].holds;
    }

    function hold(uint64 agreement) external {
        emit Hold(agreement);
        ++_agreements[agreement].holds;
    }

    function unhold(uint64 agreement, uint40 notBefore) external {
        emit Unhold(agreement, notBefore);
        --_agreements[agreement].holds;
    }

    function raiseRefundFloor(uint16 policy, uint40 until) external {
        emit RaiseRefundFloor(policy, until);
    }

    function agreementOf(uint64 agreement) external view returns (AgreementView memory) {
        return _agreements[agreement];
    }

    function slotsOf(uint64[] calldata agreements) external view returns (Hot[] memory hot, Cold[] memory cold) {
        hot = new Hot[](agreements.length);
        cold = new Cold[](agreements.length);
        for (uint256 i = 0; i < agreements.length; ++i) {
            AgreementView memory a = _agreements[agreements[i]];
            hot[i] = _hotOf(a);
            cold[i] = _coldOf(a);
        }
    }

    /// @dev Gross, the customer's fee and both fees of what `units` in all add; nothing above `cap` or for a lease.
    function _pay(uint64 agreement, uint80 units, uint256 cap)
        private
        returns (uint256 gross, uint256 feeCustomer, uint256 fees)
    {
        AgreementView storage a = _agreements[agreement];
        uint256 paid = units < a.budget ? units : a.budget;
        if (a.mode == Mode.LEASE || paid <= a.paid || paid - a.paid > cap) return (0, 0, 0);
        gross = paid - a.paid;
        feeCustomer = (paid * a.feeCustomer) / 10_000 - (uint256(a.paid) * a.feeCustomer) / 10_000;
        fees = feeCustomer + (paid * a.feeProvider) / 10_000 - (uint256(a.paid) * a.feeProvider) / 10_000;
        a.paid = uint56(paid);
    }

    function _hotOf(AgreementView memory a) private pure returns (Hot) {
        uint256 word = uint256(a.paid) << 200 | uint256(a.budget) << 144 | uint256(a.unitPrice) << 88;
        word |= uint256(a.payee) << 56 | uint256(a.policy) << 40;
        word |= uint256(a.feeProvider) << 28 | uint256(a.feeCustomer) << 16;
        word |= uint256(a.status) << 13 | uint256(a.mode) << 12 | (a.frozen ? 1 << 11 : 0);
        word |= (a.funder != a.customer ? 1 << 10 : 0) | uint256(a.holds) << 2;
        return Hot.wrap(word);
    }

    function _coldOf(AgreementView memory a) private pure returns (Cold) {
        uint256 word = uint256(a.customer) << 224 | uint256(a.funder) << 192 | uint256(a.operator) << 160;
        word |= uint256(a.start) << 128 | uint256(a.end) << 96 | uint256(a.stopAt) << 64;
        return Cold.wrap(word | uint256(a.downtime) << 32 | a.notBefore);
    }
}
