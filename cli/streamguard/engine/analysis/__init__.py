"""What a statement means where it stands: names, types, and the plan of a query."""
