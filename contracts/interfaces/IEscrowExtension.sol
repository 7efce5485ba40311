// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AgreementView, RefundFault, SettleOrder, Terms, TermsSignatures} from "../types/EscrowTypes.sol";

/// @title The rest of the Escrow: what does not run once a receipt
/// @notice Reached at the Escrow's own address: its fallback hands these calls to an immutable extension that works on the
/// Escrow's storage. To everybody outside it is one contract.
///
/// Trust: the guardian can pause openings for at most MAX_PAUSE, not again within 30 days of the pause's end; nothing else
/// can be paused. Recovery reaches donations only. The Court, an immutable, freezes agreements and carries rulings out.
interface IEscrowExtension {
    /// @notice A split account exists: `content` = keccak256(abi.encode(members, weights)).
    event SplitCreated(uint32 indexed account, bytes32 indexed content, address[] members, uint32[] weights);
    /// @notice A member of a split pulled its share.
    event ShareClaimed(uint32 indexed account, uint256 indexed index, address indexed to, uint256 amount);
    /// @notice The budget of a running agreement is now `budget`; the pledge and the locked money rose with it.
    event ToppedUp(uint64 indexed agreement, uint56 budget);
    /// @notice `old` was paid up to its final units and closed; `carried` µ of what it gave back are locked by `agreement`.
    event Replaced(uint64 indexed old, uint64 indexed agreement, uint256 carried);
    /// @notice A lease under a TEE policy has started, on a device that was attested for it.
    event Begun(uint64 indexed agreement, address indexed device, uint32 start);
    /// @notice Seconds not served, cumulative, as they now count.
    event DowntimeSet(uint64 indexed agreement, uint32 downtime);
    /// @notice As {IEscrow-Settled}, by an instant release: `rewardBase` waits for {ReleaseFinalised}.
    event SettledByRelease(uint64 indexed agreement, uint256 paid);
    /// @notice A release is over: `fees` µ were added to the payee's `rewardBase` when it was good, else to nobody's.
    event ReleaseFinalised(uint64 indexed agreement, uint256 fees, bool good);
    /// @notice No refund of the agreement before `notBefore`.
    event RefundDelayed(uint64 indexed agreement, uint40 notBefore);
    event RefundSkipped(uint64 indexed agreement, RefundFault reason);
    /// @notice No refund under `policy` runs before `until`, unless its operator waives the waiting ({refundEarly}).
    event RefundFloorRaised(uint16 indexed policy, uint40 until);
    event OpeningPaused(uint40 until);
    event OpeningResumed();
    event SurplusRecovered(address indexed token, address indexed to, uint256 amount);

    /// @notice Thrown when the extension shall change something at its own address.
    error Escrow_NotHere();
    /// @notice Thrown when a split has no or more than 64 members, lengths differ, a weight is 0 or a member is zero.
    error Escrow_BadSplit();
    /// @notice Thrown when members and weights are not those of the account.
    error Escrow_WrongSplit(uint32 account);
    error Escrow_NotMember(uint32 account, uint256 index, address caller);
    error Escrow_DeadlinePassed(uint40 deadline);
    error Escrow_BadSignature(uint64 agreement, address signer);
    /// @notice Thrown when Terms are not those that the agreement was opened with.
    error Escrow_WrongTerms(uint64 agreement);
    /// @notice Thrown when a new budget is not above the old one, or above what the Terms allow.
    error Escrow_BudgetOutOfRange(uint64 agreement, uint256 budget, uint256 most);
    error Escrow_Ended(uint64 agreement, uint256 end);
    error Escrow_NotEnded(uint64 agreement, uint256 end);
    error Escrow_NotEnoughAllowance(uint32 funder, uint256 allowed, uint256 wanted);
    error Escrow_NotEnoughStake(uint32 operator, uint256 wanted);
    /// @notice Thrown when a replacement names another customer or funder.
    error Escrow_OtherParties(uint64 agreement);
    /// @notice Thrown when the agreement that shall replace another cannot open; `refusal` is an {OpenRefusal}.
    error Escrow_ReplacementRefused(uint64 agreement, uint8 refusal);
    /// @notice Thrown when final units go beyond what can have been served.
    error Escrow_UnitsOutOfRange(uint64 agreement, uint256 units, uint256 most);
    error Escrow_AlreadyBegun(uint64 agreement);
    /// @notice Thrown when a device has no valid TEE credential for the agreement.
    error Escrow_DeviceNotAttested(uint64 agreement, address device);
    /// @notice Thrown when an agreement is held as often as its eight bits count.
    error Escrow_TooManyHolds(uint64 agreement);
    error Escrow_OpeningPaused(uint40 until);
    error Escrow_NotPaused();
    /// @notice Thrown when a release shall end where nothing is held.
    error Escrow_NotHeld(uint64 agreement);
    /// @notice Thrown when a pause is longer than MAX_PAUSE, or comes within 30 days of the last one's end.
    error Escrow_PauseRefused(uint40 until, uint40 notBefore);

    // Accounts

    /// @notice Creates, or finds, the account that is shared by `members` in proportion to `weights`: unchangeable, without
    /// an owner, the same for the same lists. 1 to 64 members, none zero; weights above zero.
    function createSplit(address[] calldata members, uint32[] calldata weights) external returns (uint32 account);
    /// @notice Pays member `index` its share so far to `to`: floor(received * weight / sum of weights) - paid before.
    /// Members only; rounding leaves less than one µ a member in the account.
    function claimShare(
        uint32 account,
        uint256 index,
        address[] calldata members,
        uint32[] calldata weights,
        address to
    ) external returns (uint256 amount);
    /// @notice As {IEscrow-deposit}, with the caller's ERC-2612 permit. A permit that somebody used before does no harm.
    function depositWithPermit(uint32 account, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;
    /// @notice Credits `account` with money of `from`, by its ERC-3009 authorisation for this contract. Anyone may carry it:
    /// its nonce must be keccak256(abi.encode(account, ref)), so the credit cannot be sent elsewhere.
    function depositWithAuthorization(
        address from,
        uint32 account,
        uint256 amount,
        bytes32 ref,
        uint256 validAfter,
        uint256 validBefore,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;
    /// @notice Lets `customer` open agreements under `policy` with the money of `funder`, up to `amount` µ (budget + customer fee).
    function allow(uint32 funder, uint32 customer, uint16 policy, uint128 amount, bytes32 ref) external;
    /// @notice Sets the allowance to zero for good: refunds of what is open now do not restore it.
    function revoke(uint32 funder, uint32 customer, uint16 policy) external;
    /// @notice Sends what was donated to `to`: of the currency, what is above {liabilities}; of any other token all.
    /// Behind a role.
    function recoverSurplus(address token, address to) external returns (uint256 amount);

    // Agreements

    /// @notice Raises the budget of a running agreement up to its Terms' `maxBudget`. Funder's owner only; the Terms are
    /// shown with both signatures. Locks more of the funder's free money (and allowance, when sponsored), and raises the
    /// pledge, or fails.
    function topUp(uint64 agreement, uint56 budget, Terms calldata terms, TermsSignatures calldata signatures) external;
    /// @notice As {topUp}, beyond `maxBudget` too, with the operator's signature over `TopUp{agreement, budget, deadline}`.
    function topUpSigned(uint64 agreement, uint56 budget, uint40 deadline, bytes calldata signature) external;
    /// @notice Starts the clock of a lease under a TEE policy, on `device`, which has a TEE credential for this agreement.
    /// The operator's owner only.
    function begin(uint64 agreement, address device) external;
    /// @notice Refunds at the end without the waiting, with the operator's consent: its owner calls, or signed
    /// `EarlyRefund{agreement, deadline}`. A lease's clock is paid up to its horizon only.
    function refundEarly(uint64 agreement, uint40 deadline, bytes calldata signature) external;
    /// @notice Refunds all that are due of at most 256 agreements; the others are reported by {RefundSkipped}. Anyone.
    function refundMany(uint64[] calldata agreements) external;
    /// @notice Releases a pledge that an exit could not release. Anyone.
    function retryRelease(uint64 agreement) external;
    // ReceiptLedger only; none of them calls the currency

    /// @notice Sets a lease's downtime at once, up to what has elapsed now; answers false, with a reason in an event, when it
    /// is not above what counts already or more than has elapsed.
    function setDowntime(uint64 agreement, uint80 units) external returns (bool set);
    /// @notice Pays a metered figure before its window: `rewardBase` waits, holds + 1.
    /// @return gross µ. @return feeCustomer µ. @return fees µ of both sides; all 0 when skipped.
    function settleRelease(SettleOrder calldata order, uint64 agreement, uint80 units)
        external
        returns (uint256 gross, uint256 feeCustomer, uint256 fees);
    /// @notice Holds an open agreement for a leaf under challenge: holds + 1.
    function hold(uint64 agreement) external;
    /// @notice Ends a hold: holds - 1, and no refund before `notBefore`.
    function unhold(uint64 agreement, uint40 notBefore) external;
    /// @notice Ends a release: holds - 1; `fees` are added to the payee's `rewardBase` when it was good.
    function finaliseRelease(uint64 agreement, uint256 fees, bool good) external;
    /// @notice Lets no refund under `policy` run before `until`. It only rises.
    function raiseRefundFloor(uint16 policy, uint40 until) external;

    // Fees and pausing

    /// @notice Sets the fees of future openings, in basis points; together at most 2 000, for ever. Behind a role.
    function setFees(uint16 provider, uint16 customer) external;
    /// @notice Pauses {IEscrow-open} for `duration` seconds. Guardian.
    function pauseOpening(uint32 duration) external;
    /// @notice Ends the pause early. Guardian.
    function resumeOpening() external;

    // Views

    function CREDENTIALS() external view returns (address);
    function MAX_PAUSE() external view returns (uint32);
    function allowanceOf(uint32 funder, uint32 customer, uint16 policy)
        external
        view
        returns (uint128 amount, uint32 revokedSequence);
    /// @notice µ of the currency that the Escrow owes to all together. What it holds above is donated.
    function liabilities() external view returns (uint256);
    /// @return until When the pause of openings ends or ended. @return notBefore When the next one may begin.
    function openingPause() external view returns (uint40 until, uint40 notBefore);
    function refundFloor(uint16 policy) external view returns (uint40);
    /// @notice What a split account is made of; 0 for others.
    function splitContent(uint32 account) external view returns (bytes32);
    /// @notice The account of a split; 0 when it was never created.
    function splitAccount(bytes32 content) external view returns (uint32);
    /// @notice µ that member `index` has pulled.
    function sharePaid(uint32 account, uint256 index) external view returns (uint256);
    function agreementOf(uint64 agreement) external view returns (AgreementView memory);
    /// @notice When an open agreement ends as things stand: for a lease, when its money runs out if that is earlier.
    function paidUntil(uint64 agreement) external view returns (uint256);
    /// @notice When the free money of `account` and what its open leases have not used yet would run out, were all of it
    /// spread over them at their prices, customer fees included; rounded down; the maximum when nothing burns.
    /// Agreements that are no running leases funded by `account` do not count.
    function runwayOf(uint32 account, uint64[] calldata agreements) external view returns (uint256);
    /// @notice EIP-712 struct hash of the Terms (not the digest).
    function hashTerms(Terms calldata terms) external pure returns (bytes32);
    /// @notice EIP-712 struct hash of a `Replacement` (not the digest).
    function hashReplacement(uint64 old, uint80 finalUnits, Terms calldata terms) external pure returns (bytes32);
}
