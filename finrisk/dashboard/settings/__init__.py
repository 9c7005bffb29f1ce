"""Where everything is, whether it answers, and what `finrisk doctor` finds."""
