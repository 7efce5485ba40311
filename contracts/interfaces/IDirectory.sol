// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The addresses of this deployment, by name and version, and the one that creates them
/// @notice The k-th contract created here (k from 1) has the address of CREATE with nonce k, so a deployment plan knows
/// all addresses before the first transaction, contracts can hold each other as immutables, and a deployment that was
/// interrupted goes on where it stopped.
interface IDirectory {
    /// @notice Contract number `index` was created; it is version `version` of `name`.
    event Deployed(
        bytes32 indexed name, uint32 indexed version, address indexed created, uint32 index, bytes32 codeHash
    );

    /// @notice Thrown when `given` is not the next place in the plan: done already, or not yet due.
    error Directory_WrongIndex(uint32 expected, uint32 given);
    /// @notice Thrown when the constructor reverted (with `reason`) or left no code.
    error Directory_CreationFailed(bytes32 name, bytes reason);
    error Directory_ZeroName();

    /// @notice Creates a contract. Owner only (two-step ownership).
    /// @param name Short string, left-aligned, e.g. "Escrow".
    /// @param index Its place in the plan; must be `count() + 1`, so a repeated transaction does nothing.
    /// @param initCode Creation code with constructor arguments.
    function deploy(bytes32 name, uint32 index, bytes calldata initCode) external returns (address created);

    /// @notice How many contracts were created here.
    function count() external view returns (uint32);
    /// @notice Address of contract number `index`, created or not; zero for number 0, which there is not.
    function addressOf(uint32 index) external view returns (address);
    /// @notice Newest version of `name`; zero address and version 0 when there is none.
    function latest(bytes32 name) external view returns (address newest, uint32 version);
    /// @notice Version `version` (from 1) of `name`; zero address when there is none.
    function versionOf(bytes32 name, uint32 version) external view returns (address);
}
