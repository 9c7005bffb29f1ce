"""The model in use, asked over HTTP: what comes in, who answers, and what is kept of it."""
