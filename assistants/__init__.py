"""Answers an assistant's questions about the current release, over the Model Context Protocol."""
