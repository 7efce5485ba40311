"""The relayer's HTTP side: ingest API, read API, health, metrics and the operator's page."""
