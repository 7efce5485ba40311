// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IArbiter} from "../../interfaces/IArbiter.sol";
import {IBisectionReferee} from "../../interfaces/IBisectionReferee.sol";
import {ICourt} from "../../interfaces/ICourt.sol";
import {IEscrow} from "../../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../../interfaces/IEscrowExtension.sol";
import {IStaking} from "../../interfaces/IStaking.sol";
import {Signatures} from "../../libraries/Signatures.sol";
import {TermsWords} from "../../libraries/TermsWords.sol";
import {WorkHashes} from "../../libraries/WorkHashes.sol";
import {Game, GameEnd, OperationProof, Turn, WorkStatement} from "../../types/BisectionTypes.sol";
import {DisputeKind, DisputeState, DisputeView, Outcome} from "../../types/DisputeTypes.sol";
import {AgreementView, Status, Terms, TermsSignatures} from "../../types/EscrowTypes.sol";
import {ArbiterBase} from "./ArbiterBase.sol";

/// @title BisectionReferee
/// @notice See {IBisectionReferee}.
contract BisectionReferee is ArbiterBase, IBisectionReferee {
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    /// @inheritdoc IBisectionReferee
    address public immutable STAKING;
    /// @inheritdoc IBisectionReferee
    address public immutable ESCROW;

    /// @inheritdoc IBisectionReferee
    mapping(uint64 agreement => bytes32) public orderOf;
    /// @inheritdoc IBisectionReferee
    mapping(address principal => address) public playerOf;
    /// @dev The newest game of a dispute. A second round in which this contract decides again starts it anew.
    mapping(uint64 dispute => Game) private _games;
    /// @dev By dispute and round: whether the Court's fee was passed on.
    mapping(uint64 dispute => mapping(uint8 round => bool)) private _feePassedOn;

    constructor(address currency, address court, address policyBook, address staking, address escrow)
        ArbiterBase(currency, court, policyBook)
    {
        if (staking == address(0) || escrow == address(0)) revert BondBook_ZeroAddress();
        STAKING = staking;
        ESCROW = escrow;
    }

    // Reads

    /// @inheritdoc IArbiter
    function rule(uint64 dispute) external view returns (uint80 units) {
        DisputeView memory d = _disputeOf(dispute);
        Game storage game = _games[dispute];
        Turn winner = game.round == _presentRound(d) ? _winner(game) : Turn.NONE;
        if (winner == Turn.NONE) revert BisectionReferee_Undecided(dispute);
        return winner == Turn.CHALLENGER_WON ? d.claimed : d.attacked;
    }

    /// @inheritdoc IBisectionReferee
    function gameOf(uint64 dispute) external view returns (Game memory) {
        return _games[dispute];
    }

    /// @inheritdoc IBisectionReferee
    function winnerOf(uint64 dispute) external view returns (Turn) {
        return _winner(_games[dispute]);
    }

    /// @inheritdoc IBisectionReferee
    function orderHash(bytes32 program, bytes32 input, uint32 checkpoints, uint32 operations)
        external
        pure
        returns (bytes32)
    {
        return WorkHashes.order(program, input, checkpoints, operations);
    }

    /// @inheritdoc IBisectionReferee
    function outputRootOf(WorkStatement calldata statement) external pure returns (bytes32) {
        return WorkHashes.statement(statement);
    }

    // Before the work

    /// @inheritdoc IBisectionReferee
    function register(uint64 agreement, Terms calldata terms, TermsSignatures calldata signatures)
        external
        nonReentrant
    {
        // Check: 32 bits of a hash are not enough to be sure, so the slots must agree and both must have signed.
        if (orderOf[agreement] != 0) revert BisectionReferee_AlreadyRegistered(agreement);
        bytes32 termsHash = TermsWords.hash(terms);
        AgreementView memory view_ = IEscrowExtension(ESCROW).agreementOf(agreement);
        if (
            view_.status != Status.OPEN || uint32(uint256(termsHash) >> 224) != uint32(agreement)
                || terms.customer != view_.customer || terms.funder != view_.funder || terms.operator != view_.operator
                || terms.payee != view_.payee || terms.policy != view_.policy || terms.unitPrice != view_.unitPrice
                || terms.workHash == 0
        ) revert BisectionReferee_WrongTerms(agreement);
        bytes32 digest = MessageHashUtils.toTypedDataHash(_escrowDomain(), termsHash);
        _checkSigned(agreement, IEscrow(ESCROW).ownerOf(terms.customer), digest, signatures.customer);
        _checkSigned(agreement, IStaking(STAKING).ownerOf(terms.operator), digest, signatures.operator);

        // Effect: on record.
        orderOf[agreement] = terms.workHash;
        emit Registered(agreement, terms.workHash);
    }

    /// @inheritdoc IBisectionReferee
    function appoint(address player) external nonReentrant {
        playerOf[msg.sender] = player;
        emit PlayerAppointed(msg.sender, player);
    }

    // The game

    /// @inheritdoc IBisectionReferee
    function open(uint64 dispute) external nonReentrant {
        DisputeView memory d = _disputeOf(dispute);
        // Check, and effect: the game begins.
        Game storage game = _begin(dispute, d);
        // Check: by the challenger, in its time.
        _checkPlayer(dispute, game.challenger);
        if (game.challengerLeft == 0) revert BisectionReferee_ClockOut(dispute);
        game.turn = Turn.STATEMENT;
    }

    /// @inheritdoc IBisectionReferee
    function state(uint64 dispute, WorkStatement calldata statement, bytes32[] calldata proof) external nonReentrant {
        DisputeView memory d = _disputeOf(dispute);
        Game storage game = _games[dispute];
        // Check: the solver's move, in its time; or it opens.
        if (game.turn == Turn.NONE || game.round != _presentRound(d)) {
            game = _begin(dispute, d);
            _checkPlayer(dispute, game.solver);
        } else {
            _solverMoves(dispute, game, Turn.STATEMENT);
        }
        // Check: it is what was disputed, of the work that was ordered, and its parts agree.
        if (WorkHashes.statement(statement) != d.outputRoot || statement.checkpoints == 0 || statement.operations == 0)
        {
            revert BisectionReferee_WrongStatement(dispute);
        }
        bytes32 order =
            WorkHashes.order(statement.program, statement.input, statement.checkpoints, statement.operations);
        if (orderOf[d.agreement] != order) {
            revert BisectionReferee_WrongOrder(d.agreement, orderOf[d.agreement], order);
        }
        bytes32 last = WorkHashes.state(statement.finalMemory, statement.finalTrace);
        WorkHashes.check(statement.states, statement.checkpoints - 1, last, proof, "final state");

        // Effect: the sides part between the start, which the order fixes, and the end.
        game.turn = Turn.QUERY;
        game.operations = statement.operations;
        game.high = uint64(statement.checkpoints) * statement.operations;
        game.program = statement.program;
        game.states = statement.states;
        game.lowState = WorkHashes.state(statement.input, order);
        game.highState = last;
        emit Stated(dispute, statement);
    }

    /// @inheritdoc IBisectionReferee
    function query(uint64 dispute, uint64 index) external nonReentrant {
        Game storage game = _games[dispute];
        // Check: the challenger's move, in its time.
        _challengerMoves(dispute, game);
        // Effect: the half that it keeps.
        (uint64 low, uint64 high, uint64 asked) = (game.low, game.high, game.asked);
        if (asked != 0) {
            if (index < asked) {
                game.high = high = asked;
                game.highState = game.askedState;
            } else {
                game.low = low = asked;
                game.lowState = game.askedState;
            }
        }
        // Check: its middle, and it has one.
        if (high - low < 2 || index != _middle(low, high, game.operations)) {
            revert BisectionReferee_WrongIndex(dispute, index);
        }
        // Effect: it is asked for.
        game.asked = index;
        game.turn = Turn.ANSWER;
        emit Queried(dispute, low, high, index);
    }

    /// @inheritdoc IBisectionReferee
    function answer(uint64 dispute, bytes32 state_, bytes32[] calldata proof) external nonReentrant {
        Game storage game = _games[dispute];
        // Check: the solver's move, in its time; a checkpoint's state is the one that the statement commits to.
        _solverMoves(dispute, game, Turn.ANSWER);
        (uint64 asked, uint32 operations) = (game.asked, game.operations);
        if (game.high - game.low > operations) {
            WorkHashes.check(game.states, uint32(asked / operations) - 1, state_, proof, "checkpoint");
        } else if (proof.length != 0) {
            revert BisectionReferee_BadProof("checkpoint");
        }
        // Effect: said.
        game.askedState = state_;
        game.turn = Turn.QUERY;
        ++game.rounds;
        emit Answered(dispute, asked, state_);
    }

    /// @inheritdoc IBisectionReferee
    function prove(uint64 dispute, uint64 operation, OperationProof calldata shown) external nonReentrant {
        Game storage game = _games[dispute];
        // Check: the challenger's move, in its time; one operation is left in the half that it names.
        _challengerMoves(dispute, game);
        (uint64 low, uint64 high, uint64 asked) = (game.low, game.high, game.asked);
        bytes32 before = game.lowState;
        bytes32 stated = game.highState;
        if (asked != 0) {
            if (operation < asked) {
                (high, stated) = (asked, game.askedState);
            } else {
                (low, before) = (asked, game.askedState);
            }
        }
        if (operation != low || high - low != 1) revert BisectionReferee_WrongIndex(dispute, operation);
        // Check: all that is shown is what was committed to.
        bytes32 found = WorkHashes.next(before, game.program, uint32(operation % game.operations), shown);

        // Effect: the chain has decided.
        emit OperationExecuted(dispute, operation, shown.instruction, found, stated);
        _decide(dispute, game, found == stated ? Turn.SOLVER_WON : Turn.CHALLENGER_WON, GameEnd.EXECUTED);
    }

    /// @inheritdoc IBisectionReferee
    function callTime(uint64 dispute) external nonReentrant {
        Game storage game = _games[dispute];
        // Check: it runs, and the mover's time is over.
        Turn turn = game.turn;
        if (turn == Turn.NONE || turn >= Turn.SOLVER_WON) revert BisectionReferee_WrongTurn(dispute, turn);
        Turn winner = _winner(game);
        if (winner == Turn.NONE) revert BisectionReferee_ClockRuns(dispute, _until(game));
        // Effect
        _decide(dispute, game, winner, GameEnd.CLOCK);
    }

    /// @inheritdoc IBisectionReferee
    function collectFee(uint64 dispute, uint8 round) external nonReentrant returns (uint64 amount) {
        // Check: the dispute was executed, the round was ours, a fee was credited for it, once.
        DisputeView memory d = _disputeOf(dispute);
        bool executed = d.state == DisputeState.COOLING || d.state == DisputeState.OVER;
        if (executed && _timeFor(d.policy, round) != 0 && !_feePassedOn[dispute][round]) {
            amount = ICourt(COURT).feeOf(dispute, round);
        }
        address to;
        if (d.outcome == Outcome.UPHELD) to = d.challenger;
        else if (d.outcome == Outcome.REJECTED) to = IStaking(STAKING).ownerOf(d.operator);
        if (amount == 0 || to == address(0)) revert BisectionReferee_NothingToCollect(dispute, round);
        // Effect: once.
        _feePassedOn[dispute][round] = true;
        // Interaction: what the Court owes comes in before it is credited on.
        if (totalBonds < amount) _takeFees();
        // Effect
        _creditBond(to, amount);
        emit FeePassedOn(dispute, round, to, amount);
    }

    // Private

    /// @dev Starts the game of the present round. The challenger's clock runs since the round began.
    function _begin(uint64 dispute, DisputeView memory d) private returns (Game storage game) {
        // Check
        uint8 round = _presentRound(d);
        uint32 half = _timeFor(d.policy, round) / 2;
        if (half == 0) revert BisectionReferee_NotArbiter(dispute, round);
        // A proposal's challenger is whoever carried the signatures, be it the provider's friend: nobody there plays to win.
        if (d.kind != DisputeKind.WORK || d.challenger == address(0) || d.outputRoot == 0 || d.upward) {
            revert BisectionReferee_Unsuitable(dispute);
        }
        if (_games[dispute].round == round) revert BisectionReferee_AlreadyOpen(dispute);

        // Effect
        delete _games[dispute];
        game = _games[dispute];
        uint256 gone = block.timestamp - d.rulingStart;
        game.challenger = d.challenger;
        game.challengerLeft = gone < half ? uint32(half - gone) : 0;
        game.solverLeft = half;
        game.round = round;
        game.solver = IStaking(STAKING).ownerOf(d.operator);
        game.since = uint40(block.timestamp);
        emit GameOpened({
            dispute: dispute,
            round: round,
            challenger: game.challenger,
            solver: game.solver,
            challengerLeft: game.challengerLeft,
            solverLeft: half
        });
    }

    function _challengerMoves(uint64 dispute, Game storage game) private {
        if (game.turn != Turn.QUERY) revert BisectionReferee_WrongTurn(dispute, game.turn);
        _checkPlayer(dispute, game.challenger);
        game.challengerLeft = _spend(dispute, game, game.challengerLeft);
    }

    function _solverMoves(uint64 dispute, Game storage game, Turn turn) private {
        if (game.turn != turn) revert BisectionReferee_WrongTurn(dispute, game.turn);
        _checkPlayer(dispute, game.solver);
        game.solverLeft = _spend(dispute, game, game.solverLeft);
    }

    /// @dev What is left of the mover's clock after this move; the other one starts.
    function _spend(uint64 dispute, Game storage game, uint32 left) private returns (uint32) {
        uint256 used = block.timestamp - game.since;
        if (used >= left) revert BisectionReferee_ClockOut(dispute);
        game.since = uint40(block.timestamp);
        return uint32(left - used);
    }

    function _decide(uint64 dispute, Game storage game, Turn winner, GameEnd how) private {
        game.turn = winner;
        emit GameDecided(dispute, winner, how, game.rounds);
    }

    function _checkPlayer(uint64 dispute, address principal) private view {
        if (msg.sender != principal && msg.sender != playerOf[principal]) {
            revert BisectionReferee_NotPlayer(dispute, msg.sender);
        }
    }

    /// @dev First second at which the mover has lost.
    function _until(Game storage game) private view returns (uint256) {
        return uint256(game.since) + (game.turn == Turn.QUERY ? game.challengerLeft : game.solverLeft);
    }

    function _winner(Game storage game) private view returns (Turn) {
        Turn turn = game.turn;
        if (turn == Turn.NONE || turn >= Turn.SOLVER_WON) return turn;
        if (block.timestamp < _until(game)) return Turn.NONE;
        return turn == Turn.QUERY ? Turn.SOLVER_WON : Turn.CHALLENGER_WON;
    }

    /// @dev The middle, rounded down, of the checkpoints between two states, or of the operations inside one.
    function _middle(uint64 low, uint64 high, uint32 operations) private pure returns (uint64) {
        uint64 step = high - low > operations ? operations : 1;
        return (low / step + high / step) / 2 * step;
    }

    function _checkSigned(uint64 agreement, address signer, bytes32 digest, bytes calldata signature) private view {
        if (msg.sender == signer) return;
        if (!Signatures.isBy(signer, digest, signature)) revert BisectionReferee_NotSigned(agreement, signer);
    }

    /// @dev The Escrow's, in which Terms are signed.
    function _escrowDomain() private view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, keccak256("Tallystick Escrow"), keccak256("1"), block.chainid, ESCROW));
    }
}
