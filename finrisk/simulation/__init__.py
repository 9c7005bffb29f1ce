"""Years of simulated nights through the real gate, beside other gates, to see how often it errs."""
