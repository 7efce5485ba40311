// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title A contract wallet, honest or hostile as {setAnswer} says
/// @notice By {execute} it acts as a user itself.
contract WalletMock {
    /// @notice What {isValidSignature} does.
    /// - HONEST: valid when the owner's key signed.
    /// - YES: valid, whatever is shown.
    /// - NO: answers another word.
    /// - EMPTY, SHORT: answers nothing, or the right beginning in 31 bytes.
    /// - DIRTY: the right four bytes with something behind them.
    /// - HUGE, HUGE_NO: 100 000 bytes, the first word right or wrong.
    /// - REVERTS: reverts with 100 000 bytes, the first word right.
    /// - BURNS: uses all of its gas.
    /// - CALLS: calls `target` with `data`; valid when that did not fail.
    /// - LOOKS: calls `target` with `data`; valid when the first word of the answer is `expected`.
    enum Answer {
        HONEST,
        YES,
        NO,
        EMPTY,
        SHORT,
        DIRTY,
        HUGE,
        HUGE_NO,
        REVERTS,
        BURNS,
        CALLS,
        LOOKS
    }

    uint256 private constant HUGE_SIZE = 100_000;

    address public immutable OWNER;
    Answer public answer;
    address public target;
    bytes public data;
    bytes32 public expected;

    constructor(address owner) {
        OWNER = owner;
    }

    function setAnswer(Answer answer_, address target_, bytes calldata data_, bytes32 expected_) external {
        (answer, target, data, expected) = (answer_, target_, data_, expected_);
    }

    /// @notice Calls `target_` with `data_`; reverts as it does.
    function execute(address target_, bytes calldata data_) external returns (bytes memory) {
        (bool ok, bytes memory result) = target_.call(data_);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
        return result;
    }

    /// @notice ERC-1271, but not declared `view`: whoever asks must see to it that nothing is written.
    function isValidSignature(bytes32 digest, bytes calldata signature) external returns (bytes4) {
        Answer how = answer;
        bytes32 good = bytes32(IERC1271.isValidSignature.selector);
        if (how == Answer.HONEST) return _answer(_isByOwner(digest, signature));
        if (how == Answer.EMPTY) _return(good, 0);
        if (how == Answer.SHORT) _return(good, 31);
        if (how == Answer.DIRTY) _return(good | bytes32(uint256(1)), 32);
        if (how == Answer.HUGE) _return(good, HUGE_SIZE);
        if (how == Answer.HUGE_NO) _return(~good, HUGE_SIZE);
        if (how == Answer.REVERTS) {
            uint256 size = HUGE_SIZE;
            assembly ("memory-safe") {
                let at := mload(0x40)
                mstore(at, good)
                revert(at, size)
            }
        }
        if (how == Answer.BURNS) {
            uint256 i;
            while (gasleft() != 0) ++i;
        }
        if (how == Answer.CALLS || how == Answer.LOOKS) return _answer(_callsWell(how == Answer.LOOKS));
        return _answer(how == Answer.YES);
    }

    function _isByOwner(bytes32 digest, bytes calldata signature) private view returns (bool) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        return failure == ECDSA.RecoverError.NoError && signer == OWNER;
    }

    /// @dev A plain call, so that a writing target fails only because the Escrow calls statically.
    function _callsWell(bool look) private returns (bool well) {
        address to = target;
        bytes memory message = data;
        bytes32 want = expected;
        assembly ("memory-safe") {
            mstore(0x00, 0)
            well := call(gas(), to, 0, add(message, 0x20), mload(message), 0x00, 0x20)
            if look { well := and(well, eq(mload(0x00), want)) }
        }
    }

    function _answer(bool valid) private pure returns (bytes4) {
        return valid ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    function _return(bytes32 first, uint256 size) private pure {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, first)
            return(at, size)
        }
    }
}
