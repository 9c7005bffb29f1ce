"""The steps of a night, and the night in one process."""
