// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ICredentials} from "../interfaces/ICredentials.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {ISessionKeys} from "../interfaces/ISessionKeys.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {ReceiptHashes} from "../libraries/ReceiptHashes.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {CredentialKind} from "../types/CredentialTypes.sol";
import {Mode, Status} from "../types/EscrowTypes.sol";
import {ReceiptTerms, VerificationKind} from "../types/PolicyTypes.sol";
import {Receipt, ReceiptFault, SignedReceipt, VerdictSignature} from "../types/ReceiptTypes.sol";
import {KeyKind, Role} from "../types/StakingTypes.sol";
import {LedgerBase, LedgerParameters} from "./LedgerBase.sol";

/// @title Whether a receipt carries the signatures that a path asks for
/// @dev Nothing here reverts for what a receipt says, so that one bad item holds up no other.
///
/// Keys of devices, verifiers and sessions sign by ECDSA alone; owners may be contract wallets (ERC-1271).
abstract contract ReceiptChecks is LedgerBase {
    /// @dev What the checks of one call have in common. `kind` is that of `policy`, and `terms` those of `termsPolicy`; there
    /// is no policy 0. Owners (account << 160 | owner) and good devices (operator << 160 | key) that were asked for are
    /// kept in a few places each, so that a run of items of the same people asks once.
    struct Context {
        bytes32 domain;
        uint40 time;
        uint16 policy;
        uint16 termsPolicy;
        VerificationKind kind;
        ReceiptTerms terms;
        uint256[8] owners;
        uint256[32] devices;
    }

    /// @dev Most signed receipts of one call.
    uint256 internal constant MAX_ITEMS = 128;
    /// @dev What {_checkAcceptance} answers when nothing limits the acceptance.
    uint64 internal constant UNLIMITED = type(uint64).max;

    ICredentials internal immutable _CREDENTIALS;
    ISessionKeys internal immutable _SESSION_KEYS;

    constructor(LedgerParameters memory p) {
        _CREDENTIALS = ICredentials(p.credentials);
        _SESSION_KEYS = ISessionKeys(p.sessionKeys);
    }

    /// @dev Judged by what is valid at `time`.
    function _contextAt(uint256 time) internal view returns (Context memory context) {
        context.domain = _domainSeparatorV4();
        context.time = uint40(time);
    }

    /// @dev The slots of each item's agreement, in one read; reverts when there are too many.
    function _slotsOf(SignedReceipt[] calldata items, uint256 most)
        internal
        view
        returns (Hot[] memory hot, Cold[] memory cold)
    {
        uint256 count = items.length;
        if (count > most) revert IReceiptLedger.ReceiptLedger_TooManyItems(count);
        uint64[] memory agreements = new uint64[](count);
        for (uint256 i = 0; i < count; ++i) {
            agreements[i] = items[i].receipt.agreement;
        }
        return _ESCROW.slotsOf(agreements);
    }

    /// @dev Full signatures: the device's, and the acceptance or what the policy demands in its place. A session key that
    /// is for up to a total does not count: what a figure moves is known only when it is settled.
    function _checkFull(SignedReceipt calldata item, Hot hot, Cold cold, Context memory context)
        internal
        view
        returns (ReceiptFault fault)
    {
        fault = _checkDevice(item, hot, cold, context);
        if (fault != ReceiptFault.NONE) return fault;
        if (item.acceptance.length != 0) {
            uint64 most;
            (fault, most) = _checkAcceptance(item, hot, cold, context);
            if (fault == ReceiptFault.NONE && most != UNLIMITED) fault = ReceiptFault.SESSION_NOT_GOOD;
            return fault;
        }
        return _hasVerdicts(item, hot.policy(), context) ? ReceiptFault.NONE : ReceiptFault.NOT_ENOUGH_VERDICTS;
    }

    /// @dev The agreement is open, and the period lies within its life and is over.
    function _checkPeriod(Receipt calldata receipt, Hot hot, Cold cold) internal view returns (ReceiptFault) {
        if (hot.status() == Status.NONE) return ReceiptFault.UNKNOWN_AGREEMENT;
        if (hot.status() != Status.OPEN) return ReceiptFault.CLOSED;
        if (
            receipt.periodStart < cold.start() || receipt.periodEnd <= receipt.periodStart
                || receipt.periodEnd > Math.min(block.timestamp, LeaseClock.endOf(hot, cold))
        ) return ReceiptFault.OUTSIDE_PERIOD;
        return ReceiptFault.NONE;
    }

    /// @dev Status, period, the device's signature, and under TEE what is known of the device. A lease needs that at its
    /// beginning only: its receipts can but lower the bill.
    function _checkDevice(SignedReceipt calldata item, Hot hot, Cold cold, Context memory context)
        internal
        view
        returns (ReceiptFault fault)
    {
        fault = _checkPeriod(item.receipt, hot, cold);
        if (fault != ReceiptFault.NONE) return fault;
        address device = _deviceOf(item, cold.operator(), context);
        if (device == address(0)) return ReceiptFault.BAD_DEVICE_SIGNATURE;
        if (
            _kindOf(hot.policy(), context) == VerificationKind.TEE && hot.mode() == Mode.METERED
                && !_isAttested(device, item.receipt.agreement, _termsOf(hot.policy(), context), context.time)
        ) return ReceiptFault.DEVICE_NOT_ATTESTED;
        return ReceiptFault.NONE;
    }

    /// @dev The DEVICE key of `operator` that signed the receipt; zero when none did.
    function _deviceOf(SignedReceipt calldata item, uint32 operator, Context memory context)
        internal
        view
        returns (address device)
    {
        device = _signerOf(ReceiptHashes.ofReceipt(item.receipt), item.device, context);
        uint256 entry = (uint256(operator) << 160) | uint160(device);
        uint256 place = uint160(device) % 32;
        if (context.devices[place] == entry) return device;
        if (!_isKey(operator, KeyKind.DEVICE, device, context)) return address(0);
        context.devices[place] = entry;
    }

    /// @dev The customer's acceptance, by its owner or a session key, and the funder's where it is needed.
    /// @return fault What is wrong. @return most µ of gross that may move by it; {UNLIMITED} when nothing limits it.
    function _checkAcceptance(SignedReceipt calldata item, Hot hot, Cold cold, Context memory context)
        internal
        view
        returns (ReceiptFault fault, uint64 most)
    {
        bytes32 structHash = ReceiptHashes.ofAcceptance(item.receipt);
        bytes32 digest = MessageHashUtils.toTypedDataHash(context.domain, structHash);
        if (item.sessionKey == address(0)) {
            if (!Signatures.isBy(_ownerOf(cold.customer(), context), digest, item.acceptance)) {
                return (ReceiptFault.BAD_ACCEPTANCE, 0);
            }
            most = UNLIMITED;
        } else {
            if (_signerOf(structHash, item.acceptance, context) != item.sessionKey) {
                return (ReceiptFault.BAD_ACCEPTANCE, 0);
            }
            most = _SESSION_KEYS.acceptable(cold.customer(), item.sessionKey, item.receipt.agreement, context.time);
            if (most == 0) return (ReceiptFault.SESSION_NOT_GOOD, 0);
        }
        if (
            hot.sponsored() && !_termsOf(hot.policy(), context).funderWaived
                && !Signatures.isBy(_ownerOf(cold.funder(), context), digest, item.funderAcceptance)
        ) return (ReceiptFault.BAD_FUNDER_ACCEPTANCE, 0);
    }

    /// @dev Whether the policy's quorum of verifiers says "valid"; nothing is asked for under NONE and TEE.
    function _hasVerdicts(SignedReceipt calldata item, uint16 policy, Context memory context)
        internal
        view
        returns (bool)
    {
        ReceiptTerms memory terms = _termsOf(policy, context);
        if (terms.quorum == 0) return item.verdicts.length == 0;
        Receipt calldata receipt = item.receipt;
        (uint256 missing,) =
            _countVerdicts(receipt.agreement, receipt.units, receipt.outputRoot, true, item.verdicts, terms, context);
        return missing == 0;
    }

    /// @dev Who of the policy's verifiers signed just that. Both lists rise strictly, so nobody counts twice; a verdict that
    /// does not count does no harm.
    /// @return missing How many are missing to a quorum. @return found The first that make one.
    function _countVerdicts(
        uint64 agreement,
        uint80 units,
        bytes32 outputRoot,
        bool valid,
        VerdictSignature[] calldata verdicts,
        ReceiptTerms memory terms,
        Context memory context
    ) internal view returns (uint256 missing, uint32[] memory found) {
        missing = terms.quorum;
        found = new uint32[](missing);
        if (verdicts.length > terms.verifiers.length) return (missing, found);
        uint256 place;
        for (uint256 i = 0; i < verdicts.length && missing != 0; ++i) {
            VerdictSignature calldata verdict = verdicts[i];
            while (place < terms.verifiers.length && terms.verifiers[place] < verdict.verifier) ++place;
            if (place == terms.verifiers.length) break;
            if (terms.verifiers[place] != verdict.verifier) continue;
            ++place;
            if (verdict.verifierVersion < terms.verifierVersion || verdict.confidence < terms.minConfidence) continue;
            bytes32 structHash = ReceiptHashes.ofVerdict(agreement, units, outputRoot, valid, verdict);
            if (!_isVerdict(structHash, verdict, context)) continue;
            found[found.length - missing] = verdict.verifier;
            --missing;
        }
    }

    /// @dev The kind alone is cheaper to read than the whole, and enough for most countersigned receipts.
    function _kindOf(uint16 policy, Context memory context) internal view returns (VerificationKind) {
        if (context.policy != policy) {
            context.kind = _POLICY_BOOK.openingTerms(policy).kind;
            context.policy = policy;
        }
        return context.kind;
    }

    function _termsOf(uint16 policy, Context memory context) internal view returns (ReceiptTerms memory) {
        if (context.termsPolicy != policy) {
            context.terms = _POLICY_BOOK.receiptTerms(policy);
            context.termsPolicy = policy;
        }
        return context.terms;
    }

    function _ownerOf(uint32 account, Context memory context) private view returns (address) {
        uint256 entry = context.owners[account % 8];
        if (entry >> 160 == account) return address(uint160(entry));
        address owner = _ESCROW.ownerOf(account);
        context.owners[account % 8] = (uint256(account) << 160) | uint160(owner);
        return owner;
    }

    function _isVerdict(bytes32 structHash, VerdictSignature calldata verdict, Context memory context)
        private
        view
        returns (bool)
    {
        address key = _signerOf(structHash, verdict.signature, context);
        // Who was active at an earlier time is not recorded, and its key then must be enough: a verifier that has left or was
        // slashed since would otherwise void what others posted on its word.
        return (context.time < block.timestamp || _STAKING.isActive(verdict.verifier, Role.VERIFIER))
            && _isKey(verdict.verifier, KeyKind.VERIFIER, key, context);
    }

    /// @dev Bound to the agreement, so that a device attested for one customer's work serves no other's.
    function _isAttested(address device, uint64 agreement, ReceiptTerms memory terms, uint40 time)
        private
        view
        returns (bool)
    {
        return _CREDENTIALS.isValidAs({
            issuer: terms.issuer,
            kind: CredentialKind.TEE,
            subject: device,
            binding: bytes32(uint256(agreement)),
            value: terms.measurement,
            time: time
        });
    }

    /// @dev Whether `key`, which is not zero, is a key of `operator`.
    function _isKey(uint32 operator, KeyKind kind, address key, Context memory context) private view returns (bool) {
        return key != address(0) && _STAKING.isKeyValid(operator, kind, key, context.time);
    }

    /// @dev Who signed by ECDSA, zero when nobody did; only the low s counts.
    function _signerOf(bytes32 structHash, bytes calldata signature, Context memory context)
        private
        pure
        returns (address signer)
    {
        bytes32 digest = MessageHashUtils.toTypedDataHash(context.domain, structHash);
        ECDSA.RecoverError failure;
        (signer, failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure != ECDSA.RecoverError.NoError) return address(0);
    }
}
