"""How good the deliveries were, night by night."""
