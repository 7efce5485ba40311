"""The token's economics played on the pure model: no chain, no files read, no clock, and chance only by a seed."""
