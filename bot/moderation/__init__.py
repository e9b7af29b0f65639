"""Who may order what, and which results may be shown."""
