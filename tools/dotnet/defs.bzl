"""C# rules: libraries, programs, tests and NuGet packages."""

load("@asyncpal_dotnet//:sdk.bzl", "SDK")
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

# Without an SDK, `bazel build //...` skips the targets, and what depends on
# them.
DOTNET_ONLY = [] if SDK else [Label("//tools/dotnet:sdk_is_installed")]

def asyncpal_csharp_library(name, **kwargs):
    """An assembly. Its public members need XML comments.

    Nullable reference types are on, and warnings are errors.

    Args:
      name: the target's name.
      **kwargs: srcs, deps (other C# targets), assembly_name (by default the
        target's name), version ("1.2.3"), frameworks (shared frameworks besides
        Microsoft.NETCore.App: ["Microsoft.AspNetCore.App"]), natives (shared
        libraries that the code loads), and what all rules have.
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
