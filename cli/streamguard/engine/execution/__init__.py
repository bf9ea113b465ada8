"""Plans as functions over records, generated as Python source once for each query."""
