"""What texts say: language, mood by a lexicon, and by a model that learns from a company's scored answers."""
