"""What people look at in the morning: Streamlit pages over questions to the ledger and MLflow."""
