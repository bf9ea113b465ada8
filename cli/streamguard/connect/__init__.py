"""Kafka Connect: render templates to connectors, compare them with a worker's, deploy, wait."""
