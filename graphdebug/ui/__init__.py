"""The browser app: Streamlit helpers and the graph view component."""
