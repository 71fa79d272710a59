"""What MODULE.bazel needs: the repositories of asyncpal_repositories()."""

load("//tools/dotnet:repositories.bzl", "dotnet_repositories")
load("//tools/release:version_repository.bzl", "version_repository")
load("//tools/trace_report:speedscope_repository.bzl", "speedscope_repository")
load(":jdk_repository.bzl", "jdk_repository")
load(":programs_repository.bzl", "programs_repository")
load(":system_repository.bzl", "system_repository")

def _repository(label):
    # The name that is the same in every module.
    return "@@" + label.workspace_name

def _asyncpal_deps_impl(_module_ctx):
    system_repository(
        name = "asyncpal_system",
        abseil = _repository(Label("@abseil-cpp//:MODULE.bazel")),
        capnp = _repository(Label("@capnp-cpp//:MODULE.bazel")),
        googletest = _repository(Label("@googletest//:MODULE.bazel")),
    )
    jdk_repository(name = "asyncpal_jdk")
    programs_repository(name = "asyncpal_programs")
    speedscope_repository(name = "asyncpal_speedscope")
    version_repository(name = "asyncpal_version")
    dotnet_repositories()

asyncpal_deps = module_extension(implementation = _asyncpal_deps_impl)
