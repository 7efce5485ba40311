// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Cold} from "../libraries/ColdSlot.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {
    CloseReason,
    OpenRefusal,
    ReplaceSignatures,
    SettleOrder,
    Terms,
    TermsSignatures
} from "../types/EscrowTypes.sol";
import {SignedFigure, SkipReason} from "../types/ReceiptTypes.sol";

/// @title Accounts, agreements, and the only door through which customers' money moves
/// @notice Money is locked before work starts, settled by cumulative figures, and refunded to the funder after the end.
/// Settling only credits; people withdraw to an address of their choice. No exit is pausable or behind a role.
///
/// Trust: the owner of the fee role sets the fees of future openings, both sides together at most 2 000 bps; it cannot
/// touch an agreement that runs, nor any balance.
interface IEscrow {
    event AccountCreated(uint32 indexed account, address indexed owner);
    event Deposited(uint32 indexed account, address indexed from, uint256 amount);
    /// @notice A gift with a reference that is unique per caller.
    event DepositedFor(uint32 indexed account, address indexed from, uint256 amount, bytes32 indexed ref);
    /// @notice Free money left the account.
    event Withdrawn(uint32 indexed account, address indexed to, uint256 amount);
    /// @notice Earned money left the account.
    event Claimed(uint32 indexed account, address indexed to, uint256 amount);
    /// @notice The allowance of (funder, customer, policy) is now `amount`; `ref` is for people's books only.
    event AllowanceSet(
        uint32 indexed funder, uint32 indexed customer, uint16 indexed policy, uint128 amount, bytes32 ref
    );
    /// @notice The allowance is gone, and refunds of agreements opened up to `sequence` no longer restore it.
    event AllowanceRevoked(uint32 indexed funder, uint32 indexed customer, uint16 indexed policy, uint32 sequence);
    /// @notice An agreement is open: budget and customer fee are locked.
    /// @param fees providerBps << 16 | customerBps, frozen for the agreement.
    event Opened(uint64 indexed agreement, uint32 fees, uint32 start, Terms terms);
    /// @notice Item `index` of an `open` call was left out.
    event OpenRefused(uint256 indexed index, bytes32 indexed termsHash, OpenRefusal reason);
    event NoncesSpent(address indexed signer, uint256 indexed word, uint256 mask);
    /// @notice The gross paid so far of an agreement is now `paid`. Net and fees follow from it and {Opened}.
    event Settled(uint64 indexed agreement, uint256 paid);
    /// @notice A figure moved nothing, or, with CAPPED_AT_BUDGET, less than it says.
    event FigureSkipped(uint64 indexed agreement, uint256 units, SkipReason reason);
    /// @notice The agreement ends at `stopAt`.
    event CloseRequested(uint64 indexed agreement, uint32 stopAt, CloseReason reason);
    /// @notice The agreement is closed; `refunded` µ went back to the funder's free balance.
    event Closed(uint64 indexed agreement, uint256 paid, uint256 refunded, CloseReason reason);
    /// @notice The pledge could not be released; anyone may call {IEscrowExtension-retryRelease}.
    event PledgeStuck(uint64 indexed agreement);
    event PledgeReleased(uint64 indexed agreement, uint64 amount);
    event FeesSet(uint16 provider, uint16 customer);
    event FeesCollected(uint256 amount);

    error Escrow_NotOwner(uint32 account, address caller);
    error Escrow_UnknownAccount(uint32 account);
    error Escrow_ZeroAddress();
    error Escrow_ZeroAmount();
    error Escrow_NotEnoughFree(uint32 account, uint256 free, uint256 wanted);
    error Escrow_NothingToClaim(uint32 account);
    /// @notice Thrown when the caller has used this reference before: the deposit has been credited already.
    error Escrow_ReferenceUsed(address caller, bytes32 ref);
    /// @notice Thrown when the currency moved another amount than asked (fee-on-transfer, rebasing).
    error Escrow_WrongAmountReceived(uint256 expected, uint256 received);
    /// @notice Thrown when money is allowed under a policy that is not written yet: nobody consents to unknown terms.
    error Escrow_UnknownPolicy(uint16 policy);
    error Escrow_NotLedger(address caller);
    error Escrow_LengthMismatch();
    error Escrow_TooManyItems(uint256 items);
    error Escrow_NotOpen(uint64 agreement);
    error Escrow_NotParty(uint64 agreement, address caller);
    /// @notice Thrown when a close would not bring the end forward.
    error Escrow_AlreadyEnding(uint64 agreement, uint32 endsAt);
    error Escrow_NotRefundableYet(uint64 agreement, uint256 refundableAt);
    error Escrow_Held(uint64 agreement);
    error Escrow_PledgeNotStuck(uint64 agreement);
    error Escrow_FeesTooHigh(uint256 total);
    /// @notice Thrown by the constructor: the currency has no code or more than 6 decimals.
    error Escrow_UnfitCurrency(address currency);

    // Accounts and money

    /// @notice Creates an account owned by `owner` (a gateway may do it for a customer). Numbers start at 1.
    function createAccount(address owner) external returns (uint32 account);
    /// @notice Adds `amount` µ from the caller to the free balance of `account`, whoever owns it.
    function deposit(uint32 account, uint256 amount) external;
    /// @notice As {deposit}, once per caller and `ref`: a retried payment credits once, and nobody can burn another's reference.
    function depositFor(uint32 account, uint256 amount, bytes32 ref) external;
    /// @notice Pays `amount` µ of the free balance to `to`. Account owner only.
    function withdraw(uint32 account, uint256 amount, address to) external;
    /// @notice Pays everything that the account has earned and not yet claimed to `to`. Account owner only.
    function claim(uint32 account, address to) external returns (uint256 amount);

    // Agreements

    /// @notice Opens agreements, at most 256. An item that cannot open is reported by {OpenRefused} and number 0; the rest open.
    /// @dev number = sequence << 32 | first 32 bits of the EIP-712 struct hash of the Terms.
    function open(Terms[] calldata terms, TermsSignatures[] calldata signatures)
        external
        returns (uint64[] memory agreements);
    /// @notice Withdraws signed offers: spends the nonces `mask` of word `word` (nonce = word * 256 + bit) of the caller.
    function cancelNonces(uint256 word, uint256 mask) external;
    /// @notice Ends an agreement early: the customer after the policy's notice, the operator's owner at once.
    /// Before the start it ends at its start.
    function close(uint64 agreement) external;
    /// @notice Pays `old` up to `finalUnits` (LEASE: payable seconds), closes it, and opens `terms` with what is left, in one
    /// call: a new price, a new split, another operator. Signed by customer, funder (unless waived) and both operators.
    function replace(uint64 old, uint80 finalUnits, Terms calldata terms, ReplaceSignatures calldata signatures)
        external
        returns (uint64 agreement);
    /// @notice Closes an agreement whose waiting is over and returns what was not spent to the funder. Anyone.
    function refund(uint64 agreement) external;
    /// @notice Pays figures of one policy. `ReceiptLedger` only. Never calls the currency.
    /// A lease's figure sets its downtime and moves nothing.
    /// @param order Policy, time of posting, caps.
    /// @param figures n x 18 bytes: agreement uint64, units uint80, big-endian.
    /// @param skipMask Bit i set: figure i is void.
    /// @return moved µ (gross + customer fee) that moved.
    function settle(SettleOrder calldata order, bytes calldata figures, uint256 skipMask)
        external
        returns (uint256 moved);

    /// @notice Pays leases by the clock, at most 256: each up to now - LAG or its end, less its downtime, fees included. Anyone.
    /// One that cannot be paid is reported by {FigureSkipped} with 0 units; the others are paid.
    /// @return moved µ (gross + customer fee) that moved.
    function poke(uint64[] calldata agreements) external returns (uint256 moved);

    /// @notice Pays figures that need no window. One result an item: µ of gross and customer fee that moved, 0 when skipped.
    function settleSigned(SignedFigure[] calldata figures)
        external
        returns (uint256[] memory gross, uint256[] memory feeCustomer);

    // Fees

    /// @notice Sends the collected fees to the fee splitter. Anyone.
    function collectFees() external returns (uint256 amount);

    // Views

    /// @notice The contract that answers, at this address, what this one does not ({IEscrowExtension}).
    function EXTENSION() external view returns (address);
    function CURRENCY() external view returns (address);
    function LEDGER() external view returns (address);
    function FEE_SPLITTER() external view returns (address);
    function POST_GRACE() external view returns (uint32);
    function SETTLE_GRACE() external view returns (uint32);
    function accountCount() external view returns (uint32);
    function ownerOf(uint32 account) external view returns (address);
    /// @return free µ that can be withdrawn or locked. @return locked µ locked by open agreements, settled parts included.
    function balanceOf(uint32 account) external view returns (uint256 free, uint256 locked);
    /// @return received µ earned, net of fees, ever. @return claimed µ of it paid out. @return rewardBase µ of fees that its final work generated.
    function earningsOf(uint32 account) external view returns (uint256 received, uint256 claimed, uint256 rewardBase);
    function agreementCount() external view returns (uint32);
    /// @notice The two slots of each agreement as they are stored, all that a receipt's checks need of it; both 0 for an
    /// unknown number.
    function slotsOf(uint64[] calldata agreements) external view returns (Hot[] memory hot, Cold[] memory cold);
    /// @notice When {refund} is allowed, freezes and holds aside; reverts with {Escrow_NotOpen}.
    function refundableAt(uint64 agreement) external view returns (uint256);
    function nonceSpent(address signer, uint256 nonce) external view returns (bool);
    function referenceUsed(address caller, bytes32 ref) external view returns (bool);
    function fees() external view returns (uint16 provider, uint16 customer);
    /// @return accrued µ of fees ever settled. @return collected µ of them sent to the splitter.
    function feeTotals() external view returns (uint256 accrued, uint256 collected);
}
