"""Training: typed recipes, fine-tuning, preferences, dual encoders, search; each run can be resumed."""
