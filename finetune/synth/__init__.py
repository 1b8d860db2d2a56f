"""Training data that we make: charts, tables, receipts, pages, and questions from labels, captions and code."""
