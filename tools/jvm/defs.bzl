"""Java rules that use the machine's JDK.

Bazel's own java_library needs tools that it would have to download.
"""

load("//tools/jvm/private:executable.bzl", "java_binary", "java_test")
load("//tools/jvm/private:library.bzl", "java_import", "java_library")
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
    -javadoc.jar (an error in a comment, or a missing one, fails the build) and
    .pom.

    Args:
      name: the target's name.
      **kwargs: library, natives (an asyncpal_native_bundle, optional),
        exported_packages (those that users see, which get documented), group_id,
        artifact_id, version, title, description, url (optional), license (the
        file), license_name, module_name.
    """
    java_package(name = name, **kwargs)

def asyncpal_java_package_test(name, main_class, package, size = "small", **kwargs):
    """Runs a program against a package alone, as a user would.

    It is compiled against the package's jar and runs in an empty folder, with
    an empty environment and no runfiles. It has to exit with 0, and to leave no
    file behind.

    Args:
      name: the target's name.
      main_class: the class whose main() runs, with its package.
      package: the asyncpal_java_package.
      size: as for cc_test.
      **kwargs: srcs and the like, as for asyncpal_java_library, and jvm_flags.
    """
    java_package_test(
        name = name,
        main_class = main_class,
        package = package,
        size = size,
        **kwargs
    )
