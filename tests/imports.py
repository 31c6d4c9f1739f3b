"""`python -m tests.imports`: the layers that pyproject.toml declares, checked by import-linter."""

from importlinter.cli import lint_imports_command

if __name__ == "__main__":
    lint_imports_command()
