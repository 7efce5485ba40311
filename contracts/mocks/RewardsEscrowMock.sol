// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What SupplierRewards sees of an Escrow, set by a test
/// @notice A schedule's tranche is trillions of µ of fees, which no test can earn by work.
contract RewardsEscrowMock {
    mapping(uint32 account => address) public ownerOf;
    mapping(uint32 account => bytes32) public splitContent;
    mapping(uint32 account => uint128) public overturned;
    mapping(uint32 account => uint256) private _rewardBases;

    function setAccount(uint32 account, address owner, bytes32 content) external {
        (ownerOf[account], splitContent[account]) = (owner, content);
    }

    /// @notice µ of fees of the account's final work, and µ of them that rulings took back.
    function setFees(uint32 account, uint256 rewardBase, uint128 overturned_) external {
        (_rewardBases[account], overturned[account]) = (rewardBase, overturned_);
    }

    function earningsOf(uint32 account) external view returns (uint256 received, uint256 claimed, uint256 rewardBase) {
        return (0, 0, _rewardBases[account]);
    }
}
