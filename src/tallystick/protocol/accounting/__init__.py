"""The contracts' books in pure integers; `tallystick.protocol.model` puts them together.

Who calls is passed as `caller`, the block's time as `now` (seconds). Where a contract reverts, the
model raises `Refused` with the Solidity error's name and has changed nothing.
"""
