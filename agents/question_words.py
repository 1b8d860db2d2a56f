"""Words that English questions are made of, as alternatives for patterns; their users say what they ask."""

WH = "what|which|who|whom|whose|when|where|why|how"
AUXILIARIES = "is|are|was|were|do|does|did|has|have|had"
MODALS = "can|could|will|would|should"

SHARE = r"\b(?:percent(?:age)?|what (?:share|proportion|fraction))\b"
COLOUR = r"\b(?:what|which) colou?rs?\b"
