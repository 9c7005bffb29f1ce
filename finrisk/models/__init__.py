"""Estimators, their search, and the trainer."""
