"""Kafka Connect's REST API: clusters, requests, typed answers."""
