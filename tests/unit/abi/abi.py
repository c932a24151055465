#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hold uapi/vintc.h against KVM's own headers.

Reads the names from both sides, writes one C program that prints the value of
every constant and the size and offset of every member both know, compiles it
once with each header and compares what the two print.

    abi.py --vintc FILE --build DIR [--headers DIR] [--tag NAME]

--headers is an include folder with linux/kvm.h and asm/kvm.h (an unpacked
linux-libc-dev's usr/include, or what `make headers_install` made); without it,
the compiler's own.
"""

import argparse
import os
import re
import subprocess
import sys

CC = os.environ.get("CC", "gcc")


# Grew in a later kernel, inside padding of the structure that holds it; their
# size is no ABI, the offsets are.
GROWN = {"kvm_svm_nested_state_hdr"}


def run(*argv, **kw):
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE,
                          **kw).stdout


def preprocess(source, flags, *options):
    return run(CC, "-E", *options, *flags, "-x", "c", "-", input=source)


def constants(source, flags):
    """Names of the object-like KVM macros that have a value."""
    text = preprocess(source, flags, "-dM")
    return set(re.findall(r"^#define (KVM\w*) \S", text, re.M))


TOKEN = re.compile(r"\w+|[{}\[\];:,*()]|[^\s\w]")


class Structs:
    """Every `struct NAME { ... }` of a preprocessed file, with its members.

    A member is a path as offsetof takes it ("chip.pic.irr"); True marks a
    bit-field.
    """

    def __init__(self, text):
        text = re.sub(r"^#.*$", "", text, flags=re.M)
        text = re.sub(r"__attribute__\s*\(\(.*?\)\)|__extension__", "", text)
        self.tokens = TOKEN.findall(text)
        self.found = {}
        for at in range(len(self.tokens) - 2):
            kind, name, brace = self.tokens[at:at + 3]
            if kind == "struct" and brace == "{" and name.startswith("kvm"):
                self.found[name] = self.body(at + 3)[0]

    def body(self, at):
        """Members from just after a "{"; returns them and where "}" was."""
        members = []
        while self.tokens[at] != "}":
            at = self.declaration(at, members)
        return members, at

    def declaration(self, at, members):
        inner, head = None, []
        while self.tokens[at] not in ";":
            if self.tokens[at] == "{":
                inner, at = self.body(at + 1)
            else:
                head.append(self.tokens[at])
            at += 1
        # head: type words, then declarators; with an inner body only those
        if inner is None:
            self.declarators(head, members)
            return at + 1
        while head and head[0] in ("struct", "union"):
            head = head[1:]
        name = next((word for word in head if re.match(r"[A-Za-z_]", word)), "")
        index = "[0]" if "[" in head else ""
        prefix = name + index + "." if name else ""
        if name:
            members.append((name, False))
        members += [(prefix + path, bits) for path, bits in inner]
        return at + 1

    @staticmethod
    def declarators(head, members):
        if not head:
            return
        parts, depth = [[]], 0
        for word in head:
            depth += (word in "([") - (word in ")]")
            if word == "," and not depth:
                parts.append([])
            else:
                parts[-1].append(word)
        for part in parts:
            bits = ":" in part
            upto = part[:part.index(":")] if bits else part
            if "[" in upto:
                upto = upto[:upto.index("[")]
            members.append((upto[-1], bits))


def structs(source, flags):
    found = Structs(preprocess(source, flags)).found
    return {name: {path: bits for path, bits in members
                   if not path.split(".")[-1].startswith("__empty")}
            for name, members in found.items()}


PROLOGUE = """
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#ifndef PAGE_SIZE
#define PAGE_SIZE 4096
#endif

#define CONSTANT(name) printf("constant " #name " %llx\\n", (unsigned long long)(name))
#define SIZE(type) printf("struct " #type " . %zu\\n", sizeof(struct type))
#define MEMBER(type, path) \\
	printf("struct " #type " " #path " %zu\\n", offsetof(struct type, path))
#define LENGTH(type, path) \\
	printf("struct " #type " " #path "# %zu\\n", sizeof(((struct type *)0)->path))
#define BITS(type, path) do { \\
	struct type it; \\
	memset(&it, 0, sizeof(it)); \\
	it.path = -1; \\
	bits(#type, #path, (unsigned char *)&it, sizeof(it)); \\
} while (0)

static void __attribute__((unused))
bits(const char *type, const char *path, unsigned char *p, size_t n)
{
	printf("struct %s %s ", type, path);
	for (size_t i = 0; i < n; i++)
		if (p[i])
			printf("%zu:%02x", i, p[i]);
	printf("\\n");
}

int main(void)
{
"""


def flexible(name, path, text):
    """An open-ended array has an offset but no size."""
    last = path.split(".")[-1]
    body = re.search(r"struct %s \{.*?\n\};" % name, text, re.S)
    return bool(body and re.search(r"\b%s\[\]|FLEX\([^)]*\b%s\)" % (last, last),
                                   body.group(0)))


def program(names, layouts, text):
    lines = ["\tCONSTANT(%s);" % name for name in sorted(names)]
    for name, members in sorted(layouts.items()):
        lines.append("\tSIZE(%s);" % name)
        for path, is_bits in members.items():
            if is_bits:
                lines.append("\tBITS(%s, %s);" % (name, path))
                continue
            lines.append("\tMEMBER(%s, %s);" % (name, path))
            grown = name == "kvm_nested_state" and path == "hdr.svm"
            if not grown and not flexible(name, path, text):
                lines.append("\tLENGTH(%s, %s);" % (name, path))
    return PROLOGUE + "\n".join(lines) + "\n\treturn 0;\n}\n"


def dump(where, tag, include, flags, body):
    source = os.path.join(where, tag + ".c")
    binary = os.path.join(where, tag)
    with open(source, "w") as out:
        out.write(include + body)
    run(CC, "-std=gnu11", *flags, "-o", binary, source)
    result = {}
    for line in run(binary).splitlines():
        kind, rest = line.split(" ", 1)
        key, value = rest.rsplit(" ", 1)
        result[kind, key] = value
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vintc", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--headers")
    parser.add_argument("--tag", default="abi")
    args = parser.parse_args()

    ours = '#include "%s"\n' % os.path.abspath(args.vintc)
    theirs = "#include <linux/kvm.h>\n"
    flags = []
    if args.headers:
        for sub in ("", "x86_64-linux-gnu"):
            path = os.path.join(args.headers, sub)
            if os.path.isdir(path):
                flags += ["-isystem", path]
    os.makedirs(args.build, exist_ok=True)
    tag = args.tag

    our_names = constants(ours, flags)
    their_names = constants(theirs, flags)
    our_layouts = structs(ours, flags)
    their_layouts = structs(theirs, flags)

    names = our_names & their_names
    layouts = {name: {path: bits for path, bits in our_layouts[name].items()
                      if path in their_layouts[name]}
               for name in our_layouts if name in their_layouts}
    unknown = sorted(our_names - their_names)
    for name, members in sorted(our_layouts.items()):
        known = their_layouts.get(name)
        if known is None:
            unknown.append("struct " + name)
        else:
            unknown += [name + "." + path for path in members
                        if path not in known]

    body = program(names, layouts, open(args.vintc).read())
    left = dump(args.build, tag.replace("/", "-") + "-vintc", ours, flags, body)
    right = dump(args.build, tag.replace("/", "-") + "-kvm", theirs, flags, body)

    wrong = {}
    for (kind, key), value in left.items():
        if right[kind, key] == value:
            continue
        if key.endswith(" .") and key.split()[0] in GROWN:
            continue
        group = "constants" if kind == "constant" else "struct " + key.split()[0]
        what = key if kind == "constant" else key.split()[1]
        wrong.setdefault(group, []).append(
            "%s is %s, KVM's %s" % (what, value, right[kind, key]))

    groups = ["constants"] + ["struct " + name for name in sorted(layouts)]
    for group in groups:
        if group in wrong:
            print("not ok - %s/%s: %s" % (tag, group, "; ".join(wrong[group])))
        else:
            print("ok - %s/%s" % (tag, group))

    # A parser that finds nothing must not pass for a header that agrees.
    members = sum(len(found) for found in layouts.values())
    if len(names) >= 300 and len(layouts) >= 60 and members >= 400:
        print("ok - %s/coverage" % tag)
    else:
        print("not ok - %s/coverage: only %d constants, %d structs, %d members"
              % (tag, len(names), len(layouts), members))
        wrong["coverage"] = []
    print("# %s: %d constants, %d structs, %d members held against %s"
          % (tag, len(names), len(layouts), members,
             args.headers or "the installed linux/kvm.h"))
    if unknown:
        print("skip - %s: %d names unknown to this linux/kvm.h"
              % (tag, len(unknown)))
        with open(os.path.join(args.build, tag.replace("/", "-") + "-unknown"), "w") as out:
            out.write("\n".join(unknown) + "\n")

    try:
        for std in ("gnu99", "gnu11"):
            run(CC, "-std=" + std, "-Wall", "-Wextra", "-Werror", *flags,
                "-fsyntax-only", "-x", "c", "-", input=theirs + ours)
        print("ok - %s/after_kvm_h" % tag)
    except subprocess.CalledProcessError:
        print("not ok - %s/after_kvm_h: does not compile" % tag)
        wrong["after"] = []
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
