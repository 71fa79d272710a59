"""speedscope's page, from npm, for the tests that look at a trace with it."""

_VERSION = "1.22.2"

_BUILD = """
filegroup(
    name = "files",
    srcs = ["error.txt"] + glob(
        ["node_modules/speedscope/dist/release/**"],
        allow_empty = True,
    ),
    visibility = ["//visibility:public"],
)
"""

def _install(repository_ctx):
    """Downloads it; returns why it is not there, or "" if it is."""
    npm = repository_ctx.which("npm")
    if not npm:
        return "npm is not installed"
    if not repository_ctx.which("chromium"):
        return "chromium is not installed"
    answer = repository_ctx.execute(
        [
            npm,
            "install",
            "--silent",
            "--no-save",
            "--ignore-scripts",
            "--prefix",
            ".",
            "speedscope@" + _VERSION,
        ],
        timeout = 300,
    )
    if answer.return_code == 0:
        return ""
    return "npm failed: " + answer.stdout + answer.stderr

def _speedscope_repository_impl(repository_ctx):
    repository_ctx.file("error.txt", _install(repository_ctx))
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD", _BUILD)

speedscope_repository = repository_rule(
    doc = """Its static files, where there is a browser to look at them.

`files` are these, and `error.txt`, which says why there are none, or is empty.""",
    implementation = _speedscope_repository_impl,
    configure = True,
    environ = ["PATH"],
)
