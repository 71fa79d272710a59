"""Programs that only some tests need: a test is skipped without its program.

`./bazelw --config=ci` installs them all; packages.txt has the names.
"""

_MAVEN_PLUGINS = "/usr/share/maven-repo/org/apache/maven/plugins/"

# What has to be on the machine for each.
_PROGRAMS = {
    "cmake": ["/usr/bin/cmake", "/usr/bin/make"],
    "maven": [
        "/usr/bin/mvn",
        "/usr/share/maven-repo/org/codehaus/mojo/exec-maven-plugin/3.1.0",
        _MAVEN_PLUGINS + "maven-compiler-plugin/3.10.1",
        _MAVEN_PLUGINS + "maven-resources-plugin/3.3.0",
    ],
    "prometheus-cpp": ["/usr/include/prometheus/collectable.h"],
}

def _programs_repository_impl(repository_ctx):
    found = [
        name
        for name, paths in _PROGRAMS.items()
        if not [p for p in paths if not repository_ctx.path(p).exists]
    ]
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD")
    repository_ctx.file("programs.bzl", "PROGRAMS = %r\nKNOWN = %r\n" % (
        found,
        _PROGRAMS.keys(),
    ))

programs_repository = repository_rule(
    doc = "Says in programs.bzl which programs the machine has.",
    implementation = _programs_repository_impl,
    configure = True,
)
