"""What `import nightloom` offers: flows run and models loaded from Python."""
