"""The loop: uncertain answers, labels and feedback become data; data becomes a model, through a gate."""
