"""What the project knows of journeys apart from the models."""
