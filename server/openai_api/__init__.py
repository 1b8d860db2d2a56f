"""The agent behind OpenAI's chat protocol, for the clients that speak it."""
