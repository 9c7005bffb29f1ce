"""FinRisk's dashboard: ``streamlit run mlflow_dashboard.py --server.port 8502``."""

from finrisk.dashboard.app import main

main()
