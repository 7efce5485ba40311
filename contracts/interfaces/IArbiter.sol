// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Whoever decides a work dispute: a council, a jury, a referee
/// @notice The Court asks the policy's arbiter by a static call with fixed gas and copies one word: an arbiter that reverts,
/// burns gas or never answers is silent, and the published default follows. What an arbiter needs to know it reads from the
/// Court ({ICourt-disputeOf}); its parties act on the arbiter itself. The Court credits it the policy's fee; nothing else.
interface IArbiter {
    /// @notice The units that stand, for the dispute's present round (LEASE: payable seconds). Reverts while undecided.
    function rule(uint64 dispute) external view returns (uint80 units);
}
