"""Connectors that run: watched, paused, restarted, healed."""
