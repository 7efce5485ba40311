// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICredentials} from "../interfaces/ICredentials.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {IPolicyBook} from "../interfaces/IPolicyBook.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Earned} from "../libraries/EarnedSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {Status} from "../types/EscrowTypes.sol";

/// @notice What the Escrow and its extension are built with, both with the same; all but the fees of future openings is
/// for ever.
/// @param authority AccessManager in front of fees, pauses and recovery.
/// @param currency The stablecoin, at most 6 decimals.
/// @param escrow The Escrow itself.
/// @param extension Its `EscrowExtension`. @param rulings Its `EscrowRulings`, to which the extension hands calls on.
/// @param ledger `ReceiptLedger`, the only one that may settle.
/// @param court `Court`, the only one that freezes agreements and carries rulings out.
/// @param staking Where pledges are held.
/// @param policyBook Verification terms.
/// @param credentials What policies may ask of customers, operators and devices.
/// @param feeSplitter Where collected fees go.
/// @param postGrace Seconds after an agreement's end in which work may still be posted.
/// @param settleGrace Seconds that anything payable stays payable before a refund.
/// @param maxPause Seconds of the longest pause of openings.
/// @param feeProvider Basis points of the first openings.
/// @param feeCustomer Basis points of the first openings.
struct EscrowParameters {
    address authority;
    address currency;
    address escrow;
    address extension;
    address rulings;
    address ledger;
    address court;
    address staking;
    address policyBook;
    address credentials;
    address feeSplitter;
    uint32 postGrace;
    uint32 settleGrace;
    uint32 maxPause;
    uint16 feeProvider;
    uint16 feeCustomer;
}

/// @title What the Escrow and its extension share: the layout of the storage and the ground rules
/// @dev Both inherit this first, and neither the extension nor what it inherits declares state of its own, so a delegate
/// call finds every slot in its place. What settlement writes (`_earned`) lies apart from what its owner writes (`_owned`)
/// and from what openings write (`_balances`), so that a settlement touches one slot a payee.
// solhint-disable-next-line max-states-count
abstract contract EscrowStorage is AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @dev Written by the owner alone, or by the members of a split. `claimed` in µ, cumulative: all that 2^32 agreements of
    /// at most 2^56 - 1 µ can pay fits. An account exists when it has an owner or is a split.
    struct Owned {
        address owner;
        bool split;
        uint88 claimed;
    }

    /// @dev Written by deposits, openings, refunds and withdrawals. µ.
    struct Balance {
        uint128 free;
        uint128 locked;
    }

    /// @dev `revokedSequence`: agreements up to this sequence no longer restore the allowance when refunded.
    struct Allowance {
        uint128 amount;
        uint32 revokedSequence;
    }

    struct Agreement {
        Hot hot;
        Cold cold;
    }

    /// @dev Both sides' fees together, for ever.
    uint256 internal constant MAX_FEES = 2_000;
    /// @notice Most items of one call.
    uint256 internal constant MAX_ITEMS = 256;

    address internal immutable _ESCROW;
    address internal immutable _EXTENSION;
    address internal immutable _CURRENCY;
    address internal immutable _LEDGER;
    address internal immutable _COURT;
    address internal immutable _FEE_SPLITTER;
    IStaking internal immutable _STAKING;
    IPolicyBook internal immutable _POLICY_BOOK;
    ICredentials internal immutable _CREDENTIALS;
    uint32 internal immutable _POST_GRACE;
    uint32 internal immutable _SETTLE_GRACE;
    uint32 internal immutable _MAX_PAUSE;

    /// @dev One slot: what a call of `open` needs besides its parties. Number of accounts and of agreements so far; fees of
    /// future openings in basis points; when the pause of openings ends or ended.
    uint32 internal _accountCount;
    uint32 internal _sequence;
    uint16 internal _feeProvider;
    uint16 internal _feeCustomer;
    uint40 internal _pausedUntil;

    /// @dev Written once a settlement: µ of fees ever settled, and of them sent on.
    uint128 internal _feesAccrued;
    uint128 internal _feesCollected;

    /// @dev µ that are owed to all together. Only what crosses the contract's border changes it.
    uint256 internal _owing;

    mapping(uint64 agreement => Agreement) internal _agreements;
    /// @dev Written by settlement alone.
    mapping(uint32 account => Earned) internal _earned;
    mapping(uint32 account => Owned) internal _owned;
    mapping(uint32 account => Balance) internal _balances;
    mapping(uint32 funder => mapping(uint32 customer => mapping(uint16 policy => Allowance))) internal _allowances;
    mapping(address signer => mapping(uint256 word => uint256)) internal _nonces;
    mapping(address caller => mapping(bytes32 ref => bool)) internal _references;
    /// @dev keccak256(abi.encode(members, weights)) of a split account.
    mapping(uint32 account => bytes32) internal _splits;
    mapping(bytes32 content => uint32) internal _splitAccounts;
    mapping(uint32 account => mapping(uint256 index => uint256)) internal _sharesPaid;
    mapping(uint16 policy => uint40) internal _refundFloors;
    /// @dev µ of fees in an account's reward base whose work was ruled bad.
    mapping(uint32 account => uint128) internal _overturned;
    /// @dev Seconds of downtime that rulings took back: figures are cumulative and go on containing them.
    mapping(uint64 agreement => uint32) internal _forgiven;

    constructor(EscrowParameters memory p) AccessManaged(p.authority) {
        // Check: a token without code would make every transfer "succeed"; uint56 µ needs at most 6 decimals.
        if (p.currency.code.length == 0 || IERC20Metadata(p.currency).decimals() > 6) {
            revert IEscrow.Escrow_UnfitCurrency(p.currency);
        }
        _ESCROW = p.escrow;
        _EXTENSION = p.extension;
        _CURRENCY = p.currency;
        _LEDGER = p.ledger;
        _COURT = p.court;
        _FEE_SPLITTER = p.feeSplitter;
        _STAKING = IStaking(p.staking);
        _POLICY_BOOK = IPolicyBook(p.policyBook);
        _CREDENTIALS = ICredentials(p.credentials);
        _POST_GRACE = p.postGrace;
        _SETTLE_GRACE = p.settleGrace;
        _MAX_PAUSE = p.maxPause;
    }

    /// @dev For everything by which the extension changes something: at its own address it changes nothing.
    modifier delegated() {
        _checkHere();
        _;
    }

    modifier onlyLedger() {
        if (msg.sender != _LEDGER) revert IEscrow.Escrow_NotLedger(msg.sender);
        _;
    }

    // Internal

    /// @dev The Escrow's EIP-712 domain, on the chain as it is numbered now.
    function _domainSeparator() internal view virtual returns (bytes32);

    /// @dev What is signed.
    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(_domainSeparator(), structHash);
    }

    function _checkHere() internal view {
        if (address(this) != _ESCROW) revert IEscrowExtension.Escrow_NotHere();
    }

    function _setFees(uint16 provider, uint16 customer) internal {
        uint256 total = uint256(provider) + customer;
        if (total > MAX_FEES) revert IEscrow.Escrow_FeesTooHigh(total);
        (_feeProvider, _feeCustomer) = (provider, customer);
        emit IEscrow.FeesSet(provider, customer);
    }

    /// @dev Reverts unless the caller owns `account`. A split has no owner.
    function _checkOwner(uint32 account) internal view {
        if (_owned[account].owner != msg.sender) revert IEscrow.Escrow_NotOwner(account, msg.sender);
    }

    function _checkItems(uint256 items) internal pure {
        if (items > MAX_ITEMS) revert IEscrow.Escrow_TooManyItems(items);
    }

    function _openHot(uint64 agreement, Agreement storage record) internal view returns (Hot hot) {
        hot = record.hot;
        if (hot.status() != Status.OPEN) revert IEscrow.Escrow_NotOpen(agreement);
    }

    /// @dev ceil(budget * coverage): the same figure at opening and release, since policies never change.
    function _pledgeOf(Hot hot) internal view returns (uint64) {
        return Fees.shareUp(hot.budget(), _POLICY_BOOK.coverageOf(hot.policy())).toUint64();
    }

    /// @dev Whether money may be credited to the free balance of `account`: somebody must be able to withdraw it.
    function _checkDeposit(uint32 account, uint256 amount) internal view {
        if (amount == 0) revert IEscrow.Escrow_ZeroAmount();
        if (_owned[account].owner == address(0)) revert IEscrow.Escrow_UnknownAccount(account);
    }

    /// @dev Credits what was pulled, which must be just `amount`. `before` is the balance before the transfer.
    function _credit(uint32 account, uint256 amount, uint256 before) internal {
        uint256 received = IERC20(_CURRENCY).balanceOf(address(this)) - before;
        if (received != amount) revert IEscrow.Escrow_WrongAmountReceived(amount, received);
        Balance storage balance = _balances[account];
        balance.free = (balance.free + amount).toUint128();
        _owing += amount;
    }

    /// @dev Pulls `amount` µ from the caller and credits what arrived. The transfer comes before the effect, since what counts
    /// is what arrives; every entry is guarded meanwhile.
    function _deposit(uint32 account, uint256 amount) internal {
        _checkDeposit(account, amount);
        IERC20 currency = IERC20(_CURRENCY);
        uint256 before = currency.balanceOf(address(this));
        currency.safeTransferFrom(msg.sender, address(this), amount);
        _credit(account, amount, before);
    }

    /// @dev Sends `amount` µ that are owed out of the contract. The caller has booked them.
    function _send(address to, uint256 amount) internal {
        _owing -= amount;
        IERC20(_CURRENCY).safeTransfer(to, amount);
    }
}
