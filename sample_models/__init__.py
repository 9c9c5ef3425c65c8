"""Small models to learn on, with the scripts that build them: ``python -m sample_models.build``."""
