"""What the agent can call: one file a tool, the registry and the selector."""
