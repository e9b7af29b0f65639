"""The bot: talks to Discord; knows prompts, credits and jobs, and nothing of tensors."""
