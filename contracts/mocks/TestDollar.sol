// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// @title A stablecoin for tests and local networks, after the manner of USDC
/// @notice 6 decimals, permit, ERC-3009, a blacklist and a pause switch (off) in the owner's hand; anyone mints. It must never be
/// taken for money: it is not deployed but on local networks.
/// @dev Whether a holder is blacklisted is the highest bit of its balance, as in USDC 2.2, so that gas figures are alike.
contract TestDollar is IERC20Metadata, IERC20Permit, IERC20Errors, EIP712, Nonces, Ownable {
    event Blacklisted(address indexed holder, bool blacklisted);
    event PauseSet(bool paused);

    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);

    error TestDollar_NotPayee(address caller, address payee);
    error TestDollar_AuthorizationOutOfTime(uint256 validAfter, uint256 validBefore);
    error TestDollar_AuthorizationUsed(address authorizer, bytes32 nonce);
    error TestDollar_Blacklisted(address holder);
    error TestDollar_Paused();
    error TestDollar_PermitExpired(uint256 deadline);
    error TestDollar_WrongSigner(address signer, address holder);

    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    bytes32 private constant RECEIVE_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    uint256 private constant BLACKLIST_BIT = 1 << 255;

    string public constant name = "Test Dollar";
    string public constant symbol = "tUSD";
    uint8 public constant decimals = 6;

    uint256 public totalSupply;
    bool public paused;
    mapping(address holder => uint256) private _balances;
    mapping(address holder => mapping(address spender => uint256)) public allowance;

    mapping(address authorizer => mapping(bytes32 nonce => bool)) public authorizationState;

    constructor(address owner) EIP712("Test Dollar", "1") Ownable(owner) {}

    function balanceOf(address holder) external view returns (uint256) {
        return _balances[holder] & ~BLACKLIST_BIT;
    }

    function isBlacklisted(address holder) external view returns (bool) {
        return _balances[holder] & BLACKLIST_BIT != 0;
    }

    function nonces(address holder) public view override(IERC20Permit, Nonces) returns (uint256) {
        return super.nonces(holder);
    }

    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @notice Makes `amount` µ out of nothing, for anyone.
    function mint(address to, uint256 amount) external {
        _check(to);
        totalSupply += amount;
        if (totalSupply >= BLACKLIST_BIT) revert ERC20InvalidReceiver(to);
        _balances[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    /// @notice Bars `holder` from sending and receiving, or lets it again. Owner only.
    function blacklist(address holder, bool blacklisted) external onlyOwner {
        uint256 balance = _balances[holder] & ~BLACKLIST_BIT;
        _balances[holder] = blacklisted ? balance | BLACKLIST_BIT : balance;
        emit Blacklisted(holder, blacklisted);
    }

    /// @notice Stops every transfer, or lets them again. Owner only.
    function setPaused(bool paused_) external onlyOwner {
        paused = paused_;
        emit PauseSet(paused_);
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _transfer(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed != type(uint256).max) {
            if (allowed < amount) revert ERC20InsufficientAllowance(msg.sender, allowed, amount);
            allowance[from][msg.sender] = allowed - amount;
        }
        _transfer(from, to, amount);
        return true;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        _approve(msg.sender, spender, amount);
        return true;
    }

    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        if (block.timestamp > deadline) revert TestDollar_PermitExpired(deadline);
        bytes32 structHash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, _useNonce(owner), deadline));
        address signer = ECDSA.recover(_hashTypedDataV4(structHash), v, r, s);
        if (signer != owner) revert TestDollar_WrongSigner(signer, owner);
        _approve(owner, spender, value);
    }

    /// @notice ERC-3009, as USDC has it: pays the caller, by a signature of `from`, once per nonce.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        if (to != msg.sender) revert TestDollar_NotPayee(msg.sender, to);
        if (block.timestamp <= validAfter || block.timestamp >= validBefore) {
            revert TestDollar_AuthorizationOutOfTime(validAfter, validBefore);
        }
        if (authorizationState[from][nonce]) revert TestDollar_AuthorizationUsed(from, nonce);
        bytes32 structHash = keccak256(abi.encode(RECEIVE_TYPEHASH, from, to, value, validAfter, validBefore, nonce));
        address signer = ECDSA.recover(_hashTypedDataV4(structHash), v, r, s);
        if (signer != from) revert TestDollar_WrongSigner(signer, from);
        authorizationState[from][nonce] = true;
        emit AuthorizationUsed(from, nonce);
        _transfer(from, to, value);
    }

    function _approve(address holder, address spender, uint256 amount) private {
        if (spender == address(0)) revert ERC20InvalidSpender(spender);
        allowance[holder][spender] = amount;
        emit Approval(holder, spender, amount);
    }

    function _transfer(address from, address to, uint256 amount) private {
        if (paused) revert TestDollar_Paused();
        _check(to);
        uint256 balance = _balances[from];
        if (balance & BLACKLIST_BIT != 0) revert TestDollar_Blacklisted(from);
        if (balance < amount) revert ERC20InsufficientBalance(from, balance, amount);
        _balances[from] = balance - amount;
        _balances[to] += amount;
        emit Transfer(from, to, amount);
    }

    /// @dev Whether `to` may receive.
    function _check(address to) private view {
        if (to == address(0)) revert ERC20InvalidReceiver(to);
        if (_balances[to] & BLACKLIST_BIT != 0) revert TestDollar_Blacklisted(to);
    }
}
