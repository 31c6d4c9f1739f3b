"""TF Hub models: fetching them, running them, hosting them in Keras 3, and writing them."""
