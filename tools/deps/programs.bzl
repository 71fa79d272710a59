"""Tests that need a program which only CI installs."""

load("@asyncpal_programs//:programs.bzl", "KNOWN", "PROGRAMS")

def only_with(program):
    """The target_compatible_with of what needs a program.

    Without it, `bazel test //...` skips the target.

    Args:
      program: a name of programs_repository.bzl.

    Returns:
      A list of constraints.
    """
    if program not in KNOWN:
        fail("%s is none of the programs %s" % (program, ", ".join(KNOWN)))
    if program in PROGRAMS:
        return []
    return [Label("//tools/deps:program_is_installed")]
