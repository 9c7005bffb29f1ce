"""Who may change something, and what they may do: everybody else reads."""
