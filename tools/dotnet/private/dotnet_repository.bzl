"""The .NET SDK of this machine, found when Bazel fetches."""

load(":find_sdk.bzl", "LOGGING", "find_sdk")

_SKIPPED = """
print("C# targets are skipped: %s. Install the .NET SDK, then run " +
      "`bazel sync --configure`.")

SDK = None
"""

_BUILD = """
exports_files(glob(["*.dll"], allow_empty = True))
"""

def _dotnet_repository_impl(repository_ctx):
    sdk = find_sdk(repository_ctx)
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD", _BUILD)
    if type(sdk) != "string":
        repository_ctx.symlink(sdk.logging, LOGGING)
    repository_ctx.file(
        "sdk.bzl",
        _SKIPPED % sdk if type(sdk) == "string" else "SDK = %s\n" % sdk,
    )

dotnet_repository = repository_rule(
    doc = "Says in sdk.bzl what SDK is the one of `dotnet` on the PATH.",
    implementation = _dotnet_repository_impl,
    configure = True,
    environ = ["PATH"],
)
