"""Pages of the site that are no files in `docs/`: made of the code, the README and the examples.

    mkdocs build --strict

A hook of mkdocs. Commands and settings are asked of nightloom, so they are those of this checkout.
"""

import re
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
COPIED = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""Pages, and the files at the top of the repository that they are."""
ELSEWHERE = {
    "docs/": "",
    "../examples": "examples.md",
    "examples/": "examples.md",
    "examples": "examples.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "README.md": "index.md",
}
"""Where links of the repository lead on the site."""
LINK = re.compile(r"\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    made = {name: _of_repository(file) for name, file in COPIED.items()}
    made["examples.md"] = _examples()
    made["reference/commands.md"] = _commands()
    made["reference/settings.md"] = _settings()
    made["reference/python.md"] = _python()
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to files of the repository lead to their pages."""
    return LINK.sub(lambda found: f"]({_on_site(found[1])})", markdown)


def _on_site(link: str) -> str:
    name, mark, anchor = link.partition("#")
    return ELSEWHERE.get(name, name) + mark + anchor


def _of_repository(file: str) -> str:
    text = (ROOT / file).read_text("utf-8")
    text = text.replace("](LICENSE)", "](https://www.apache.org/licenses/LICENSE-2.0)")
    return text.replace("](docs/", "](")


def _examples() -> str:
    parts = ["# Examples", "Scripts that the tests run."]
    for path in sorted((ROOT / "examples").glob("*.py")):
        parts.append(f"## {path.name}\n\n```python\n{path.read_text('utf-8').rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _commands() -> str:
    """What `--help` says, of every command."""
    from nightloom.cli.main import command

    parts = ["# Commands", "What `nightloom COMMAND --help` says."]
    parts += _helped(command, "nightloom")
    return "\n\n".join(parts) + "\n"


def _helped(command: click.Command, name: str, parent: click.Context | None = None) -> list[str]:
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    context.max_content_width = 100
    found = [f"## {name}", f"```text\n{command.get_help(context)}\n```"]
    if isinstance(command, click.Group):
        for one in command.list_commands(context):
            inner = command.get_command(context, one)
            if inner is not None:
                found += _helped(inner, f"{name} {one}", context)
    return found


def _settings() -> str:
    """Every setting of every flow, of `deploy` and of `tidy`."""
    from nightloom.cli.flows import settings_called
    from nightloom.records.known import DEPLOY, TIDY, flows

    parts = ["# Settings", "What `nightloom flows FLOW` lists."]
    for name in (*flows(), DEPLOY, TIDY):
        parts += [f"## {name}", _table(settings_called(name))]
    return "\n\n".join(parts) + "\n"


def _table(kind: Any) -> str:
    from nightloom.cli.flows import defaults_of
    from nightloom.settings.names import descriptions

    notes = descriptions(kind)
    rows = ["| setting | default | |", "| --- | --- | --- |"]
    for name, value in defaults_of(kind).items():
        shown = ",".join(map(str, value)) if isinstance(value, list) else value
        shown = "none" if shown is None else f"`{shown}`" if shown != "" else ""
        note = re.sub(r"([<>|*_\[\]])", r"\\\1", notes.get(name, ""))
        rows.append(f"| `{name}` | {shown} | {note} |")
    return "\n".join(rows)


def _python() -> str:
    import nightloom

    parts = ["# Python", "What `import nightloom` offers ([more](../python.md))."]
    for name in sorted(set(nightloom.__all__) - {"__version__"}):
        where = getattr(nightloom, name)
        parts.append(f"::: {where.__module__}.{where.__qualname__}")
    return "\n\n".join(parts) + "\n"
