"""A program from NuGet, brought by the machine's own `dotnet restore`."""

load(":find_sdk.bzl", "find_sdk")

_PROJECT = """
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>%s</TargetFramework></PropertyGroup>
  <ItemGroup><PackageDownload Include="%s" Version="[%s]" /></ItemGroup>
</Project>
"""

_BUILD = """
filegroup(
    name = "tool",
    srcs = ["error.txt"] + glob(["packages/**/tools/**"], allow_empty = True),
    visibility = ["//visibility:public"],
)
"""

def _restore(repository_ctx):
    """Downloads the package; returns the error, or "" if there is none."""
    sdk = find_sdk(repository_ctx)
    if type(sdk) == "string":
        return sdk
    repository_ctx.file(
        "restored.csproj",
        _PROJECT % (sdk.tfm, repository_ctx.attr.package, repository_ctx.attr.version),
    )
    answer = repository_ctx.execute(
        [
            sdk.dotnet,
            "restore",
            "--packages",
            "packages",
            "--disable-build-servers",
            "--verbosity",
            "quiet",
            "restored.csproj",
        ],
        environment = {"DOTNET_CLI_TELEMETRY_OPTOUT": "1"},
        timeout = 300,
    )
    return answer.stdout + answer.stderr if answer.return_code != 0 else ""

def _nuget_tool_repository_impl(repository_ctx):
    repository_ctx.file("error.txt", _restore(repository_ctx))
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD", _BUILD)

nuget_tool_repository = repository_rule(
    doc = """Restores a tool from wherever the machine's NuGet.Config says.

Its `tool` is what the package has in `tools/`, and `error.txt`, which says why
there is nothing, or is empty.""",
    implementation = _nuget_tool_repository_impl,
    attrs = {
        "package": attr.string(doc = "Its id, in lower case.", mandatory = True),
        "version": attr.string(doc = "Exactly this one.", mandatory = True),
    },
    configure = True,
    environ = ["PATH"],
)
