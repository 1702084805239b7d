"""Tools that are not diagnostics: one file each, the file is the registration."""
