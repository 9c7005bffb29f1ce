"""From declared columns to the features a model sees."""
