"""From files, folders and addresses to documents in pieces, a reader for each file type."""
