"""Alerts from outside: let in with a token, checked, stored, and only then a night is asked for."""
