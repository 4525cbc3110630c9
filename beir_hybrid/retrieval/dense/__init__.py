"""Dense retrieval: encoders, stored vectors, and the exact search over them."""
