"""Tokens to a tree, by how tightly operators bind (Pratt's way): or < and < not < comparisons < + - < * / % < minus."""

from __future__ import annotations

from streamguard.errors import RuleError
from streamguard.services.decider.expressions.nodes import (
    BINDING,
    COMPARISON,
    MINUS,
    NOT,
    Boolean,
    Call,
    Infix,
    IsNull,
    Items,
    Name,
    Node,
    Number,
    Prefix,
    Text,
    children,
)
from streamguard.services.decider.expressions.tokens import END, KEYWORDS, Token, tokenize

DEEPEST = 50
"""Nodes on the way from the root of a tree to a leaf: far below where Python's stack ends."""


def parse(expression: str) -> Node:
    """The tree of an expression. Raises RuleError."""
    parser = _Parser(tokenize(expression))
    if parser.token.kind == END:
        raise RuleError("there is no condition: write one like amount > 3000", 0)
    node = parser.expression(0, 0)
    if parser.token.kind != END:
        raise _unexpected(parser.token, "an operator (and, or, ==, in …) or the end")
    return node


class _Parser:
    """Reads on from `token`."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = iter(tokens)
        self.token = next(self._tokens)
        self._heights: dict[int, int] = {}  # of nodes by id; all of them live as long as the tree

    def _next(self) -> Token:
        token = self.token
        self.token = next(self._tokens, token)
        return token

    def _expect(self, kind: str, instead: str) -> Token:
        if self.token.kind != kind:
            raise _unexpected(self.token, instead)
        return self._next()

    def expression(self, least: int, depth: int) -> Node:
        """Everything from here that binds more tightly than `least`."""
        if depth > DEEPEST:
            raise _too_deep(self.token.at)
        left = self._operand(depth)
        while (operator := self._operator()) and (own := BINDING[operator]) > least:
            left = self._grown(self._infix(operator, left, depth))
            if own == COMPARISON and BINDING.get(self._operator()) == COMPARISON:
                raise RuleError("two comparisons in a row: join them with and, like 1 < a and a < 5", self.token.at)
        return left

    def _operator(self) -> str:
        """The operator that comes next, ``not`` standing for ``not in``; "" if none does."""
        kind = self.token.kind
        return "not in" if kind == "not" else kind if kind in BINDING else ""

    def _infix(self, operator: str, left: Node, depth: int) -> Node:
        at = self._next().at
        if operator == "not in":
            self._expect("in", "in after not: write a not in [ ], or not before a whole condition")
        if operator == "is":
            negated = self.token.kind == "not"
            if negated:
                self._next()
            self._expect("null", "null: is asks only for null, == compares")
            return IsNull(left, negated, at=at)
        return Infix(operator, left, self.expression(BINDING[operator], depth + 1), at=at)

    def _operand(self, depth: int) -> Node:
        token = self._next()
        if token.kind in ("-", "not"):
            operand = self.expression(MINUS - 1 if token.kind == "-" else NOT - 1, depth + 1)
            return self._grown(Prefix(token.kind, operand, at=token.at))
        if token.kind == "(":
            node = self.expression(0, depth + 1)
            self._expect(")", "a closing )")
            return node
        if token.kind == "[":
            return self._grown(Items(self._listed("]", depth), at=token.at))
        if token.kind == "name" and self.token.kind == "(":
            self._next()
            return self._grown(Call(token.value, self._listed(")", depth), at=token.at))
        return _leaf(token)

    def _listed(self, end: str, depth: int) -> tuple[Node, ...]:
        """Expressions between commas up to the end sign."""
        items: list[Node] = []
        while self.token.kind != end:
            items.append(self.expression(0, depth + 1))
            if self.token.kind != end:
                self._expect(",", f"a comma or {end}")
        self._next()
        return tuple(items)

    def _grown(self, node: Node) -> Node:
        """The node, if it is not too high."""
        height = 1 + max((self._heights.get(id(child), 1) for child in children(node)), default=0)
        if height > DEEPEST:
            raise _too_deep(node.at)
        self._heights[id(node)] = height
        return node


def _leaf(token: Token) -> Node:
    if token.kind == "number":
        return _number(token)
    if token.kind == "text":
        return Text(token.value, at=token.at)
    if token.kind in ("true", "false"):
        return Boolean(token.kind == "true", at=token.at)
    if token.kind == "name":
        return Name(token.value, at=token.at)
    if token.kind == "null":
        raise RuleError("null is compared with is: write a is null, or a is not null", token.at)
    raise _unexpected(token, "a value")


def _number(token: Token) -> Number:
    value = float(token.value.replace("_", ""))
    if value == float("inf"):
        raise RuleError(f"{token.value[:20]} is too large a number", token.at)
    return Number(value, at=token.at)


def _unexpected(token: Token, instead: str) -> RuleError:
    if token.kind == END:
        return RuleError(f"it ends too early: here should be {instead}", token.at)
    word = token.value if len(token.value) <= 40 else f"{token.value[:37]}…"
    if token.kind == "name" and token.value.lower() in KEYWORDS:
        return RuleError(f"unexpected {word}: write {word.lower()}, in small letters", token.at)
    if token.kind == ",":
        return RuleError("unexpected ',': it only divides lists and arguments (write numbers like 10000)", token.at)
    return RuleError(f"unexpected {word!r}: here should be {instead}", token.at)


def _too_deep(at: int) -> RuleError:
    return RuleError(f"nested more than {DEEPEST} deep: make several rules of it, or a list and in", at)
