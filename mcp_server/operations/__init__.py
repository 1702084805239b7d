"""Operations: one YAML file is one intention, translated to each kind of environment. `verbs/` is what its words mean."""
