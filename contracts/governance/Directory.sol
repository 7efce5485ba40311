// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IDirectory} from "../interfaces/IDirectory.sol";

/// @title Directory
/// @notice See {IDirectory}.
contract Directory is IDirectory, Ownable2Step, ReentrancyGuardTransient {
    /// @inheritdoc IDirectory
    uint32 public count;
    mapping(bytes32 name => address[]) private _versions;

    constructor(address initialOwner) Ownable(initialOwner) {}

    /// @inheritdoc IDirectory
    function latest(bytes32 name) external view returns (address newest, uint32 version) {
        address[] storage versions = _versions[name];
        version = uint32(versions.length);
        if (version != 0) newest = versions[version - 1];
    }

    /// @inheritdoc IDirectory
    function versionOf(bytes32 name, uint32 version) external view returns (address) {
        address[] storage versions = _versions[name];
        return version == 0 || version > versions.length ? address(0) : versions[version - 1];
    }

    /// @inheritdoc IDirectory
    /// @dev The last 20 bytes of keccak256(rlp([this, index])): a contract's nonce starts at 1 and only CREATE raises it.
    function addressOf(uint32 index) external view returns (address) {
        if (index == 0) return address(0);
        bytes memory rlp;
        if (index < 0x80) {
            rlp = abi.encodePacked(hex"d694", address(this), uint8(index));
        } else if (index <= type(uint8).max) {
            rlp = abi.encodePacked(hex"d794", address(this), hex"81", uint8(index));
        } else if (index <= type(uint16).max) {
            rlp = abi.encodePacked(hex"d894", address(this), hex"82", uint16(index));
        } else if (index <= type(uint24).max) {
            rlp = abi.encodePacked(hex"d994", address(this), hex"83", uint24(index));
        } else {
            rlp = abi.encodePacked(hex"da94", address(this), hex"84", index);
        }
        return address(uint160(uint256(keccak256(rlp))));
    }

    /// @inheritdoc IDirectory
    function deploy(bytes32 name, uint32 index, bytes calldata initCode)
        external
        onlyOwner
        nonReentrant
        returns (address created)
    {
        // Check: the next place in the plan.
        if (name == 0) revert Directory_ZeroName();
        if (index != count + 1) revert Directory_WrongIndex(count + 1, index);

        // Effect: the place is taken; a creation that fails undoes it, and the nonce with it.
        count = index;

        // Interaction: create it.
        bytes memory code = initCode;
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
        }
        if (created == address(0) || created.code.length == 0) {
            bytes memory reason;
            if (created == address(0)) reason = _returned();
            revert Directory_CreationFailed(name, reason);
        }

        // Effect: its newest version.
        _versions[name].push(created);
        emit Deployed({
            name: name,
            version: uint32(_versions[name].length),
            created: created,
            index: index,
            codeHash: created.codehash
        });
    }

    /// @dev What the last call or creation returned.
    function _returned() private pure returns (bytes memory data) {
        assembly ("memory-safe") {
            data := mload(0x40)
            mstore(data, returndatasize())
            returndatacopy(add(data, 0x20), 0, returndatasize())
            mstore(0x40, and(add(add(data, returndatasize()), 0x3f), not(0x1f)))
        }
    }
}
