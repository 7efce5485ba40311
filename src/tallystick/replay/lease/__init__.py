"""Every job of an openb trace as a lease of the node that runs it: planned, played on the chain, reckoned."""
