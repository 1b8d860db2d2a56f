"""The embedded VLM: its tower, its training recipe, and small stand-ins of it for tests."""
