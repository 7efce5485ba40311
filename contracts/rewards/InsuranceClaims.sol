// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IFeeSplitter} from "../interfaces/IFeeSplitter.sol";
import {IInsurancePool} from "../interfaces/IInsurancePool.sol";
import {IPolicyBook} from "../interfaces/IPolicyBook.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {CredentialKind} from "../types/CredentialTypes.sol";
import {InsuranceClaim} from "../types/DisputeTypes.sol";
import {Status} from "../types/EscrowTypes.sol";
import {OpeningTerms} from "../types/PolicyTypes.sol";

/// @title Cover, and the claims that draw on it. Nothing here moves money
/// @dev granted <= cover, per operator, after every step: that is all that keeps puppets from draining the pool, and it
/// holds in whatever order things are counted and filed.
abstract contract InsuranceClaims is IInsurancePool, ReentrancyGuardTransient {
    /// @dev What an operator's fees insure, and what of it was granted.
    struct Book {
        uint96 cover;
        uint96 granted;
        uint64 firstWaiting;
    }

    struct Totals {
        uint128 granted;
        uint128 paid;
    }

    /// @inheritdoc IInsurancePool
    uint256 public constant KYC_FACTOR = 3;
    /// @inheritdoc IInsurancePool
    uint256 public constant MAX_COVER_BPS = 8_000;
    /// @inheritdoc IInsurancePool
    /// @dev The longest term is 400 days; what was open at the filing has closed, windows and all.
    uint256 public constant GROWTH_TIME = 430 days;
    uint256 internal constant MAX_ITEMS = 256;
    /// @dev Waiting claims of one operator that one counted agreement looks at; so many that wait for ever are in nobody's
    /// way for longer than GROWTH_TIME.
    uint256 private constant WALK = 32;
    uint256 private constant KYC_CUSTOMER = 1 << uint256(CredentialKind.KYC_CUSTOMER);
    uint256 private constant KYC_PROVIDER = 1 << uint256(CredentialKind.KYC_PROVIDER);

    address public immutable FEE_SPLITTER;
    address public immutable ESCROW;
    address public immutable POLICY_BOOK;
    address public immutable COURT;

    mapping(uint32 operator => Book) private _books;
    mapping(uint32 operator => uint64[] agreements) private _waiting;
    mapping(uint64 agreement => InsuranceClaim) internal _claims;
    /// @dev One bit an agreement, by its order of opening: a number that is closed is the only one of its order.
    mapping(uint256 word => uint256) private _counted;
    mapping(uint256 place => uint64 agreement) internal _queue;
    uint256 internal _head;
    uint256 internal _tail;
    Totals internal _totals;

    constructor(address feeSplitter, address escrow, address policyBook, address court) {
        if (feeSplitter == address(0) || escrow == address(0) || policyBook == address(0) || court == address(0)) {
            revert InsurancePool_ZeroAddress();
        }
        FEE_SPLITTER = feeSplitter;
        ESCROW = escrow;
        POLICY_BOOK = policyBook;
        COURT = court;
    }

    // User reads

    /// @inheritdoc IInsurancePool
    function coverOf(uint32 operator) external view returns (uint256 cover, uint256 granted) {
        Book memory book = _books[operator];
        return (book.cover, book.granted);
    }

    /// @inheritdoc IInsurancePool
    function claimOf(uint64 agreement) external view returns (InsuranceClaim memory) {
        return _claims[agreement];
    }

    /// @inheritdoc IInsurancePool
    function waitingOf(uint32 operator, uint256 first, uint256 n)
        external
        view
        returns (uint64[] memory agreements, uint256 next)
    {
        uint64[] storage list = _waiting[operator];
        uint256 left = first < list.length ? list.length - first : 0;
        agreements = new uint64[](n < left ? n : left);
        for (uint256 i = 0; i < agreements.length; ++i) {
            agreements[i] = list[first + i];
        }
        next = _books[operator].firstWaiting;
    }

    /// @inheritdoc IInsurancePool
    function isCounted(uint64 agreement) public view returns (bool) {
        return _counted[agreement >> 40] & _bit(agreement) != 0;
    }

    /// @inheritdoc IInsurancePool
    function queue() external view returns (uint256 length, uint256 due) {
        return (_tail - _head, _totals.granted - _totals.paid);
    }

    /// @inheritdoc IInsurancePool
    function queued(uint256 place) external view returns (uint64 agreement) {
        return _queue[_head + place];
    }

    // User writes

    /// @inheritdoc IInsurancePool
    function file(uint64 agreement, uint32 operator, address victim, uint64 loss)
        external
        nonReentrant
        returns (uint64 granted)
    {
        // Check
        if (msg.sender != COURT) revert InsurancePool_NotCourt(msg.sender);
        InsuranceClaim storage claim = _claims[agreement];
        if (claim.filedAt != 0 || loss == 0 || victim == address(0)) {
            emit ClaimRefused(agreement, operator, victim, loss);
            return 0;
        }
        // Effect: filed, and granted what there is cover for. All that was counted is of agreements that were opened before.
        claim.victim = victim;
        claim.operator = operator;
        claim.lastSequence = IEscrow(ESCROW).agreementCount();
        claim.loss = loss;
        claim.filedAt = uint40(block.timestamp);
        emit ClaimFiled(agreement, operator, victim, loss);
        Book memory book = _books[operator];
        uint256 spare = book.cover - book.granted;
        granted = spare < loss ? uint64(spare) : loss; // at most `loss`
        _grant(agreement, claim, granted);
        // Effect: the rest waits.
        if (granted < loss) {
            _waiting[operator].push(agreement);
            emit ClaimCapped(agreement, operator, loss - granted);
        }
    }

    /// @inheritdoc IInsurancePool
    function count(uint64[] calldata agreements) external nonReentrant returns (uint256 cover) {
        // Check
        if (agreements.length > MAX_ITEMS) revert InsurancePool_TooManyItems(agreements.length);
        (Hot[] memory hot, Cold[] memory cold) = IEscrow(ESCROW).slotsOf(agreements);
        (, uint16 shareBps,) = IFeeSplitter(FEE_SPLITTER).shares();
        // Effect
        for (uint256 i = 0; i < agreements.length; ++i) {
            cover += _count(agreements[i], hot[i], cold[i].operator(), shareBps);
        }
    }

    // Private

    /// @dev Counts one agreement. Rounded down: the pool never insures more than its share.
    function _count(uint64 agreement, Hot hot, uint32 operator, uint256 shareBps) private returns (uint256 cover) {
        if (isCounted(agreement) || hot.status() != Status.CLOSED) {
            emit CountSkipped(agreement);
            return 0;
        }
        _counted[agreement >> 40] |= _bit(agreement);
        uint256 fees = Fees.shareDown(hot.paid(), hot.feeProvider()) + Fees.shareDown(hot.paid(), hot.feeCustomer());
        cover = Fees.shareDown(fees, _coverBps(hot.policy(), shareBps));
        emit Counted(agreement, operator, fees, cover);
        if (cover == 0) return 0;
        // Fees of one agreement have less than 56 bits, and fewer than 2^32 agreements can be opened.
        _books[operator].cover += uint96(cover);
        _grow(operator, uint32(agreement >> 32), cover);
    }

    /// @dev Its order of opening, the upper 32 bits of the number, in a word of 256.
    function _bit(uint64 agreement) private pure returns (uint256) {
        return 1 << uint8(agreement >> 32);
    }

    function _coverBps(uint16 policy, uint256 shareBps) private view returns (uint256 bps) {
        OpeningTerms memory terms = IPolicyBook(POLICY_BOOK).openingTerms(policy);
        bool known = terms.customerCredentials & KYC_CUSTOMER != 0 && terms.operatorCredentials & KYC_PROVIDER != 0;
        bps = known ? shareBps * KYC_FACTOR : shareBps;
        if (bps > MAX_COVER_BPS) bps = MAX_COVER_BPS;
    }

    /// @dev Grants `cover` µ, which an agreement brought that was opened as number `sequence`, to the claims that wait, in
    /// their order. What none of them may have stays for later claims.
    function _grow(uint32 operator, uint32 sequence, uint256 cover) private {
        uint64[] storage list = _waiting[operator];
        uint256 first = _books[operator].firstWaiting;
        uint256 end = list.length < first + WALK ? list.length : first + WALK;
        bool leading = true;
        for (uint256 i = first; i < end && (leading || cover > 0); ++i) {
            InsuranceClaim storage claim = _claims[list[i]];
            uint256 missing = claim.loss - claim.granted;
            bool grows = block.timestamp <= claim.filedAt + GROWTH_TIME;
            if (grows && sequence <= claim.lastSequence) {
                uint256 amount = cover < missing ? cover : missing;
                _grant(list[i], claim, uint64(amount)); // at most what is missing
                (cover, missing) = (cover - amount, missing - amount);
            }
            // Those in front that grow no more are never looked at again.
            if (leading && (missing == 0 || !grows)) ++first;
            else leading = false;
        }
        _books[operator].firstWaiting = uint64(first);
    }

    /// @dev Promises `amount` µ more to a claim. One that is not in the queue, or was paid out of it, joins it at its end.
    function _grant(uint64 agreement, InsuranceClaim storage claim, uint64 amount) private {
        if (amount == 0) return;
        uint32 operator = claim.operator;
        claim.granted += amount;
        _books[operator].granted += amount;
        _totals.granted += amount;
        if (!claim.queued) {
            claim.queued = true;
            _queue[_tail] = agreement;
            ++_tail;
        }
        emit ClaimGranted(agreement, operator, amount);
    }
}
