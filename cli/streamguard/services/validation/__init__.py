"""The client of the validator API: it asks about transactions until each has a verdict or is refused.

    contract   what is sent, and what is a right answer: pure
    backoff    how long to wait before the next try: pure
    breaker    whether the API is away: pure
    client     one call: bounded in number, time and size
    round      one question of a caller: which calls are made for it, and again
    thread     the client for callers that are not asyncio

There is never a default verdict: what is not a right answer counts as a failure and is asked again, for as long as the
API is away. Only the API itself refuses a transaction, or fails for this one alone while it answers others.
"""
