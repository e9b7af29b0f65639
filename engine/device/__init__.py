"""Which device and number format to draw with; copies between it and the host; threads."""
