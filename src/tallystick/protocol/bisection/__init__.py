"""Deterministic work that a chain can judge: the machine, what is committed to, and the two players.

`docs/bisection.md` has the protocol; `contracts/disputes/arbiters/BisectionReferee.sol` is the referee.
"""
