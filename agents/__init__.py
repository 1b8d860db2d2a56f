"""Who thinks: planners, answerers, checks, profiles and prompts."""
