"""Who decided when, and why: the timeline, a night's evidence, the year's error budget."""
