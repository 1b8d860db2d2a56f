"""The memory of answers: a question that was answered before, of the same owner about the same things."""
