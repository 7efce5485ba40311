// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IChallenges} from "../interfaces/IChallenges.sol";
import {Fees} from "../libraries/Fees.sol";
import {ReceiptHashes} from "../libraries/ReceiptHashes.sol";
import {AgreementView} from "../types/EscrowTypes.sol";
import {DisputeTerms} from "../types/PolicyTypes.sol";
import {Receipt, SignedReceipt} from "../types/ReceiptTypes.sol";
import {KeyKind, SlashOrder, SlashOutcome} from "../types/StakingTypes.sol";
import {ChallengesBase} from "./ChallengesBase.sol";

/// @title Two receipts of one device that cannot both be true
/// @dev Of the two exactly one is accused: that of the later agreement, and within one agreement that with the higher
/// outputRoot. So of k receipts that all contradict each other k - 1 are convicted, each once, and whoever convicts itself with
/// a puppet's receipt has not made the next conviction any harder.
abstract contract Equivocation is ChallengesBase {
    using SafeCast for uint256;

    /// @dev What was found about a receipt. `left` µ of its slash could not be taken yet.
    struct Conviction {
        bool convicted;
        uint64 left;
    }

    bytes32 private constant _DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant _LEDGER_NAME = keccak256("Tallystick ReceiptLedger");
    bytes32 private constant _LEDGER_VERSION = keccak256("1");

    /// @inheritdoc IChallenges
    uint16 public constant REASON_EQUIVOCATION = 2;

    /// @dev By keccak256(struct hash of the receipt, device).
    mapping(bytes32 receipt => Conviction) private _convictions;
    mapping(uint32 operator => Day) private _slashes;

    // User reads

    /// @inheritdoc IChallenges
    function convictionOf(Receipt calldata receipt, address device)
        external
        view
        returns (bool convicted, uint64 left)
    {
        Conviction storage found = _convictions[_receiptId(ReceiptHashes.ofReceipt(receipt), device)];
        return (found.convicted, found.left);
    }

    /// @inheritdoc IChallenges
    function slashedToday(uint32 operator) external view returns (uint256) {
        return _takenToday(_slashes[operator]);
    }

    // User writes

    /// @inheritdoc IChallenges
    function equivocation(SignedReceipt calldata a, SignedReceipt calldata b) external nonReentrant {
        // Check
        if (!_contradict(a.receipt, b.receipt)) revert Challenges_NoEquivocation();
        (SignedReceipt calldata accused, SignedReceipt calldata other) =
            _isAccused(a.receipt, b.receipt) ? (a, b) : (b, a);
        AgreementView memory agreement = _ESCROW_MORE.agreementOf(accused.receipt.agreement);
        bytes32 structHash = ReceiptHashes.ofReceipt(accused.receipt);
        address device = _checkDevice(structHash, accused, other, agreement.operator);
        // Effect, interaction: its slash, or what of it could not be taken before.
        _convict(_receiptId(structHash, device), device, accused.receipt.agreement, agreement);
    }

    // Private

    function _convict(bytes32 id, address device, uint64 number, AgreementView memory agreement) private {
        DisputeTerms memory terms = _POLICY_BOOK.disputeTerms(agreement.policy);
        Conviction memory found = _convictions[id];
        // Check
        if (found.convicted && found.left == 0) revert Challenges_AlreadyConvicted(id);
        uint64 due = found.convicted ? found.left : _slashFor(agreement, terms);
        SlashOrder memory order;
        order.amount = terms.slashDayCap == 0 ? due : _capped(due, terms.slashDayCap, _slashes[agreement.operator]);
        if (order.amount == 0) revert Challenges_NothingToSlash(agreement.operator, due);
        (order.operator, order.reason) = (agreement.operator, REASON_EQUIVOCATION);
        (order.challenger, order.rewardBps) = (msg.sender, terms.rewardBps);
        // Interaction
        SlashOutcome memory outcome = _slash(order, _slashes);
        // Nothing was there to take: left for a time when there is, so that an empty account is no absolution.
        if (outcome.slashed == 0) revert Challenges_NothingToSlash(agreement.operator, due);
        // Effect: known only now; every entry is guarded meanwhile.
        _convictions[id] = Conviction({convicted: true, left: due - outcome.slashed});
        emit Equivocated({
            operator: agreement.operator,
            device: device,
            agreement: number,
            by: msg.sender,
            slashed: outcome.slashed,
            toChallenger: outcome.toChallenger
        });
    }

    /// @dev One key signed both, and both agreements' operators answer for it now. Without the second's word the receipt for
    /// its agreement is nobody's claim, and could be made up to accuse.
    function _checkDevice(
        bytes32 structHash,
        SignedReceipt calldata accused,
        SignedReceipt calldata other,
        uint32 operator
    ) private view returns (address device) {
        bytes32 domain = keccak256(
            abi.encode(_DOMAIN_TYPE, _LEDGER_NAME, _LEDGER_VERSION, block.chainid, address(_LEDGER))
        );
        device = _signerOf(domain, structHash, accused.device);
        if (
            device == address(0) || _signerOf(domain, ReceiptHashes.ofReceipt(other.receipt), other.device) != device
                || !_isDevice(operator, device)
        ) revert Challenges_NotOneDevice();
        if (accused.receipt.agreement == other.receipt.agreement) return device;
        uint32 second = _ESCROW_MORE.agreementOf(other.receipt.agreement).operator;
        if (second != operator && !_isDevice(second, device)) revert Challenges_NotOneDevice();
    }

    /// @dev As a lost work dispute's: a share of the pledge, rounded up, capped. Where nothing is pledged, the policy's penalty.
    function _slashFor(AgreementView memory agreement, DisputeTerms memory terms) private view returns (uint64) {
        uint256 pledge = Fees.shareUp(agreement.budget, _POLICY_BOOK.coverageOf(agreement.policy));
        uint256 amount = pledge == 0 ? terms.voidPenalty : Fees.shareUp(pledge, terms.slashBps);
        return (terms.slashCap == 0 ? amount : Math.min(amount, terms.slashCap)).toUint64();
    }

    function _isDevice(uint32 operator, address key) private view returns (bool) {
        return _STAKING.isKeyValid(operator, KeyKind.DEVICE, key, uint40(block.timestamp));
    }

    /// @dev Sold twice: two exclusive ones for different agreements, whose half-open periods share a second. Said twice: equal
    /// but for what came out. An empty period shares no second with any.
    function _contradict(Receipt calldata a, Receipt calldata b) private pure returns (bool) {
        if (a.agreement != b.agreement) {
            return
                a.exclusive && b.exclusive
                    && Math.max(a.periodStart, b.periodStart) < Math.min(a.periodEnd, b.periodEnd);
        }
        return a.units == b.units && a.periodStart == b.periodStart && a.periodEnd == b.periodEnd
            && a.outputRoot != b.outputRoot;
    }

    /// @dev Which of two that contradict each other: `a`, or else `b`.
    function _isAccused(Receipt calldata a, Receipt calldata b) private pure returns (bool) {
        return a.agreement != b.agreement ? a.agreement > b.agreement : a.outputRoot > b.outputRoot;
    }

    function _receiptId(bytes32 structHash, address device) private pure returns (bytes32) {
        return keccak256(abi.encode(structHash, device));
    }

    /// @dev Who signed by ECDSA, zero when nobody did; only the low s counts.
    function _signerOf(bytes32 domain, bytes32 structHash, bytes calldata signature) private pure returns (address) {
        (address signer, ECDSA.RecoverError failure,) =
            ECDSA.tryRecoverCalldata(MessageHashUtils.toTypedDataHash(domain, structHash), signature);
        return failure == ECDSA.RecoverError.NoError ? signer : address(0);
    }
}
