"""Spark as the engine of the models: a cluster on this machine, and tables that the warehouse file shares with it."""
