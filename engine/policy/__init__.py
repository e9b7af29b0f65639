"""Who is drawn next, and with whom; nothing here knows of tensors."""
