"""Floor 4: incidents, as folds of the ledger."""
