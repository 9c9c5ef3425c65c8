"""Editing: operations on a model that patch only what they are about, with undo, recipes and a diff."""
