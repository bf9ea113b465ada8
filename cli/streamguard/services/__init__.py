"""Services: each is one pure function and the read-process-write loop of `streamguard.kafka`."""
