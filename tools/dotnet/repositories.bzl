"""The repositories that the C# rules need."""

load("//tools/dotnet/private:dotnet_repository.bzl", "dotnet_repository")
load("//tools/dotnet/private:nuget_repository.bzl", "nuget_repository")
load("//tools/dotnet/private:nuget_tool_repository.bzl", "nuget_tool_repository")

# What tests run on. Directory.Packages.props has the versions.
_PACKAGES = [
    "xunit.abstractions",
    "xunit.assert",
    "xunit.extensibility.core",
    "xunit.extensibility.execution",
]

# What few tests run on, apart: where it can't be had, the others run.
_TELEMETRY_PACKAGES = [
    "opentelemetry",
    "opentelemetry.exporter.inmemory",
]

# What the package depends on, for tests of programs that dotnet alone builds.
_LOGGING_PACKAGES = ["microsoft.extensions.logging.abstractions"]

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
    if not declared("asyncpal_nuget_logging"):
        nuget_repository(
            name = "asyncpal_nuget_logging",
            packages = _LOGGING_PACKAGES,
            versions = Label("//tools/dotnet:Directory.Packages.props"),
        )
    if not declared("asyncpal_nuget_telemetry"):
        nuget_repository(
            name = "asyncpal_nuget_telemetry",
            packages = _TELEMETRY_PACKAGES,
            versions = Label("//tools/dotnet:Directory.Packages.props"),
        )
    if not declared("asyncpal_dotnet_counters"):
        nuget_tool_repository(
            name = "asyncpal_dotnet_counters",
            package = "dotnet-counters",
            version = "10.0.750501",
        )

def asyncpal_dotnet_repositories():
    """Declares what the calling WORKSPACE has not declared."""
    dotnet_repositories(native.existing_rule)
