"""RAGAS over the agent's answers: its metrics without a model by default, those with a judge by setting."""
