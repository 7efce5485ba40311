"""Replays a trace of real work through contracts and a relayer, and holds every µ against the model."""
