// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TensorMachine} from "../libraries/TensorMachine.sol";

/// @title The tensor machine alone, for tests that compare it with numpy
contract TensorMachineMock {
    function execute(bytes32 instruction, bytes32 a, bytes32 b, bytes32 old)
        external
        pure
        returns (bytes32 result, bytes32 word)
    {
        return TensorMachine.execute(instruction, a, b, old);
    }
}
