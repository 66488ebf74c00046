# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Options from a file: the same words as typed ones, and the same checks."""

import argparse
import tomllib
from pathlib import Path

from ccdcr._parsers import COMMANDS, add_options

__all__ = ["read_config"]


def read_config(path, command):
    """
    Read the options that a file has for a command.

    Parameters
    ----------
    path : str
        A TOML file. Its keys are the options without the first two dashes, with
        dashes or underscores: those at top level are for each command that knows
        them, those in a table for the command of that name, and these win.
    command : str
        Name of the command.

    Returns
    -------
    general, special : dict
        Options of the top level and of the table, as argparse would give them.

    Raises
    ------
    ValueError
        If the file cannot be read, or a key or value is none of a command.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: {error.strerror.lower() if error.strerror else error}"
        raise ValueError(msg) from None
    except ValueError as error:  # of TOML, and of UTF-8
        msg = f"{path} must be a TOML file: {error}"
        raise ValueError(msg) from None
    known = {name: _Words(name) for name in COMMANDS}
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    general = {key: value for key, value in content.items() if key not in tables}
    for name, table in tables.items():
        if name not in known:
            listed = ", ".join(f"[{one}]" for one in known)
            msg = f"{path}: a table must be one of {listed}, got [{name}]"
            raise ValueError(msg)
        for key in table:
            _check_key(path, key, [known[name]], f"an option of ccdcr {name}")
    for key in general:
        _check_key(path, key, known.values(), "an option of a command")
    words = known[command]
    general = {key: value for key, value in general.items() if words.knows(key)}
    return words.parse(path, general), words.parse(path, tables.get(command, {}))


def _check_key(path, key, commands, what):
    if not any(words.knows(key) for words in commands):
        msg = f"{path}: a key must be {what}, got {key!r}"
        raise ValueError(msg)


class _Parser(argparse.ArgumentParser):
    """One that does not leave."""

    def error(self, message):
        raise ValueError(message)


class _Words:
    """What a command takes, and the words for it."""

    def __init__(self, command):
        self._parser = _Parser(
            add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False
        )
        self._settings = add_options(self._parser, command)

    def knows(self, key):
        return _dashed(key) in self._settings

    def parse(self, path, given):
        """Give the options, as if they had been typed."""
        options, seen = {}, {}
        for key, value in given.items():
            try:
                found = self._one(_dashed(key), value)
            except ValueError as error:
                said = str(error)
                said = said.partition(": ")[2] if said.startswith("argument") else said
                got = "" if repr(value) in said else f", got {value!r}"
                msg = f"{path}: {key}: {said}{got}"
                raise ValueError(msg) from None
            for name in found:
                if name in seen:
                    msg = f"{path}: {key} must not be given with {seen[name]}"
                    raise ValueError(msg)
                seen[name] = key
            options |= found
        return options

    def _one(self, option, value):
        """Type one option."""
        settings = self._settings[option]
        action = settings.get("action")
        if action in ("store_true", "store_const", argparse.BooleanOptionalAction):
            return self._switch(option, value, settings)
        many = "nargs" in settings  # values at a time
        uses = [value]
        if action == "append" and isinstance(value, list):
            nested = any(isinstance(item, list) for item in value)
            uses = [value] if many and not nested else value
        words = []
        for use in uses:
            items = use if many and isinstance(use, list) else [use]
            if not all(type(item) in (str, int, float) for item in items):
                msg = "must be a text or a number"
                raise ValueError(msg)
            texts = [str(item) for item in items]
            # what begins with a dash is no option then
            words += [option, *texts] if many else [f"{option}={texts[0]}"]
        return vars(self._parser.parse_args(words))

    def _switch(self, option, value, settings):
        """Turn something on or off."""
        if value is not True and value is not False:  # 1 is equal to True
            msg = "must be true or false"
            raise ValueError(msg)
        if value:
            return vars(self._parser.parse_args([option]))
        if settings["action"] == "store_const":
            return {}
        return {option[2:].replace("-", "_"): False}  # what the top level may have on


def _dashed(key):
    return "--" + key.replace("_", "-")
