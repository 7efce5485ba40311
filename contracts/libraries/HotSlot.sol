// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Mode, Status, Terms} from "../types/EscrowTypes.sol";

/// @notice The one slot of an agreement that a metered settlement touches. From the most significant bit:
/// paid 56 | budget 56 | unitPrice 56 | payee 32 | policy 16 | feeProvider 12 | feeCustomer 12 | countersigned 1 |
/// status 2 | mode 1 | frozen 1 | sponsored 1 | holds 8 | stoppedByProvider 1 | pledgeStuck 1
type Hot is uint256;

using HotSlot for Hot global;

/// @title Reading and writing of {Hot}
/// @dev Fields are masked on the way in by their Solidity types; those narrower than a type are bounded by the callers
/// (fees <= 2 000 < 2^12; status < 4).
library HotSlot {
    uint256 private constant PAID = 200;
    uint256 private constant BUDGET = 144;
    uint256 private constant UNIT_PRICE = 88;
    uint256 private constant PAYEE = 56;
    uint256 private constant POLICY = 40;
    uint256 private constant FEE_PROVIDER = 28;
    uint256 private constant FEE_CUSTOMER = 16;
    uint256 private constant COUNTERSIGNED = 1 << 15;
    uint256 private constant STATUS = 13;
    uint256 private constant MODE = 12;
    uint256 private constant FROZEN = 1 << 11;
    uint256 private constant SPONSORED = 1 << 10;
    uint256 private constant HOLDS = 2;
    uint256 private constant STOPPED_BY_PROVIDER = 1 << 1;
    uint256 private constant PLEDGE_STUCK = 1;

    uint256 private constant MASK_STATUS = 3 << STATUS;
    uint256 private constant MASK_FEE = 0xfff;
    uint256 private constant MASK_CLOCK = MASK_STATUS | (1 << MODE) | FROZEN | (0xff << HOLDS);
    uint256 private constant MASK_SETTLE = (0xffff << POLICY) | MASK_STATUS | (1 << MODE) | FROZEN;

    /// @notice The slot of a newly opened agreement: nothing paid, nothing frozen or held.
    function opened(Terms memory terms, uint256 feeProvider_, uint256 feeCustomer_) internal pure returns (Hot) {
        uint256 word = uint256(terms.budget) << BUDGET;
        word |= uint256(terms.unitPrice) << UNIT_PRICE;
        word |= uint256(terms.payee) << PAYEE;
        word |= uint256(terms.policy) << POLICY;
        word |= feeProvider_ << FEE_PROVIDER;
        word |= feeCustomer_ << FEE_CUSTOMER;
        word |= uint256(Status.OPEN) << STATUS;
        word |= uint256(terms.mode) << MODE;
        if (terms.funder != terms.customer) word |= SPONSORED;
        return Hot.wrap(word);
    }

    /// @notice What {settleKey} is of an agreement of `policy_` that a metered settlement may pay: open, METERED, not frozen.
    function settleable(uint16 policy_) internal pure returns (uint256) {
        return (uint256(policy_) << POLICY) | (uint256(Status.OPEN) << STATUS) | (uint256(Mode.METERED) << MODE);
    }

    /// @notice What {settleKey} is of a lease of `policy_` whose downtime a settlement may set.
    function downtimeSettable(uint16 policy_) internal pure returns (uint256) {
        return (uint256(policy_) << POLICY) | (uint256(Status.OPEN) << STATUS) | (uint256(Mode.LEASE) << MODE);
    }

    /// @notice Whether a clock may pay: an open lease, not frozen, nothing held.
    function clockRuns(Hot hot) internal pure returns (bool) {
        return Hot.unwrap(hot) & MASK_CLOCK == (uint256(Status.OPEN) << STATUS) | (uint256(Mode.LEASE) << MODE);
    }

    /// @notice The fields that decide whether a settlement may pay, so that one comparison answers for all of them.
    function settleKey(Hot hot) internal pure returns (uint256) {
        return Hot.unwrap(hot) & MASK_SETTLE;
    }

    function paid(Hot hot) internal pure returns (uint256) {
        return Hot.unwrap(hot) >> PAID;
    }

    function budget(Hot hot) internal pure returns (uint256) {
        return uint56(Hot.unwrap(hot) >> BUDGET);
    }

    function unitPrice(Hot hot) internal pure returns (uint256) {
        return uint56(Hot.unwrap(hot) >> UNIT_PRICE);
    }

    function payee(Hot hot) internal pure returns (uint32) {
        return uint32(Hot.unwrap(hot) >> PAYEE);
    }

    function policy(Hot hot) internal pure returns (uint16) {
        return uint16(Hot.unwrap(hot) >> POLICY);
    }

    /// @notice Provider's fee in basis points.
    function feeProvider(Hot hot) internal pure returns (uint256) {
        return (Hot.unwrap(hot) >> FEE_PROVIDER) & MASK_FEE;
    }

    /// @notice Customer's fee in basis points.
    function feeCustomer(Hot hot) internal pure returns (uint256) {
        return (Hot.unwrap(hot) >> FEE_CUSTOMER) & MASK_FEE;
    }

    function status(Hot hot) internal pure returns (Status) {
        return Status((Hot.unwrap(hot) >> STATUS) & 3);
    }

    function mode(Hot hot) internal pure returns (Mode) {
        return Mode((Hot.unwrap(hot) >> MODE) & 1);
    }

    function frozen(Hot hot) internal pure returns (bool) {
        return Hot.unwrap(hot) & FROZEN != 0;
    }

    /// @notice Whether it was ever paid by countersignature.
    function countersigned(Hot hot) internal pure returns (bool) {
        return Hot.unwrap(hot) & COUNTERSIGNED != 0;
    }

    function sponsored(Hot hot) internal pure returns (bool) {
        return Hot.unwrap(hot) & SPONSORED != 0;
    }

    function holds(Hot hot) internal pure returns (uint8) {
        return uint8(Hot.unwrap(hot) >> HOLDS);
    }

    function stoppedByProvider(Hot hot) internal pure returns (bool) {
        return Hot.unwrap(hot) & STOPPED_BY_PROVIDER != 0;
    }

    function pledgeStuck(Hot hot) internal pure returns (bool) {
        return Hot.unwrap(hot) & PLEDGE_STUCK != 0;
    }

    /// @dev `value` is at most the budget, which has 56 bits.
    function withPaid(Hot hot, uint256 value) internal pure returns (Hot) {
        return Hot.wrap((Hot.unwrap(hot) & ((1 << PAID) - 1)) | (value << PAID));
    }

    function withBudget(Hot hot, uint56 value) internal pure returns (Hot) {
        uint256 mask = uint256(type(uint56).max) << BUDGET;
        return Hot.wrap((Hot.unwrap(hot) & ~mask) | (uint256(value) << BUDGET));
    }

    function withHolds(Hot hot, uint8 value) internal pure returns (Hot) {
        return Hot.wrap((Hot.unwrap(hot) & ~(uint256(0xff) << HOLDS)) | (uint256(value) << HOLDS));
    }

    function withStatus(Hot hot, Status value) internal pure returns (Hot) {
        return Hot.wrap((Hot.unwrap(hot) & ~MASK_STATUS) | (uint256(value) << STATUS));
    }

    function withFrozen(Hot hot, bool value) internal pure returns (Hot) {
        uint256 word = Hot.unwrap(hot) & ~FROZEN;
        return Hot.wrap(value ? word | FROZEN : word);
    }

    function withCountersigned(Hot hot) internal pure returns (Hot) {
        return Hot.wrap(Hot.unwrap(hot) | COUNTERSIGNED);
    }

    function withStoppedByProvider(Hot hot, bool value) internal pure returns (Hot) {
        uint256 word = Hot.unwrap(hot) & ~STOPPED_BY_PROVIDER;
        return Hot.wrap(value ? word | STOPPED_BY_PROVIDER : word);
    }

    function withPledgeStuck(Hot hot, bool value) internal pure returns (Hot) {
        uint256 word = Hot.unwrap(hot) & ~PLEDGE_STUCK;
        return Hot.wrap(value ? word | PLEDGE_STUCK : word);
    }
}
