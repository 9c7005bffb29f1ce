"""What the monitors read, of which days, held against what; and whom an alarm asks."""
