"""Makes a page of the XML documentation of an assembly."""

import re
import xml.etree.ElementTree

# M:Asyncpal.Pool.Map``1(System.Func{...}) and the like.
_NAME = re.compile(r"([TMPFE]):(?:Asyncpal\.)?([^(]*)(\(.*\))?$")


def _text(node):
    """The words of a comment, as Markdown."""
    if node is None:
        return ""
    parts = [node.text or ""]
    for child in node:
        name = child.get("cref") or child.get("name") or child.get("langword")
        if name:
            parts.append("`%s`" % re.sub(r"^\w:(Asyncpal\.)?", "", name))
        elif child.tag == "c":
            parts.append("`%s`" % child.text)
        else:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def _signature(member, arguments):
    member = re.sub(r"``\d+|`\d+", "<>", member).replace("#ctor", "new")
    if arguments is None:
        return member
    names = re.sub(r"\b[A-Z]\w*\.", "", arguments)
    names = re.sub(r"``?(\d+)", r"T\1", names)
    return member + names.replace("{", "<").replace("}", ">")


def make_page(path):
    types, members = {}, {}
    for member in xml.etree.ElementTree.parse(path).iter("member"):
        kind, name, arguments = _NAME.match(member.get("name")).groups()
        summary = _text(member.find("summary"))
        if name.startswith("Internal."):
            continue
        if kind == "T":
            types[name] = (summary, _text(member.find("remarks")))
            continue
        owner, _, word = name.rpartition(".")
        returns = _text(member.find("returns"))
        line = f"- `{_signature(word, arguments)}`"
        for words in summary, returns and f"Returns {returns}":
            line += f"  \n  {words}" if words else ""
        members.setdefault(owner, []).append(line)
    lines = ["# .NET", "", "Namespace `Asyncpal`.", ""]
    for name, (summary, remarks) in sorted(types.items()):
        title = re.sub(r"`\d+", "<T>", name)
        lines += [f"## `{title}`", "", summary, ""]
        if remarks:
            lines += [remarks, ""]
        lines += members.get(name, []) + [""]
    return "\n".join(lines)
