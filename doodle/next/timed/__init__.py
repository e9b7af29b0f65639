"""All stages of a recipe on one card, each within its seconds."""
