"""ksqlDB's own query cases against the engine: ``python -m tests.conformance FILE``."""
