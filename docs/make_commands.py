"""Writes docs/commands.md: every command of `pi5` with its own help, so that the page cannot be behind the program."""

from __future__ import annotations

from pathlib import Path

import click

from pi5_pipelines.cli.main import pi5

PAGE = Path(__file__).resolve().parent / "commands.md"
WIDTH = 100


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)


def page() -> str:
    """The whole page: the program's help, then each command's, groups before their members."""
    parts = ["# Commands", "Written by `make docs` from the program's own help."]
    parts += [f"## {path}\n\n```\n{text}\n```" for path, text in helps(pi5, "pi5", None)]
    return "\n\n".join(parts) + "\n"


def helps(command: click.Command, name: str, parent: click.Context | None) -> list[tuple[str, str]]:
    """A command's path and help, and those of all commands below it."""
    width = {"max_content_width": WIDTH, "terminal_width": WIDTH}
    with command.make_context(name, [], parent, resilient_parsing=True, **width) as context:
        found = [(context.command_path, command.get_help(context))]
        for below in command.commands.values() if isinstance(command, click.Group) else ():
            found += helps(below, str(below.name), context)
    return found


if __name__ == "__main__":
    main()
