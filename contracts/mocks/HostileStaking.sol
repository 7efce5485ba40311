// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SlashOrder, SlashOutcome} from "../types/StakingTypes.sol";

/// @title What an Escrow sees of a Staking, misbehaving as {setConduct} says
/// @notice One person owns every operator, and every pledge is granted.
contract HostileStaking {
    /// @notice What {release} does: works, reverts with nothing or with 100 000 bytes, returns 100 000 bytes, uses all of
    /// its gas, or calls `target` with `data` and then works.
    enum Conduct {
        WORKS,
        REVERTS,
        REVERTS_HUGE,
        RETURNS_HUGE,
        BURNS,
        CALLS
    }

    error HostileStaking_NoRelease();

    address public immutable OWNER;
    Conduct public conduct;
    address public target;
    bytes public data;

    /// @notice µ pledged, less what was released.
    uint256 public pledged;
    uint256 public releases;
    bool public succeeded;
    bytes public returned;

    constructor(address owner) {
        OWNER = owner;
    }

    function setConduct(Conduct conduct_, address target_, bytes calldata data_) external {
        (conduct, target, data) = (conduct_, target_, data_);
    }

    function ownerOf(uint32) external view returns (address) {
        return OWNER;
    }

    function pledgeTerms(uint32) external view returns (address, bool, uint64) {
        return (OWNER, true, type(uint64).max);
    }

    function tryPledge(uint32, uint64 amount) external returns (bool) {
        pledged += amount;
        return true;
    }

    function slashPledge(SlashOrder calldata order, uint64 pledge, uint64)
        external
        returns (SlashOutcome memory outcome)
    {
        pledged -= pledge;
        outcome.slashed = order.amount;
    }

    function release(uint32, uint64 amount) external {
        if (conduct == Conduct.REVERTS) revert HostileStaking_NoRelease();
        if (conduct == Conduct.BURNS) {
            uint256 i;
            while (gasleft() != 0) ++i;
        }
        if (conduct == Conduct.REVERTS_HUGE) {
            assembly ("memory-safe") {
                revert(mload(0x40), 100000)
            }
        }
        if (conduct == Conduct.CALLS) (succeeded, returned) = target.call(data);
        pledged -= amount;
        ++releases;
        if (conduct == Conduct.RETURNS_HUGE) {
            assembly ("memory-safe") {
                return(mload(0x40), 100000)
            }
        }
    }
}
