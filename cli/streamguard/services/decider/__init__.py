"""The decider: transactions and alerts become decisions in PostgreSQL."""
