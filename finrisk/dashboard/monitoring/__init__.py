"""What the monitors read of the champion's decisions, and the alerts that came of it."""
