"""The rule behind asyncpal_cc_headers_alone()."""

load(":compile.bzl", "COMPILE_ATTRS", "TOOLCHAINS", "compile_command")

# Headers lie where their include_prefix says, in folders of this name.
_PLACE = "/_virtual_includes/"

def _is_public(file):
    return (not file.owner.workspace_name and _PLACE in file.path and
            file.extension == "h" and "/internal/" not in file.path and
            # Generated, and meant to be included only.
            not file.path.endswith(".capnp.h"))

def _headers_alone_impl(ctx):
    command = compile_command(ctx)
    seen, logs = {}, []
    for header in command.headers.to_list():
        name = header.path.partition(_PLACE)[2].partition("/")[2]
        if not _is_public(header) or name in seen:
            continue
        seen[name] = True
        log = ctx.actions.declare_file("%s/%s.log" % (ctx.label.name, name))
        ctx.actions.run_shell(
            command = "log=$1; shift; \"$@\" >\"$log\" 2>&1 || " +
                      "{ cat \"$log\" >&2; exit 1; }",
            arguments = [log.path] + command.words +
                        ["-fsyntax-only", "-x", "c++", header.path],
            inputs = command.inputs,
            outputs = [log],
            env = {"LC_ALL": "C"},
            mnemonic = "CppHeader",
            progress_message = "Compiling %s alone" % name,
        )
        logs.append(log)
    if not logs:
        fail("there are no headers of this workspace in what it depends on")
    return [DefaultInfo(files = depset(logs))]

headers_alone = rule(
    implementation = _headers_alone_impl,
    attrs = COMPILE_ATTRS,
    fragments = ["cpp"],
    toolchains = TOOLCHAINS,
)
