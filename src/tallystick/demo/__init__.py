"""A small trace of our own, settled end to end, with the dividends paid and every µ accounted for."""
