// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SlashOutcome} from "./StakingTypes.sol";

// Types of agreements, their money and what rulings do to them. µ is the base unit of the
// 6-decimal currency; times are seconds since 1970; shares are basis points (1/10 000).

/// @notice How an agreement counts what is owed.
/// - METERED: receipts count units up; paid = min(floor(units * unitPrice / 1e6), budget).
/// - LEASE: the clock counts up; receipts count the seconds not served.
enum Mode {
    METERED,
    LEASE
}

/// @notice Where an agreement stands. A number that was never opened has the status NONE.
enum Status {
    NONE,
    OPEN,
    CLOSED
}

/// @notice The offer that customer and operator both sign (EIP-712, domain of `Escrow`).
/// @param customer Account whose owner orders the work and signs.
/// @param funder Account whose money is locked, and to which every refund goes; by default the customer.
/// @param operator Operator in `Staking` whose owner signs and whose stake answers.
/// @param payee Account that earns.
/// @param mode METERED or LEASE.
/// @param policy Number in `PolicyBook`: verification, windows, coverage.
/// @param maxFeeProvider Highest provider fee that the parties accept, in basis points.
/// @param maxFeeCustomer Highest customer fee that the parties accept, in basis points.
/// @param unitPrice µ per 1e6 units (METERED) or per 1e6 seconds (LEASE); above zero.
/// @param budget µ locked at the opening, customer fee not included; above zero.
/// @param maxBudget µ up to which the budget may be topped up; at least `budget`.
/// @param start When the agreement's clock starts, or the opening if that is later.
/// @param expiry Last second of service; at most 400 days after the clock starts.
/// @param workHash Commits to container, input and specification. Nothing confidential is on chain.
/// @param customerNonce Unordered nonce of the customer account's owner, spent by the opening.
/// @param operatorNonce Unordered nonce of the operator's owner, spent by the opening.
/// @param deadline Last second at which the offer can be opened.
struct Terms {
    uint32 customer;
    uint32 funder;
    uint32 operator;
    uint32 payee;
    Mode mode;
    uint16 policy;
    uint16 maxFeeProvider;
    uint16 maxFeeCustomer;
    uint56 unitPrice;
    uint56 budget;
    uint56 maxBudget;
    uint32 start;
    uint32 expiry;
    bytes32 workHash;
    uint256 customerNonce;
    uint256 operatorNonce;
    uint40 deadline;
}

/// @notice Signatures over one `Terms`. The caller counts as its own signature: leave that side empty.
struct TermsSignatures {
    bytes customer;
    bytes operator;
}

/// @notice Signatures over one `Replacement`. The caller counts as its own signature.
/// @param customer By the owner of the customer's account.
/// @param funder By the owner of the funder's account; unused when it is the customer or the policy waives it.
/// @param oldOperator By the owner of the operator that leaves.
/// @param newOperator By the owner of the operator that comes; unused when it is the same owner.
struct ReplaceSignatures {
    bytes customer;
    bytes funder;
    bytes oldOperator;
    bytes newOperator;
}

/// @notice Why `Escrow.open` left one item out. The others of the call are not affected.
enum OpenRefusal {
    NONE,
    DEADLINE_PASSED,
    PRICE_IS_ZERO,
    BUDGET_OUT_OF_RANGE,
    TIMES_OUT_OF_RANGE,
    POLICY_NOT_OPEN,
    FEE_ABOVE_MAXIMUM,
    UNKNOWN_ACCOUNT,
    UNKNOWN_OPERATOR,
    NONCE_SPENT,
    BAD_CUSTOMER_SIGNATURE,
    BAD_OPERATOR_SIGNATURE,
    CUSTOMER_CREDENTIAL_MISSING,
    OPERATOR_CREDENTIAL_MISSING,
    NOT_ENOUGH_FUNDS,
    NOT_ENOUGH_ALLOWANCE,
    NOT_ENOUGH_STAKE
}

/// @notice Why an agreement was closed. EXHAUSTED: a lease whose money ran out before its term. RULED: by a slash of its
/// own pledge.
enum CloseReason {
    NONE,
    EXPIRED,
    CLOSED_BY_CUSTOMER,
    CLOSED_BY_PROVIDER,
    EXHAUSTED,
    REPLACED,
    RULED
}

/// @notice Why `Escrow.refundMany` left one agreement out.
enum RefundFault {
    NONE,
    NOT_OPEN,
    HELD,
    TOO_EARLY
}

/// @notice What `ReceiptLedger` asks of a settlement.
/// @param policy All agreements must be of it.
/// @param postedAt When the figures were posted: bounds a lease's downtime.
/// @param cap µ (gross + customer fee) that may move at most.
/// @param grossCap µ of gross that one agreement may move at most; 0: no cap.
struct SettleOrder {
    uint16 policy;
    uint40 postedAt;
    uint64 cap;
    uint64 grossCap;
}

/// @notice Everything about one agreement that the two slots hold. `countersigned`: it was paid by countersignature at least
/// once, so it is not insured.
struct AgreementView {
    uint56 paid;
    uint56 budget;
    uint56 unitPrice;
    uint32 payee;
    uint16 policy;
    uint16 feeProvider;
    uint16 feeCustomer;
    Status status;
    Mode mode;
    bool frozen;
    bool sponsored;
    uint8 holds;
    bool pledgeStuck;
    bool countersigned;
    uint32 customer;
    uint32 funder;
    uint32 operator;
    uint32 start;
    uint32 end;
    uint32 stopAt;
    uint32 downtime;
    uint32 notBefore;
}

/// @notice What a ruling does to a frozen agreement, for `Escrow.executeRuling`.
/// @param amount µ of gross that stands, at most the budget.
/// @param closes Whether the agreement ends here: what was paid beyond `amount` is recovered, the slash taken, the unspent
/// refunded, the pledge released. Otherwise it is paid up to `amount` and stays frozen.
/// @param setsDowntime LEASE that runs on: `downtime` seconds count from now on, up or down.
/// @param madeGood µ of what was paid that reservations gave back to the funder already. @param madeGoodFees µ of both fees
/// in them, which never reached a reward base.
/// @param lent µ of the agreement's pledge that self-post bonds hold.
/// @param slash µ to slash at most. @param fee µ of arbiters' fees. @param feeTo Who is credited them.
/// @param challenger Who is rewarded. @param rewardBps Its share. @param reason Code of the slashing matrix.
struct RulingOrder {
    uint64 agreement;
    uint56 amount;
    bool closes;
    bool setsDowntime;
    uint32 downtime;
    uint64 madeGood;
    uint56 madeGoodFees;
    uint64 lent;
    uint64 slash;
    uint64 fee;
    address feeTo;
    address challenger;
    uint16 rewardBps;
    uint16 reason;
}

/// @notice What a ruling moved, in µ.
/// @param paid Gross that was paid by it, up to the amount that stands.
/// @param overpaid Gross and customer fee paid beyond it and not made good before: what there is to recover.
/// @param refunded To the funder's free money, out of what was locked.
struct RulingOutcome {
    uint64 paid;
    uint64 overpaid;
    uint64 refunded;
    SlashOutcome slash;
}
