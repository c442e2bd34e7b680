"""What the project knows of journeys beside the models."""
