"""Which version has the title of champion, and every move of it."""
