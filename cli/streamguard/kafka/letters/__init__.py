"""Dead letters as people see them: listed, shown, replayed."""
