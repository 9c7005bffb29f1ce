"""Champions, promotions, looks and evidence: the truth that MLflow aliases mirror."""
