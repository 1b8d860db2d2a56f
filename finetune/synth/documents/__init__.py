"""Tables, receipts and pages that we draw, with exact truth and boxes."""
