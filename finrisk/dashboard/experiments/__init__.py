"""MLflow's runs, browsed page by page."""
