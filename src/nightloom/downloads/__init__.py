"""What all downloads share: when they are tried again, how far they are, what is said of them."""
