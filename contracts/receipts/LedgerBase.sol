// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {IPolicyBook} from "../interfaces/IPolicyBook.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {IStakeReserves} from "../interfaces/IStakeReserves.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {ReleaseSlot, ReleasedLeaf} from "../libraries/ReleaseSlot.sol";
import {Recovery} from "../types/DisputeTypes.sol";
import {Status} from "../types/EscrowTypes.sol";
import {Windows} from "../types/PolicyTypes.sol";
import {Batch, BondSource} from "../types/ReceiptTypes.sol";

/// @notice What the ledger and its extension are built with, for ever.
/// @param authority AccessManager in front of cancelling and pausing.
/// @param ledger The ReceiptLedger's own address, known before it exists.
/// @param extension The ReceiptLedgerExtension's. @param disputes The ReceiptLedgerDisputes', to which the extension hands
/// calls on.
/// @param escrow Where what was posted is paid.
/// @param court The Court. @param challenges The Challenges.
/// @param staking Where operators, their keys and their stake are.
/// @param policyBook Verification terms.
/// @param credentials Attestations of TEE devices.
/// @param sessionKeys Customers' keys for acceptances.
/// @param maxPause Seconds that `post` can be paused for at a time.
struct LedgerParameters {
    address authority;
    address ledger;
    address extension;
    address disputes;
    address escrow;
    address court;
    address challenges;
    address staking;
    address policyBook;
    address credentials;
    address sessionKeys;
    uint32 maxPause;
}

/// @title What ReceiptLedger and its extension share: the storage, and what a window is
/// @dev Both inherit this alone before anything that has storage, so their slots agree. EIP-712, the transient guard and
/// AccessManager go by `address(this)`, `msg.sender` and `msg.data`, which a delegatecall leaves as they are.
abstract contract LedgerBase is EIP712, ReentrancyGuardTransient, AccessManaged {
    /// @dev What stands behind one self-post, until its window is over.
    struct Bond {
        uint64 agreement;
        uint64 amount;
        BondSource source;
    }

    /// @dev Times of a policy's last two cancels.
    struct Cancels {
        uint40 older;
        uint40 newer;
    }

    /// @dev A batch's leaves under challenge or void (`mask`), those of them that are void, and how many of each.
    struct Blocked {
        uint256 mask;
        uint256 voided;
        uint16 open;
        uint16 voids;
    }

    /// @dev One poster's line of batches: a policy's relayer, a policy's signed posts, or an operator's self-posts.
    struct Poster {
        uint48 nonce;
        uint40 lastPost;
    }

    /// @dev Flags of {Batch}: its value is no longer in flight, and a self-post's bond is back.
    uint24 internal constant RETIRED = 1;
    uint24 internal constant SELF = 2;
    uint24 internal constant SIGNED = 4;
    uint24 internal constant CANCELLED = 8;
    uint24 internal constant BLOCKED = 16;
    /// @dev So many leaves under challenge, or void, are the end of a batch.
    uint16 internal constant BROKEN = 10;

    IEscrow internal immutable _ESCROW;
    /// @dev The same address.
    IEscrowExtension internal immutable _ESCROW_MORE;
    IStaking internal immutable _STAKING;
    /// @dev The same address.
    IStakeReserves internal immutable _RESERVES;
    IPolicyBook internal immutable _POLICY_BOOK;

    /// @dev Beside AccessManaged's authority in one slot.
    uint40 internal _pausedUntil;
    mapping(uint96 batch => Batch) internal _batches;
    /// @dev policy << 32 | operator; the operator is 0 for signed posts, the policy for self-posts.
    mapping(uint48 poster => Poster) internal _posters;
    mapping(uint32 operator => uint256) internal _inFlight;
    mapping(uint96 batch => uint40) internal _cancelledAt;
    mapping(uint16 policy => Cancels) internal _cancels;
    mapping(uint96 batch => mapping(uint256 index => ReleasedLeaf)) internal _releases;
    mapping(uint96 batch => Bond) internal _bonds;
    /// @dev µ of an agreement's pledge that are reserved as bonds.
    mapping(uint64 agreement => uint64) internal _pledgeBonds;
    mapping(uint96 batch => Blocked) internal _blocked;
    mapping(uint64 agreement => Recovery) internal _recoveries;

    constructor(LedgerParameters memory p) EIP712("Tallystick ReceiptLedger", "1") AccessManaged(p.authority) {
        _ESCROW = IEscrow(p.escrow);
        _ESCROW_MORE = IEscrowExtension(p.escrow);
        _STAKING = IStaking(p.staking);
        _RESERVES = IStakeReserves(p.staking);
        _POLICY_BOOK = IPolicyBook(p.policyBook);
    }

    /// @dev Takes the batch's value out of flight, or gives a self-post's bond back, once; marks `record` only, the caller
    /// stores it. A bond whose agreement is frozen stays, and the batch unmarked.
    function _retire(uint96 batch, Batch memory record) internal {
        if (record.flags & RETIRED != 0) return;
        if (record.flags & SELF != 0) {
            if (_returnBond(batch, record.relayer)) record.flags |= RETIRED;
            return;
        }
        record.flags |= RETIRED;
        _inFlight[record.relayer] -= record.value;
        emit IReceiptLedger.BatchRetired(batch, record.value);
    }

    /// @dev Ends a relayer's batch: it is never settled, and nobody is refunded before its leaves could be paid in another way.
    function _cancelBatch(uint96 batch, Batch memory record) internal {
        // Effect
        _cancelledAt[batch] = uint40(block.timestamp);
        _retire(batch, record);
        record.flags |= CANCELLED;
        _batches[batch].flags = record.flags;
        emit IReceiptLedger.BatchCancelled(batch, uint40(block.timestamp));
        // Interaction
        uint256 floor = block.timestamp + _ESCROW.POST_GRACE() + _POLICY_BOOK.windows(record.policy).selfPost
            + _ESCROW.SETTLE_GRACE();
        _ESCROW_MORE.raiseRefundFloor(record.policy, uint40(floor));
    }

    /// @dev What a ruling left to recover of an agreement, out of `amount` µ of its operator's reserved stake.
    /// @return taken µ that are the victim's now.
    function _recover(uint64 agreement, uint32 operator, Cold cold, uint64 amount) internal returns (uint64 taken) {
        // Effect
        Recovery storage recovery = _recoveries[agreement];
        taken = recovery.due < amount ? recovery.due : amount;
        if (taken == 0) return 0;
        recovery.due -= taken;
        recovery.done += taken;
        address victim = _ESCROW.ownerOf(cold.funder());
        emit IReceiptLedger.Recovered(agreement, victim, taken);
        // Interaction
        _RESERVES.forfeit(operator, taken, victim);
    }

    /// @dev Gives a released leaf's whole reservation to the funder's owner: what it paid stands on nothing. Unless a ruling
    /// closed the agreement, the only way to close it with a release open: then that has said what stands.
    function _makeGood(uint96 batch, uint256 index, ReleasedLeaf released) internal {
        uint64 agreement = released.agreement();
        (Hot hot, Cold cold) = _slotsOf(agreement);
        if (hot.status() != Status.OPEN) return _finalise(batch, index, released, cold);
        address victim = _ESCROW.ownerOf(cold.funder());
        uint64 amount = released.amount();
        // Effect: a ruling counts what was given back, before it and after it.
        _releases[batch][index] = ReleaseSlot.NONE;
        Recovery storage recovery = _recoveries[agreement];
        recovery.due -= recovery.due < amount ? recovery.due : amount;
        recovery.done += amount;
        recovery.doneFees += released.fees();
        emit IReceiptLedger.MadeGood(batch, index, victim, amount);
        // Interaction
        _RESERVES.forfeit(cold.operator(), amount, victim);
        _ESCROW_MORE.finaliseRelease(agreement, released.fees(), false);
    }

    /// @dev Frees a release's reservation, less what a ruling left to recover. Its fees count for the payee either way: those of
    /// work ruled bad are in `overturned`.
    function _finalise(uint96 batch, uint256 index, ReleasedLeaf released, Cold cold) internal {
        uint64 agreement = released.agreement();
        // Effect
        _releases[batch][index] = ReleaseSlot.NONE;
        emit IReceiptLedger.ReleaseFinalised(batch, index);
        // Interaction
        uint64 left = released.amount() - _recover(agreement, cold.operator(), cold, released.amount());
        if (left != 0) _RESERVES.unreserve(cold.operator(), left);
        _ESCROW_MORE.finaliseRelease(agreement, released.fees(), true);
    }

    function _slotsOf(uint64 agreement) internal view returns (Hot, Cold) {
        uint64[] memory agreements = new uint64[](1);
        agreements[0] = agreement;
        (Hot[] memory hot, Cold[] memory cold) = _ESCROW.slotsOf(agreements);
        return (hot[0], cold[0]);
    }

    /// @dev Reverts while the window runs.
    function _checkWindow(uint96 batch, Batch memory record) internal view {
        uint256 endsAt = _settleableAt(batch, record);
        if (block.timestamp < endsAt) revert IReceiptLedger.ReceiptLedger_WindowOpen(batch, endsAt);
    }

    /// @dev When the window ends; reverts for an unknown batch.
    function _settleableAt(uint96 batch, Batch memory record) internal view returns (uint256) {
        if (record.postedAt == 0) revert IReceiptLedger.ReceiptLedger_UnknownBatch(batch);
        Windows memory windows = _POLICY_BOOK.windows(record.policy);
        return uint256(record.postedAt) + (record.flags & SELF != 0 ? windows.selfPost : windows.challenge);
    }

    /// @dev The release is of a cancelled batch, and not answered yet.
    /// @return endsAt When the time for an answer ends.
    function _checkWaiting(uint96 batch, uint256 index, ReleasedLeaf waiting) internal view returns (uint256 endsAt) {
        uint40 cancelled = _cancelledAt[batch];
        if (cancelled == 0) revert IReceiptLedger.ReceiptLedger_NotCancelled(batch);
        if (!waiting.exists()) revert IReceiptLedger.ReceiptLedger_NotReleased(batch, index);
        if (waiting.answered()) revert IReceiptLedger.ReceiptLedger_Answered(batch, index);
        return uint256(cancelled) + _POLICY_BOOK.windows(_batches[batch].policy).response;
    }

    /// @dev µ of gross that one agreement may move in the batch; 0: no cap. It bounds what a relayer's word alone can do, so
    /// what stands on full signatures is not capped.
    function _grossCap(Batch memory record) internal view returns (uint64) {
        if (record.flags & (SELF | SIGNED) != 0) return 0;
        return _POLICY_BOOK.postingTerms(record.policy).grossCap;
    }

    function _batchNumber(uint16 policy, uint32 operator, uint48 nonce) internal pure returns (uint96) {
        return (uint96(policy) << 80) | (uint96(operator) << 48) | nonce;
    }

    function _poster(uint16 policy, uint32 operator) internal pure returns (uint48) {
        return (uint48(policy) << 32) | operator;
    }

    /// @dev To where it came from, less what a ruling left to recover. A pledge's goes back to the pledges even when its
    /// agreement has closed meanwhile: the Escrow releases the whole pledge at the close, this part of it out of what is
    /// pledged for others.
    /// @return done False, with nothing changed, while the agreement is frozen.
    function _returnBond(uint96 batch, uint32 operator) private returns (bool done) {
        Bond memory bond = _bonds[batch];
        if (bond.amount == 0) return true;
        // Check
        (Hot hot, Cold cold) = _slotsOf(bond.agreement);
        if (hot.frozen()) return false;
        // Effect
        delete _bonds[batch];
        if (bond.source == BondSource.PLEDGE) _pledgeBonds[bond.agreement] -= bond.amount;
        // Interaction
        uint64 left = bond.amount - _recover(bond.agreement, operator, cold, bond.amount);
        emit IReceiptLedger.BondReturned(batch, operator, left);
        if (left != 0) _RESERVES.returnBond(operator, left, bond.source);
        return true;
    }
}
