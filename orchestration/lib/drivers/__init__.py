"""What goes with an outcome: steps with what people say, KPIs with what they lead to."""
