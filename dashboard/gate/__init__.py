"""The gate in front of Streamlit: password, limits, allowed paths and messages, headers."""
