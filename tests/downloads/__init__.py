"""When downloads are tried again, and what is said of them."""
