"""Will a model run there? Rules about the targets it may be deployed to, each finding with its place and its remedy."""
