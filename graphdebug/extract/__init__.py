"""Parts of a model as models of their own: a split into parts that chain, and a part with the data of its place."""
