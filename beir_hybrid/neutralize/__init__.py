"""What of a model's vectors is language: learnt from a few hundred texts a language, and removed."""
