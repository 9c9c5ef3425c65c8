"""The PyTorch side: what a network carries into its exports. Needs PyTorch, and no other room of graphdebug."""
