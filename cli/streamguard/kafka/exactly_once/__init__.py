"""The read-process-write loop: records in, records out and offsets in one transaction."""
