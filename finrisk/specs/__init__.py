"""The schema of ``conf/``: what a model is, as closed YAML."""
