"""The PyTorch side: marks that a network carries into its exports, and what of an export stands for what of it.

`marking` needs PyTorch and no other room of graphdebug, for networks import it; the rest needs no PyTorch.
"""
