"""Promote, roll back, reconcile: the ledger first, the registry's aliases after."""
