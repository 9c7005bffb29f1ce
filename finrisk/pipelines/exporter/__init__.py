"""What the ledger knows of each model, as metrics that Prometheus reads."""
