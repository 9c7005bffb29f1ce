"""FinRisk: nightly retraining of credit-risk and fraud models, promoted only on evidence."""
