"""What pages ask, and nothing of how it looks: every answer is small, cached, and one page long.

A question takes a :class:`~finrisk.dashboard.queries.sources.Whose` and plain values, and returns
records; it is remembered until the ledger's pulse changes, or a minute has passed.
"""
