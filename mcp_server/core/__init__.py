"""Floor 0: the nouns of the program. Nothing here touches the world but the ledger's own files."""
