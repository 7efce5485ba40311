// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BackingChallenges} from "./BackingChallenges.sol";
import {ChallengesBase, ChallengesParameters} from "./ChallengesBase.sol";
import {Equivocation} from "./Equivocation.sol";

/// @title Challenges
/// @notice See {IChallenges}. Nobody has a role in it, and nothing in it can be paused.
contract Challenges is BackingChallenges, Equivocation {
    constructor(ChallengesParameters memory p) ChallengesBase(p) {}
}
