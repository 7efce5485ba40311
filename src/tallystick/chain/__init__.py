"""Everything that talks to a chain: artefacts, events, nodes, keys, deployments."""
