"""The repositories that the C# rules need."""

load("//tools/dotnet/private:dotnet_repository.bzl", "dotnet_repository")
load("//tools/dotnet/private:nuget_repository.bzl", "nuget_repository")

# What tests run on. Directory.Packages.props has the versions.
_PACKAGES = [
    "xunit.abstractions",
    "xunit.assert",
    "xunit.extensibility.core",
    "xunit.extensibility.execution",
]

def _undeclared(_name):
    return False

def dotnet_repositories(declared = _undeclared):
    """Declares the repositories.

    Args:
      declared: tells of a name whether it is declared already.
    """
    if not declared("asyncpal_dotnet"):
        dotnet_repository(name = "asyncpal_dotnet")
    if not declared("asyncpal_nuget"):
        nuget_repository(
            name = "asyncpal_nuget",
            packages = _PACKAGES,
            versions = Label("//tools/dotnet:Directory.Packages.props"),
        )

def asyncpal_dotnet_repositories():
    """Declares what the calling WORKSPACE has not declared."""
    dotnet_repositories(native.existing_rule)
