"""A small Discord on loopback: try and test the bot with no token and no internet."""
