"""The only room that speaks MLflow: runs, artifacts, registered versions."""
