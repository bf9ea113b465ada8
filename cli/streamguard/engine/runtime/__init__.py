"""Queries on Kafka: one transaction for records in, records out, state and offsets."""
