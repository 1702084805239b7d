"""Floor 1: text in, structure out. Nothing here looks at anything but through the reader it is given."""
