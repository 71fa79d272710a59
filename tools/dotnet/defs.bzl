"""C# rules: libraries, programs, tests and NuGet packages."""

load("@asyncpal_dotnet//:sdk.bzl", "SDK")
load("@rules_shell//shell:sh_test.bzl", "sh_test")
load(
    "//tools/dotnet/private:csharp_library.bzl",
    "csharp_import",
    "csharp_library",
)
load(
    "//tools/dotnet/private:csharp_program.bzl",
    "csharp_binary",
    "csharp_test",
)
load("//tools/dotnet/private:nupkg.bzl", "nupkg")

# Without an SDK, `bazel build //...` skips the targets, and what depends on
# them.
DOTNET_ONLY = [] if SDK else [Label("//tools/dotnet:sdk_is_installed")]

_SDK_COMMAND = Label("//tools/dotnet:sdk_command.sh")

def asyncpal_csharp_library(name, **kwargs):
    """An assembly. Its public members need XML comments.

    Nullable reference types are on, and warnings are errors.

    Args:
      name: the target's name.
      **kwargs: srcs, deps (other C# targets), assembly_name (by default the
        target's name), version ("1.2.3"), frameworks (shared frameworks besides
        Microsoft.NETCore.App: ["Microsoft.AspNetCore.App"]), natives (bundles
        of tools/native that the code loads), unsafe (whether pointers may be
        used), aot_compatible (as IsAotCompatible in a project file), and what
        all rules have.
    """
    csharp_library(
        name = name,
        target_compatible_with = DOTNET_ONLY,
        **kwargs
    )

def asyncpal_csharp_binary(name, **kwargs):
    """A program, which `bazel run` runs.

    Args:
      name: the target's name.
      **kwargs: as for asyncpal_csharp_library, and data.
    """
    csharp_binary(
        name = name,
        target_compatible_with = DOTNET_ONLY,
        **kwargs
    )

def asyncpal_csharp_test(name, deps = [], size = "small", **kwargs):
    """Runs the xunit tests in its sources, one after the other.

    --test_filter takes part of a test's full name, or a pattern for all of it:
    '*.ThrowsWhen*'. A test that runs nothing fails.

    Args:
      name: the target's name.
      deps: C# targets besides xunit's.
      size: as for all tests.
      **kwargs: as for asyncpal_csharp_binary, and what all tests have.
    """
    csharp_test(
        name = name,
        size = size,
        deps = deps + [
            Label("//tools/dotnet/nuget:xunit.assert"),
            Label("//tools/dotnet/nuget:xunit.extensibility.core"),
        ],
        target_compatible_with = DOTNET_ONLY,
        **kwargs
    )

def asyncpal_csharp_import(name, **kwargs):
    """Assemblies that are there already.

    Args:
      name: the target's name.
      **kwargs: dlls, and deps, which they need.
    """
    csharp_import(
        name = name,
        target_compatible_with = DOTNET_ONLY,
        **kwargs
    )

def asyncpal_nupkg(name, visibility = None, **kwargs):
    """A NuGet package with one assembly and the shared libraries it needs.

    Makes <id>.<version>.nupkg, and as <name>_symbols .snupkg with the
    assembly's symbols and .debug.zip with those of the native libraries. All
    code is optimized, whatever the command line says.

    Args:
      name: the target's name.
      visibility: as for all rules.
      **kwargs: library (an asyncpal_csharp_library), id, version, description,
        readme, package_tags, files (further files with their paths in the
        package), dependencies (ids of packages with versions), natives (False:
        a dependency brings them), where they are not those of //tools/release
        authors, license (an SPDX expression), repository and url, and what all
        rules have.
    """
    native.filegroup(
        name = name + "_symbols",
        srcs = [name],
        output_group = "symbols",
        testonly = kwargs.get("testonly"),
        visibility = visibility,
    )
    nupkg(
        name = name,
        visibility = visibility,
        stamp = select({
            str(Label("//tools/release:stamped")): True,
            "//conditions:default": False,
        }),
        target_compatible_with = DOTNET_ONLY,
        **kwargs
    )

def asyncpal_nupkg_test(
        name,
        package,
        srcs,
        needs = [],
        size = "large",
        **kwargs):
    """Builds and runs a console program against a package and nothing else.

    It passes when the program returns 0, in an empty folder and without what
    Bazel has built, except for the package.

    Args:
      name: the target's name.
      package: the asyncpal_nupkg.
      srcs: the program.
      needs: targets of .nupkg files that the package depends on.
      size: as for all tests.
      **kwargs: as for sh_test.
    """
    sh_test(
        name = name,
        size = size,
        srcs = [Label("//tools/dotnet:package_test.sh")],
        args = ([SDK.dotnet, SDK.tfm] if SDK else []) + [
            "$(rootpath %s)" % file
            for file in [_SDK_COMMAND, package] + srcs
        ] + ["$(rootpaths %s)" % target for target in needs],
        data = [_SDK_COMMAND, package] + srcs + needs,
        target_compatible_with = DOTNET_ONLY,
        **kwargs
    )

def asyncpal_publish_test(
        name,
        package,
        src,
        way,
        says,
        needs = [],
        size = "large",
        **kwargs):
    """Builds a program with a package in one way, and compares its output.

    Args:
      name: the target's name.
      package: the asyncpal_nupkg.
      src: the program, one file.
      way: "framework", "single", "trimmed", "native" or "script"; see
        publish_test.sh.
      says: the line that the program writes.
      needs: as for asyncpal_nupkg_test.
      size: as for all tests.
      **kwargs: as for sh_test.
    """
    sh_test(
        name = name,
        size = size,
        srcs = [Label("//tools/dotnet:publish_test.sh")],
        args = ([SDK.dotnet, SDK.tfm] if SDK else []) + [
            "$(rootpath %s)" % _SDK_COMMAND,
            "$(rootpath %s)" % package,
            way,
            "$(rootpath %s)" % src,
            "'%s'" % says,
        ] + ["$(rootpaths %s)" % target for target in needs],
        data = [_SDK_COMMAND, package, src] + needs,
        tags = ["requires-network"],
        target_compatible_with = DOTNET_ONLY,
        **kwargs
    )

def asyncpal_csproj_test(name, project, srcs, size = "small", **kwargs):
    """Whether a project file for IDEs compiles what Bazel does.

    It fails where a .cs file in the project's folder is in one of both only.

    Args:
      name: the target's name.
      project: the .csproj, in a folder of this package.
      srcs: the sources, less the generated ones.
      size: as for all tests.
      **kwargs: as for sh_test.
    """
    folder = project.rpartition("/")[0]
    sh_test(
        name = name,
        size = size,
        srcs = [Label("//tools/dotnet:csproj_test.py")],
        args = ["$(rootpath %s)" % file for file in [project] + srcs],
        data = [project] + native.glob([folder + "/**/*.cs"]),
        **kwargs
    )
