# SPDX-License-Identifier: MIT
"""All mutants of a C file: one change of one place each. Reads the house's C alone: one declaration or statement a time,
no K&R, no goto. What does not compile is dropped by whoever compiles it."""

import collections
import pathlib
import re

TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/|//[^\n]*)|(?P<hash>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)|(?P<text>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<char>'(?:[^'\\]|\\.)+')|(?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<mark>\.\.\.|<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[^\s\w])",
    re.S | re.M,
)
Token = collections.namedtuple("Token", "kind text at")
Mutant = collections.namedtuple("Mutant", "file function line column operator original changed nth text start end")

PLAIN_TYPES = set("""char short int long unsigned signed float double void size_t ssize_t off_t mode_t uintptr_t va_list
    z_stream uInt uLong Bytef z_off_t __m128i uint8_t uint16_t uint32_t uint64_t int8_t int16_t int32_t int64_t""".split())
LEADERS = {"const", "static", "struct", "enum", "union", "typedef", "extern", "inline", "_Alignas", "volatile", "register"}
FAILURES = {"bzdi_fail", "bzdi_no_memory", "corrupt", "over", "fail"}
RELATIONS = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"),
    "==": ("!=", "<=", ">="), "!=": ("==", "<", ">"),
}
SAME_FOR_STATUS = {"==": ">=", "!=": "<"}  # beside BZD_OK: no status is above it
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "|"}
COMPOUND = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "%=": "*=", "<<=": ">>=", ">>=": "<<=", "&=": "|=", "|=": "&=", "^=": "|="}


def named_types(texts):
    found = set(PLAIN_TYPES)
    for text in texts:
        found.update(re.findall(r"^typedef[^;{}]*?\b(\w+)(?:\s*__attribute__[^;]*)?;", text, re.M))
        found.update(re.findall(r"^typedef\s+\w+\s+(\w+)\(", text, re.M))
        found.update(re.findall(r"^\}\s*(\w+);", text, re.M))
    return found


class Source:
    def __init__(self, path, name, types):
        self.name = name
        self.content = pathlib.Path(path).read_text()
        self.types = types | named_types([self.content])
        self.tokens = [
            Token(m.lastgroup, m.group(), m.start())
            for m in TOKEN.finditer(self.content)
            if m.lastgroup not in ("comment", "hash")
        ]
        self.partner = {}
        open_ones = []
        for i, token in enumerate(self.tokens):
            if token.kind == "mark" and token.text in "([{":
                open_ones.append(i)
            elif token.kind == "mark" and token.text in ")]}":
                self.partner[i] = open_ones.pop()
                self.partner[self.partner[i]] = i
        self.function = "-"
        self.mutants = []
        self.skipped = set()  # tokens of tables and of what the compiler alone looks at
        self.file()

    # ---- Making them

    def is_(self, i, text):
        return 0 <= i < len(self.tokens) and self.tokens[i].kind != "text" and self.tokens[i].text == text

    def end_of(self, i):
        return self.tokens[i].at + len(self.tokens[i].text)

    def add(self, operator, first, last, changed):
        """The tokens first..last become changed."""
        start, end = self.tokens[first].at, self.end_of(last)
        line_start = self.content.rfind("\n", 0, start) + 1
        line_end = self.content.find("\n", start)
        original = re.sub(r"\s+", " ", self.content[start:end])
        self.mutants.append(Mutant(
            self.name, self.function, self.content.count("\n", 0, start) + 1, start - line_start + 1, operator, original,
            re.sub(r"\s+", " ", changed), 0, self.content[line_start:line_end].strip(), start, end))
        self.mutants[-1] = self.mutants[-1]._replace(changed=changed)

    def between(self, first, last):
        return self.content[self.tokens[first].at:self.end_of(last)]

    def negate(self, first, last):
        self.add("condition", first, last, "!(" + self.between(first, last) + ")")

    # ---- Structure

    def file(self):
        i = 0
        while i < len(self.tokens):
            start = i
            while not self.is_(i, ";") and not self.is_(i, "{"):
                i = self.partner[i] + 1 if self.is_(i, "(") or self.is_(i, "[") else i + 1
                if self.is_(i, "=") or self.is_(i, "_Static_assert"):
                    break
            if self.is_(i, "{") and self.is_(i - 1, ")"):
                self.function = next(self.tokens[k - 1].text for k in range(start, i) if self.is_(k, "("))
                if self.function in ("__attribute__", "FOLDING"):
                    self.function = next(self.tokens[k - 1].text for k in range(self.partner[start + 1] + 1, i) if self.is_(k, "("))
                self.block(i)
                self.places(i, self.partner[i])
                self.function = "-"
                i = self.partner[i] + 1
                continue
            table = self.is_(i, "=")
            while not self.is_(i, ";"):
                i = self.partner[i] + 1 if self.tokens[i].text in ("(", "[", "{") and self.tokens[i].kind == "mark" else i + 1
            if not table and self.is_(start, "enum"):
                self.places(start, i)
            i += 1

    def block(self, opening):
        i = opening + 1
        while i < self.partner[opening]:
            i = self.statement(i)

    def to_semicolon(self, i):
        while not self.is_(i, ";"):
            i = self.partner[i] + 1 if self.tokens[i].kind == "mark" and self.tokens[i].text in "([{" else i + 1
        return i

    def is_declaration(self, i):
        word = self.tokens[i].text
        if word in LEADERS:
            return True
        following = self.tokens[i + 1]
        return word in self.types and (following.kind == "word" or following.text == "*")

    def statement(self, i):
        """Looks at the statement at i; where the next one begins."""
        word = self.tokens[i].text
        if word == "{":
            self.block(i)
            return self.partner[i] + 1
        if word in ("if", "while", "switch"):
            closing = self.partner[i + 1]
            if word != "switch":
                self.negate(i + 2, closing - 1)
            after = self.statement(closing + 1)
            return self.statement(after + 1) if word == "if" and self.is_(after, "else") else after
        if word == "do":
            after = self.statement(i + 1)
            self.negate(after + 2, self.partner[after + 1] - 1)
            return self.partner[after + 1] + 2
        if word == "for":
            closing, first = self.partner[i + 1], self.to_semicolon(i + 2)
            second = self.to_semicolon(first + 1)
            if first > i + 2 and not self.is_declaration(i + 2):
                self.add("statement", i + 2, first - 1, "")
            if second > first + 1:
                self.negate(first + 1, second - 1)
            if closing > second + 1:
                self.add("statement", second + 1, closing - 1, "")
            return self.statement(closing + 1)
        if word in ("case", "default"):
            while not self.is_(i, ":"):
                i += 1
            return self.statement(i + 1)
        end = self.to_semicolon(i)
        if word == ";":
            pass
        elif word == "_Static_assert":
            self.skipped.update(range(i, end))
        elif self.is_declaration(i):
            if self.is_(i, "static") and self.is_(i + 1, "const"):
                self.skipped.update(range(i, end))
        elif word == "return":
            if end > i + 1 and self.tokens[i + 1].text == "status" and end == i + 2:
                self.add("success", i + 1, i + 1, "BZD_OK")
        else:
            self.add("statement", i, end - 1, "")
            if word == "BZDI_TRY":
                self.add("ignored", i, end - 1, "(void)" + self.between(i + 1, end - 1))
        return end + 1

    # ---- Places in expressions

    def is_cast(self, closing):
        inside = range(self.partner[closing] + 1, closing)
        return len(inside) > 0 and all(
            self.tokens[k].text in self.types or self.tokens[k].text in ("*", "const", "struct", "unsigned") for k in inside)

    def is_binary(self, i):
        before = self.tokens[i - 1]
        if before.text in ("return", "case", "else", "sizeof"):
            return False
        if before.text == ")":
            return not self.is_cast(i - 1)
        if before.kind == "word":
            return before.text not in self.types and before.text not in LEADERS
        return before.kind in ("number", "char") or before.text == "]"

    def places(self, first, last):
        texts = -1  # the end of a call that makes a text of an error
        for i in range(first, last):
            token = self.tokens[i]
            if i in self.skipped or i < texts:
                continue
            if token.kind == "mark":
                self.mark(i)
            elif token.kind == "number":
                self.number(i)
            elif token.kind == "char":
                for changed in ("+", "-"):
                    self.add("constant", i, i, f"({token.text} {changed} 1)")
            elif token.kind == "word" and token.text in FAILURES and self.is_(i + 1, "("):
                self.add("success", i, self.partner[i + 1], "BZD_OK")
                texts = self.partner[i + 1]

    def mark(self, i):
        text = self.tokens[i].text
        if text in RELATIONS:
            for changed in RELATIONS[text]:
                if not (self.is_(i + 1, "BZD_OK") and changed == SAME_FOR_STATUS.get(text)):
                    self.add("relation", i, i, changed)
        elif text in ARITHMETIC and self.is_binary(i):
            self.add("arithmetic", i, i, ARITHMETIC[text])
        elif text in COMPOUND:
            self.add("arithmetic", i, i, COMPOUND[text])
        elif text in ("++", "--"):
            self.add("arithmetic", i, i, "--" if text == "++" else "++")
        elif text in ("&&", "||"):
            self.add("logic", i, i, "||" if text == "&&" else "&&")
        elif text == "!":
            self.add("not", i, i, "")
        elif text == "~" or text == "-" and not self.is_binary(i):
            self.add("sign", i, i, "")
        elif text == "?":
            start = self.condition_before(i)
            self.negate(start, i - 1)

    def condition_before(self, i):
        """Where the condition of the ?: at i begins."""
        k = i - 1
        while True:
            token = self.tokens[k]
            if token.kind == "mark" and token.text in ")]}":
                k = self.partner[k] - 1
                continue
            if token.kind == "mark" and (token.text in "([{,;?:=" or token.text in COMPOUND) or token.text in ("return", "case"):
                return k + 1
            k -= 1

    def number(self, i):
        text = self.tokens[i].text
        value = re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)[uUlL]*", text)
        if not value:
            return  # a real number
        value = int(value.group(1), 8 if re.match(r"0\d", text) else 0)
        self.add("constant", i, i, f"({text} + 1)")
        self.add("constant", i, i, f"({text} - 1)" if value > 0 else f"(-1)")
        if value > 1:
            self.add("constant", i, i, "0")


def mutants_of(path, name, types):
    """In the order of the file. nth tells apart what is otherwise the same in a line."""
    seen = collections.Counter()
    for mutant in sorted(Source(path, name, types).mutants, key=lambda m: (m.start, m.end, m.operator, m.changed)):
        key = (mutant.function, mutant.text, mutant.operator, mutant.original, mutant.changed, mutant.line)
        yield mutant._replace(nth=seen[key])
        seen[key] += 1
