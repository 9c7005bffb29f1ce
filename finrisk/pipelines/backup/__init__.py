"""``finrisk backup`` and ``restore``: what must outlive a machine, in one file or folder."""
