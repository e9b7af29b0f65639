"""The languages members read."""
