"""What `import nightloom` offers: running flows and loading models from Python."""
