"""``finrisk doctor``: what can be wrong with an installation, each thing looked at by itself."""
