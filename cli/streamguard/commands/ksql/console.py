"""What a shell does with what it reads: statements, words of its own, errors. The reading itself is elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click

from streamguard.commands.ksql.printing import ends_by_itself, lay_out
from streamguard.commands.ksql.tables import Layout
from streamguard.engine.client.entities import listing
from streamguard.engine.client.http import Lines, Rows
from streamguard.engine.client.session import Outcome, Session, Told, end
from streamguard.errors import StreamguardError

HELP = """\
A statement ends with ; and may have many lines. Tab completes, arrows bring back what was typed.

  SHOW STREAMS | TABLES | TOPICS | QUERIES | FUNCTIONS | PROPERTIES;      DESCRIBE name [EXTENDED];
  SELECT … EMIT CHANGES;       rows as they arrive; Ctrl-C ends the query and not the shell
  PRINT 'topic' [FROM BEGINNING] [LIMIT n];
  EXPLAIN statement | id;      the plan
  SET 'auto.offset.reset' = 'earliest';  UNSET 'name';      properties of what follows
  DEFINE name = 'value';  UNDEFINE name;                    ${name} in what follows
  RUN SCRIPT 'file';

Words of the shell, without ;
  \\x [on|off|auto]    a line for each column, or a table; auto: whatever fits
  spool 'file' | off  write what is shown to a file, too
  version             the server
  help   exit         Ctrl-D ends it, too; Ctrl-C clears the line
"""
OWN_WORD = re.compile(r"\s*(help|\\\?|exit|quit|\\q|version|\\x|spool)\b\s*(.*?)\s*;?\s*", re.IGNORECASE | re.DOTALL)
ENDING = ("exit", "quit", "\\q")
VERTICAL = {"on": True, "off": False, "auto": None}


def is_own(text: str) -> bool:
    """Whether a text is a word of the shell, which needs no semicolon."""
    return bool(re.fullmatch(r"\s*(\\[?qx].*|(help|exit|quit|version)\s*;?\s*|spool\s.*)", text, re.IGNORECASE))


class Console:
    """One shell: its session, and how it shows things. `width` tells the cells of a line."""

    def __init__(self, session: Session, *, width: Callable[[], int], redact: Callable[[str], str] = str) -> None:
        self.session = session
        self.vertical: bool | None = None
        self._width = width
        self._redact = redact
        self._spool: TextIO | None = None

    def run(self, text: str) -> bool:
        """Carry out what was typed; False when the shell is to end. Errors are told, and end nothing else."""
        try:
            if is_own(text):
                return self._own(text)
            self._statements(text)
        except StreamguardError as exc:
            self.say(f"{click.style('Error:', fg='red')} {self._redact(str(exc))}", err=True)
        except OSError as exc:
            self.say(f"{click.style('Error:', fg='red')} {exc.filename or ''}: {exc.strerror or exc}", err=True)
        except KeyboardInterrupt:
            self.say("Interrupted: a statement that was on its way may be carried out all the same.", err=True)
        return True

    def greet(self) -> None:
        """A line about the server, or why there is none."""
        try:
            info = self.session.client.info()
        except StreamguardError as exc:
            told = self._redact(f"{exc}. The next statement asks again.")
            self.say(f"{click.style('Error:', fg='red')} {told}", err=True)
        else:
            service = info.get("ksqlServiceId", "")
            url = self._redact(self.session.client.url)  # it may hold a password
            self.say(f"ksql server {info.get('version', '?')} at {url}, service id {service}")

    def say(self, text: str, *, err: bool = False) -> None:
        """A line, in the file of `spool` as well."""
        click.echo(text, err=err)
        if self._spool is not None:
            self._spool.write(click.unstyle(text) + "\n")
            self._spool.flush()

    def close(self) -> None:
        """End the spool."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _own(self, text: str) -> bool:
        match = OWN_WORD.fullmatch(text)
        word, rest = (match[1].lower(), match[2]) if match else ("help", "")
        if word in ENDING:
            return False
        if word == "\\x":
            self._expand(rest.lower())
        elif word == "spool":
            self._spool_to(rest)
        elif word == "version":
            self.greet()
        else:
            self.say(HELP.rstrip())
        return True

    def _expand(self, how: str) -> None:
        if how not in ("", *VERTICAL):
            raise StreamguardError(f"\\x takes on, off or auto, and not {how}")
        self.vertical = VERTICAL[how] if how else not self.vertical
        names = {True: "a line for each column", False: "a table", None: "a table if it fits"}
        self.say(f"Rows are shown as {names[self.vertical]}.")

    def _spool_to(self, name: str) -> None:
        bare = name.strip("'\"")
        self.close()
        if not bare:
            raise StreamguardError("spool takes a file, as in spool 'session.log', or off")
        if bare.lower() == "off":
            self.say("Nothing more is written to a file.")
            return
        path = Path(bare).expanduser()
        self._spool = path.open("a", encoding="utf-8")
        self.say(f"What is shown is written to {path}, too.")

    def _statements(self, text: str) -> None:
        for outcome in self.session.run(text):
            try:
                self._show(outcome, ends=ends_by_itself(text))
            except KeyboardInterrupt:
                end(outcome, self.session.client)
                self.say("The query was ended." if isinstance(outcome, Rows | Lines) else "Interrupted.")
                return

    def _show(self, outcome: Outcome, *, ends: bool) -> None:
        if isinstance(outcome, Told):
            self.say(outcome.text)
        elif isinstance(outcome, Lines):
            for line in outcome.lines:
                self.say(line)
        elif isinstance(outcome, Rows):
            count = lay_out(outcome, self.say, width=self._width(), vertical=self.vertical, ends=ends)
            self.say(click.style(f"({count:,} row{'' if count == 1 else 's'})", dim=True))
        else:
            self._listing(outcome)

    def _listing(self, entity: dict[str, object]) -> None:
        rows, columns = listing(entity)
        if not columns:
            for row in rows:
                self.say(str(row["message"]))
            return
        if not rows:
            self.say("(nothing)")
            return
        values = [[_flat(row.get(column)) for column in columns] for row in rows]
        headings = [column.upper() for column in columns]
        layout = Layout(headings, width=self._width(), seen=values, vertical=self.vertical, whole=True)
        for line in layout.head():
            self.say(click.style(line, bold=True))
        for cells in values:
            for line in layout.row(cells):
                self.say(line)


def _flat(value: object) -> str:
    """A cell of a listing: lists as words, nothing as nothing."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
