"""ksqlDB's language: words, trees, and the text of them again."""
