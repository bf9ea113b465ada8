"""Runs and what they write: blocks of bytes, faults, truth, sums that prove it."""
