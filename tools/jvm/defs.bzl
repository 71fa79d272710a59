"""Java rules that use the machine's JDK.

Bazel's own java_library needs tools that it would have to download.
"""

load("@rules_shell//shell:sh_test.bzl", "sh_test")
load("//tools/deps:programs.bzl", "only_with")
load("//tools/jvm/private:executable.bzl", "java_binary", "java_test")
load("//tools/jvm/private:library.bzl", "java_import", "java_library")
load("//tools/jvm/private:maven_repository.bzl", "maven_repository")
load("//tools/jvm/private:package.bzl", "java_package")
load("//tools/jvm/private:package_test.bzl", "java_package_test")

def asyncpal_java_library(name, **kwargs):
    """A jar of Java code for other code to use. Warnings are errors.

    Args:
      name: the target's name; the jar is lib<name>.jar.
      **kwargs: srcs (.java files, or folders of them that a rule makes),
        srcjars (zip files of them), deps, native_deps (shared libraries for
        System.loadLibrary), resources (each file with its path in the jar),
        javacopts, and lint = False for generated code.
    """
    java_library(name = name, **kwargs)

def asyncpal_java_import(name, jars, **kwargs):
    """Jars made elsewhere, for the deps of other rules.

    Args:
      name: the target's name.
      jars: the jars.
      **kwargs: as for any rule.
    """
    java_import(name = name, jars = jars, **kwargs)

def asyncpal_java_binary(name, main_class, **kwargs):
    """A Java program.

    Args:
      name: the target's name.
      main_class: the class whose main() runs, with its package.
      **kwargs: as for asyncpal_java_library, and jvm_flags and data.
    """
    java_binary(name = name, main_class = main_class, **kwargs)

def asyncpal_java_test(name, size = "small", jvm_flags = [], **kwargs):
    """All JUnit 5 tests of some sources, with assertions enabled.

    Args:
      name: the target's name.
      size: as for cc_test.
      jvm_flags: options of the JVM.
      **kwargs: as for asyncpal_java_binary, and what every test has: timeout,
        shard_count, tags...
    """
    java_test(
        name = name,
        size = size,
        jvm_flags = ["-ea", "-Dfile.encoding=UTF-8"] + jvm_flags,
        **kwargs
    )

def asyncpal_java_package(name, **kwargs):
    """A library as it is published, with its native libraries.

    Makes <artifact_id>-<version>.jar, and with the same stem -sources.jar,
    -javadoc.jar (an error in a comment, or a missing one, fails the build),
    -debug.jar (the symbols of the native libraries) and .pom. Native code is
    optimized, whatever the command line says.

    Args:
      name: the target's name.
      **kwargs: library, natives (an asyncpal_native_bundle, optional),
        exported_packages (those that users see, which get documented), group_id,
        artifact_id, version, title, description, license (the file),
        module_name, and, where they are not those of //tools/release, authors,
        license_name, license_url, repository and url.
    """
    java_package(name = name, **kwargs)

def asyncpal_maven_repository(name, package, **kwargs):
    """A folder that Maven and Gradle resolve a package from, with checksums.

    Args:
      name: the target's name, and the folder's.
      package: the asyncpal_java_package.
      **kwargs: as for any rule.
    """
    maven_repository(name = name, package = package, **kwargs)

def asyncpal_java_package_test(name, main_class, package, size = "small", **kwargs):
    """Runs a program against a package alone, as a user would.

    It is compiled against the package's jar and runs in an empty folder, with
    an empty environment and no runfiles. It has to exit with 0, and to leave no
    file behind, but for one folder that it may keep.

    Args:
      name: the target's name.
      main_class: the class whose main() runs, with its package.
      package: the asyncpal_java_package.
      size: as for cc_test.
      **kwargs: srcs and the like, as for asyncpal_java_library, jvm_flags, and
        keeps, a pattern for the name of a folder that may stay in
        java.io.tmpdir.
    """
    java_package_test(
        name = name,
        main_class = main_class,
        package = package,
        size = size,
        **kwargs
    )

def asyncpal_maven_test(name, repository, artifact, main_class, srcs, size = "medium", **kwargs):
    """Builds and runs a program by Maven, from a repository and nothing else.

    It passes when the program ends with 0. Debian's Maven and plugins do it,
    without a network; where they are not installed, the test is skipped.

    Args:
      name: the target's name.
      repository: the asyncpal_maven_repository.
      artifact: "<group>:<artifact>:<version>".
      main_class: the class whose main() runs, with its package.
      srcs: the program.
      size: as for all tests.
      **kwargs: as for sh_test.
    """
    sh_test(
        name = name,
        size = size,
        srcs = [Label("//tools/jvm/private:maven_test.sh")],
        args = ["$(rootpath %s)" % repository] + artifact.split(":") +
               [main_class] + ["$(rootpath %s)" % file for file in srcs],
        data = [repository] + srcs,
        target_compatible_with = only_with("maven"),
        **kwargs
    )
