"""Source code: definitions, calls and files, and which of them a question is about."""
