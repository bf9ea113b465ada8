"""Campaigns: what happens to some records of a stream. Bursts have records of their own, conditions change those of
others, rules only name them."""
