"""Who may do what: keys and tokens, roles, limits, the audit log, headers."""
