"""Cases of statements: records in, records expected out."""
