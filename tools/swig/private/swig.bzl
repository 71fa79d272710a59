"""The rule behind asyncpal_swig()."""

# What the generated classes belong to.
_SCOPE_FLAG = {"csharp": "-namespace", "java": "-package"}

# The last name of a generated file, by language.
_EXTENSION = {"csharp": ".cs", "java": ".java"}

def _swig_impl(ctx):
    language = ctx.attr.language
    sources = ctx.actions.declare_directory(
        "%s_%s" % (ctx.label.name, language),
    )
    wrapper = ctx.actions.declare_file(ctx.label.name + "_wrapper.cc")
    header = ctx.actions.declare_file(ctx.label.name + "_wrapper.h")

    args = ctx.actions.args()
    args.add("-c++")
    args.add("-" + language)
    args.add(_SCOPE_FLAG[language], ctx.attr.scope)
    args.add("-outdir", sources.path)
    args.add("-o", wrapper)
    args.add("-oh", header)

    # What SWIG warns of would be wrong in the generated code, or miss there.
    args.add("-Wall")
    args.add("-Werror")
    root = ctx.label.workspace_root
    args.add("-I" + (root or "."))
    args.add_all(ctx.attr.swigopts)
    args.add(ctx.file.interface)

    ctx.actions.run_shell(
        command = """
if ! command -v swig >/dev/null; then
  echo 'swig is not installed: run ./bazelw, or apt-get install swig' >&2
  exit 1
fi
touch "$1"  # SWIG writes one only where C++ can call back
shift
swig "$@"
""",
        arguments = [header.path, args],
        inputs = [ctx.file.interface] + ctx.files.srcs,
        outputs = [sources, wrapper, header],
        mnemonic = "Swig",
        progress_message = "Generating %s with SWIG for %s" %
                           (_EXTENSION[language], ctx.label),
        use_default_shell_env = True,
    )
    return [
        DefaultInfo(files = depset([sources])),
        OutputGroupInfo(cc = depset([wrapper]), hdrs = depset([header])),
    ]

swig = rule(
    doc = "Sources of another language, and the C++ that goes with them.",
    implementation = _swig_impl,
    attrs = {
        "interface": attr.label(
            doc = "The .i file that SWIG reads.",
            allow_single_file = [".i"],
            mandatory = True,
        ),
        "language": attr.string(
            doc = "What the sources are in.",
            mandatory = True,
            values = _SCOPE_FLAG.keys(),
        ),
        "scope": attr.string(
            doc = "The package or namespace of the generated classes.",
            mandatory = True,
        ),
        "srcs": attr.label_list(
            doc = "The headers and .i files that the interface includes.",
            allow_files = [".h", ".i"],
        ),
        "swigopts": attr.string_list(doc = "Further options of swig."),
    },
)
