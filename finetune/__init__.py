"""How the model is made (issue 3 fills this room)."""
