"""Inputs drawn with known truth: charts, receipts and pages. Seeded; nothing heavy at import time."""
