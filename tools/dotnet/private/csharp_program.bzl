"""Programs in C#, and tests, which are programs that run tests."""

load("@asyncpal_dotnet//:sdk.bzl", "SDK")
load(
    ":csharp_library.bzl",
    "ASSEMBLY_ATTRS",
    "CSharpInfo",
    "compile_csharp",
)

_LAUNCHER = """#!/bin/sh
exec {dotnet} exec "${{0%/*}}/{app}/{entry}" {words}"$@"
"""

# As `dotnet build` lays a program out: one folder, found by whatever looks next
# to its own file.
_LAY_OUT = """
app=$1
shift
for file; do
  case $file in
  */) cp -L "$file"/*.so* "$app" ;;
  # The same assembly may come from the SDK and from NuGet.
  *) cp -Lf "$file" "$app" ;;
  esac
done
chmod -R u+w "$app"
"""

def _runtime_config(frameworks):
    version = SDK.tfm[len("net"):] + ".0"
    return struct(runtimeOptions = struct(
        frameworks = [
            struct(name = name, version = version)
            for name in ["Microsoft.NETCore.App"] + frameworks
        ],
        tfm = SDK.tfm,
    ))

def _program(ctx, info, entry, words = []):
    """Lays out a program and the script that starts it.

    Args:
      ctx: of the rule.
      info: the CSharpInfo of all that belongs to it.
      entry: the base name of the assembly that has the Main.
      words: arguments before those of the caller.

    Returns:
      a DefaultInfo.
    """
    config = ctx.actions.declare_file("%s.out/%s.runtimeconfig.json" % (
        ctx.label.name,
        entry[:-len(".dll")],
    ))
    ctx.actions.write(config, _runtime_config(ctx.attr.frameworks).to_json())
    app = ctx.actions.declare_directory(ctx.label.name + ".app")
    args = ctx.actions.args()
    args.add_all([app.path, config])
    args.add_all(info.runtime)
    args.add_all(info.natives, expand_directories = False, format_each = "%s/")
    ctx.actions.run_shell(
        command = _LAY_OUT,
        arguments = [args],
        inputs = depset([config], transitive = [info.runtime, info.natives]),
        outputs = [app],
        mnemonic = "CSharpProgram",
        progress_message = "Laying out C# program %s" % ctx.label,
    )
    launcher = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(
        launcher,
        _LAUNCHER.format(
            app = app.basename,
            dotnet = SDK.dotnet,
            entry = entry,
            words = "".join([word + " " for word in words]),
        ),
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [app, launcher] + ctx.files.data)
    for data in ctx.attr.data:
        runfiles = runfiles.merge(data[DefaultInfo].default_runfiles)
    return DefaultInfo(
        executable = launcher,
        files = depset([launcher, app]),
        runfiles = runfiles,
    )

_PROGRAM_ATTRS = dict(
    ASSEMBLY_ATTRS,
    data = attr.label_list(
        doc = "Files and programs to have at run time.",
        allow_files = True,
    ),
)

def _csharp_binary_impl(ctx):
    outputs, info = compile_csharp(ctx, "exe", documented = False)
    return [_program(ctx, info, outputs[0].basename), info]

csharp_binary = rule(
    implementation = _csharp_binary_impl,
    attrs = _PROGRAM_ATTRS,
    executable = True,
)

def _csharp_test_impl(ctx):
    outputs, info = compile_csharp(ctx, "library", documented = False)
    runner = ctx.attr._runner[CSharpInfo]
    program = CSharpInfo(
        licenses = info.licenses,
        native_symbols = info.native_symbols,
        natives = info.natives,
        references = info.references,
        runtime = depset(transitive = [info.runtime, runner.runtime]),
        symbols = info.symbols,
    )
    name = outputs[0].basename[:-len(".dll")]
    return [_program(ctx, program, "TestRunner.dll", [name])]

csharp_test = rule(
    implementation = _csharp_test_impl,
    attrs = dict(
        _PROGRAM_ATTRS,
        _runner = attr.label(
            default = "//tools/dotnet/runner:TestRunner",
            providers = [CSharpInfo],
        ),
    ),
    test = True,
)
