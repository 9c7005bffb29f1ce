"""Numbers in, PNG bytes out: what a run's figures look like."""
