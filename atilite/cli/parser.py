"""The grammar of the command line: settings may stand before or after the command's name."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from .. import __version__
from ..config import add_flags
from .call import Command


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and points to the help, instead of printing the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"atilite: {message} (see {self.prog} --help)\n")


class Commands:
    """The commands of one program; each module of this room adds its own."""

    def __init__(self, prog: str, defaults: Mapping[str, object], *, choose_app: bool) -> None:
        self.prog = prog
        self._settings = Parser(prog=prog, add_help=False, allow_abbrev=False)
        if choose_app:
            text = "what to serve: a module, or module:name of an app in it (default: serve.py of this folder)"
            self._settings.add_argument("--app", default=argparse.SUPPRESS, metavar="MODULE:NAME", help=text)
        add_flags(self._settings, defaults)
        self.parser = self._parser(prog=prog, description="Serve the mounts of this program, or run a command.")
        self.parser.add_argument("--version", action="version", version=f"atilite {__version__}")
        self._commands = self.parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)

    def _parser(self, **options: Any) -> Parser:
        return Parser(allow_abbrev=False, parents=[self._settings], **options)

    def default(self, run: Command) -> None:
        """What happens without a command."""
        self.parser.set_defaults(command=run)
        self._settings.set_defaults(command=run)

    def settings(self, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """The settings among the arguments, with the default command, and the arguments that are something else."""
        return self._settings.parse_known_args(arguments)

    def add(self, name: str, run: Command, help: str) -> Parser:
        """Add a command and return its parser for the arguments of its own."""
        # SUPPRESS in the shared settings lets a command's parser leave alone what stood before its name.
        parser: Parser = self._commands.add_parser(
            name, help=help, description=_sentence(help), allow_abbrev=False, parents=[self._settings]
        )
        parser.set_defaults(command=run)
        return parser

    def group(self, name: str, help: str) -> Group:
        """Add a word that has commands of its own, as in `user add`."""
        parser = self._commands.add_parser(name, help=help, description=_sentence(help), allow_abbrev=False)
        return Group(parser, self._settings)

    def below(self, parser: Parser) -> Group:
        """Let a command have commands of its own as well, as `services start` beside `services`."""
        return Group(parser, self._settings, required=False)


class Group:
    """The commands below one word. Unless they are `required` the word alone is a command too."""

    def __init__(self, parser: argparse.ArgumentParser, settings: Parser, *, required: bool = True) -> None:
        self._settings = settings
        self._commands = parser.add_subparsers(
            title="commands", metavar="COMMAND", required=required, parser_class=Parser
        )

    def add(self, name: str, run: Command, help: str) -> Parser:
        """Add a command below the word."""
        parser: Parser = self._commands.add_parser(
            name, help=help, description=_sentence(help), allow_abbrev=False, parents=[self._settings]
        )
        parser.set_defaults(command=run)
        return parser


def _sentence(help: str) -> str:
    return help[0].upper() + help[1:] + "."
