// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DisputeView} from "../types/DisputeTypes.sol";
import {AgreementView} from "../types/EscrowTypes.sol";
import {DisputeTerms} from "../types/PolicyTypes.sol";

/// @title What the bisection referee sees of Court, PolicyBook, Staking and Escrow, as a test or the demo says it
contract RefereeCourtMock {
    mapping(uint64 dispute => DisputeView) private _disputes;
    mapping(uint16 policy => DisputeTerms) private _terms;
    mapping(uint64 agreement => AgreementView) private _agreements;
    /// @notice Of operators and of accounts: one contract stands for Staking, another for the Escrow.
    mapping(uint32 number => address) public ownerOf;

    function setDispute(uint64 dispute, DisputeView calldata d) external {
        _disputes[dispute] = d;
    }

    function setTerms(uint16 policy, DisputeTerms calldata terms) external {
        _terms[policy] = terms;
    }

    function setAgreement(uint64 agreement, AgreementView calldata view_) external {
        _agreements[agreement] = view_;
    }

    function setOwner(uint32 number, address owner) external {
        ownerOf[number] = owner;
    }

    function disputeOf(uint64 dispute) external view returns (DisputeView memory) {
        return _disputes[dispute];
    }

    function disputeTerms(uint16 policy) external view returns (DisputeTerms memory) {
        return _terms[policy];
    }

    function agreementOf(uint64 agreement) external view returns (AgreementView memory) {
        return _agreements[agreement];
    }
}
