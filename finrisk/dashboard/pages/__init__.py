"""One page a module, each one function ``show``; what it asks is in ``queries``."""
