"""Two versions side by side: as the gate saw them, and on the same frozen rows."""
