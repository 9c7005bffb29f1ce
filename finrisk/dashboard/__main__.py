"""What ``finrisk dashboard`` lets Streamlit run."""

from finrisk.dashboard.app import main

main()
