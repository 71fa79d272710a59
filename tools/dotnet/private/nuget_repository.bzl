"""NuGet packages, brought by the machine's own `dotnet restore`."""

load(":find_sdk.bzl", "find_sdk")

_PROJECT = """
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>%s</TargetFramework></PropertyGroup>
  <ItemGroup>
%s
  </ItemGroup>
</Project>
"""

_BUILD = """
exports_files(glob(["packages/**/*.dll"], allow_empty = True))

# For the feeds of projects that restore them.
filegroup(
    name = "nupkgs",
    srcs = glob(["packages/**/*.nupkg"], allow_empty = True),
    visibility = ["//visibility:public"],
)
"""

def _restore(repository_ctx, sdk):
    """Restores all packages; returns the error, or "" if there is none."""
    references = [
        '    <PackageReference Include="%s" />' % id
        for id in repository_ctx.attr.packages
    ]
    repository_ctx.symlink(
        repository_ctx.attr.versions,
        "Directory.Packages.props",
    )
    repository_ctx.file(
        "restored.csproj",
        _PROJECT % (sdk.tfm, "\n".join(references)),
    )
    command = ["restore", "--packages", "packages", "--disable-build-servers"]
    answer = repository_ctx.execute(
        [sdk.dotnet] + command + ["--verbosity", "quiet", "restored.csproj"],
        environment = {"DOTNET_CLI_TELEMETRY_OPTOUT": "1"},
        timeout = 300,
    )
    return answer.stdout + answer.stderr if answer.return_code != 0 else ""

def _read_packages(repository_ctx, sdk):
    """Packages as structs by lower-case name, as NuGet has resolved them."""
    assets = json.decode(repository_ctx.read("obj/project.assets.json"))
    packages = {}
    for key, package in assets["targets"][sdk.tfm].items():
        folder = "packages/" + assets["libraries"][key]["path"] + "/"
        packages[key.split("/")[0].lower()] = struct(
            deps = [id.lower() for id in package.get("dependencies", {})],
            dlls = [
                folder + path
                for path in package.get("runtime", {})
                if path.endswith(".dll")
            ],
            error = "",
        )
    return packages

def _nuget_repository_impl(repository_ctx):
    sdk = find_sdk(repository_ctx)
    error = sdk if type(sdk) == "string" else _restore(repository_ctx, sdk)
    if error:
        packages = {
            id: struct(deps = [], dlls = [], error = error)
            for id in repository_ctx.attr.packages
        }
    else:
        packages = _read_packages(repository_ctx, sdk)
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD", _BUILD)
    repository_ctx.file("packages.bzl", "PACKAGES = %r\n" % packages)

nuget_repository = repository_rule(
    doc = """Restores packages from wherever the machine's NuGet.Config says.

Its packages.bzl says what each package consists of.""",
    implementation = _nuget_repository_impl,
    attrs = {
        "packages": attr.string_list(
            doc = "Ids of packages, in lower case.",
            mandatory = True,
        ),
        "versions": attr.label(
            doc = "The Directory.Packages.props with their versions.",
            mandatory = True,
        ),
    },
    configure = True,
    environ = ["PATH"],
)
