"""The machine's JDK and JUnit 5, found when Bazel fetches.

BUILD files name `//tools/deps:jdk`, `//tools/deps:jni` and
`//tools/deps:junit5`.
"""

_JDK_PACKAGE = "openjdk-17-jdk-headless"
_OLDEST_JDK = 17

# What the rules of //tools/jvm call. `release` tells which JDK it is, so that
# another one builds everything again.
_JDK_FILES = ["bin/java", "bin/javac", "bin/javadoc", "release"]

_JAR_FOLDER = "/usr/share/java"
_JUNIT_JARS = [
    "apiguardian-api.jar",
    "junit-jupiter-api.jar",
    "junit-jupiter-engine.jar",
    "junit-jupiter-params.jar",
    "junit-platform-commons.jar",
    "junit-platform-engine.jar",
    "junit-platform-launcher.jar",
    "junit-platform-reporting.jar",
    "opentest4j.jar",
    "univocity-parsers.jar",
]

_BUILD_HEAD = """
load("@rules_cc//cc:defs.bzl", "cc_library")
load(":missing_library.bzl", "missing_library")

package(default_visibility = ["//visibility:public"])
"""

_BUILD_JDK = """
filegroup(name = "jdk", srcs = %r)

cc_library(
    name = "jni",
    hdrs = glob(["include/**/*.h"]),
    includes = ["include", "include/linux"],
)
"""

def _find_jdk(repository_ctx):
    """Returns the JDK's folder, or None if there is none."""
    home = repository_ctx.os.environ.get("JAVA_HOME")
    if home:
        if not repository_ctx.path(home + "/bin/javac").exists:
            fail(("JAVA_HOME is %s, which has no bin/javac: name a JDK, or " +
                  "unset it to use the javac on PATH") % home)
        return repository_ctx.path(home)
    javac = repository_ctx.which("javac")
    return javac.realpath.dirname.dirname if javac else None

def _check_version(repository_ctx, home):
    release = repository_ctx.read(home.get_child("release"))
    for line in release.splitlines():
        name, _, value = line.partition("=")
        if name == "JAVA_VERSION":
            version = value.strip('"')
            if int(version.split(".")[0]) >= _OLDEST_JDK:
                return
            fail("%s is a JDK %s, and at least %d is needed: " %
                 (home, version, _OLDEST_JDK) +
                 "apt-get install %s, or set JAVA_HOME" % _JDK_PACKAGE)
    fail("%s/release does not tell the version of this JDK" % home)

def _missing(name, package):
    return "missing_library(name = %r, package = %r)" % (name, package)

def _jdk(repository_ctx):
    home = _find_jdk(repository_ctx)
    if not home:
        return [_missing(name, _JDK_PACKAGE) for name in ["jdk", "jni"]]
    _check_version(repository_ctx, home)
    for name in _JDK_FILES + ["include"]:
        repository_ctx.symlink("%s/%s" % (home, name), name)
    return [_BUILD_JDK % _JDK_FILES]

def _junit(repository_ctx):
    jars = [repository_ctx.path(_JAR_FOLDER + "/" + j) for j in _JUNIT_JARS]
    for jar in jars:
        if not jar.exists:
            return [_missing("junit5", "junit5")]
        repository_ctx.symlink(jar, "junit5/" + jar.basename)
    return ["filegroup(name = \"junit5\", srcs = glob([\"junit5/*.jar\"]))"]

def _jdk_repository_impl(repository_ctx):
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD", "\n".join(
        [_BUILD_HEAD] + _jdk(repository_ctx) + _junit(repository_ctx),
    ))
    repository_ctx.symlink(
        Label("//tools/deps:missing_library.bzl"),
        "missing_library.bzl",
    )

jdk_repository = repository_rule(
    doc = "JAVA_HOME's JDK or else the one of the javac on PATH, and JUnit 5.",
    implementation = _jdk_repository_impl,
    configure = True,
    environ = ["JAVA_HOME"],
)
