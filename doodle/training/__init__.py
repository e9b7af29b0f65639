"""The training of all parts, each within its seconds, on a card or on the CPU."""
