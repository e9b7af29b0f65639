"""Programs that measure the bot."""
