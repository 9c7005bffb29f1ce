"""Every version, and what people do with them: promote, roll back, sign, freeze."""
