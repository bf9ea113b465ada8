"""Lint: what speaks against a connector before any plugin is asked."""
