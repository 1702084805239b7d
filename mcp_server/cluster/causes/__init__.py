"""One file per family of causes: the file is the registration. Each holds `CauseType`s and `find(cluster)`."""
