"""The commands behind ``finrisk``, by what they are about; ``cli.py`` gives them their names."""
