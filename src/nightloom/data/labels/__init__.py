"""What labels and tags look like, and which class or entity each means."""
