"""A bisection of deterministic work, played from the first query to the executed operation on a chain of our own."""
