"""Pictures as files: kept, fetched, cleaned, laid out."""
