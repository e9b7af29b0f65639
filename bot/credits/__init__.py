"""What jobs cost and who has how much."""
