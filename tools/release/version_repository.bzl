"""What the file VERSION says, for BUILD files."""

def _version_repository_impl(repository_ctx):
    version = repository_ctx.read(Label("//:VERSION")).strip()
    numbers = version.partition("-")[0].split(".")
    if len(numbers) != 3 or [n for n in numbers if not n.isdigit()]:
        fail("VERSION is %r, not MAJOR.MINOR.PATCH or that with -LABEL" % version)
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD")
    repository_ctx.file("version.bzl", "VERSION = %r\n" % version)

version_repository = repository_rule(
    doc = "Has VERSION, the version of Asyncpal, in its version.bzl.",
    implementation = _version_repository_impl,
)
