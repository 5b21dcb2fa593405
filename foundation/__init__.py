"""What every app stands on: it holds no model and knows no app."""
