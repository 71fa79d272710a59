"""Java rules that use the machine's JDK.

Bazel's own java_library needs tools that it would have to download.
"""

load("//tools/jvm/private:executable.bzl", "java_binary", "java_test")
load("//tools/jvm/private:library.bzl", "java_import", "java_library")

def asyncpal_java_library(name, **kwargs):
    """A jar of Java code for other code to use. Warnings are errors.

    Args:
      name: the target's name; the jar is lib<name>.jar.
      **kwargs: srcs (.java files, or folders of them that a rule makes),
        srcjars (zip files of them), deps, resources (each file with its path in
        the jar), javacopts, and lint = False for generated code.
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
      **kwargs: as for asyncpal_java_library, and jvm_flags, data, and
        native_deps (shared libraries for System.loadLibrary).
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
