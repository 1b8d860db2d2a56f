"""The adaptive planner: state, context, nodes and edges of the LangGraph app."""
