"""What people look at in the morning: Streamlit pages over questions to the ledger and MLflow.

One folder a page: ``page.py`` draws it, ``queries.py`` asks for it, and neither knows another page.
"""
