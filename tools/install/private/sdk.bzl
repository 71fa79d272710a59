"""The C++ library as other build systems take it."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("//tools/native:defs.bzl", "TRANSITION_ATTRS", "optimized")
load("//tools/release:project.bzl", "PROJECT")

# Headers lie where their include_prefix says, in folders of this name.
_HEADERS = "/_virtual_includes/"

# The repository of the system's libraries: its targets have the names by which
# pkg-config knows them.
_SYSTEM = "asyncpal_system"

def _headers(contexts):
    """Maps paths below an include folder to headers, ours only."""
    headers = {}
    for context in contexts:
        for file in context.compilation_context.headers.to_list():
            if file.owner.workspace_name or _HEADERS not in file.path:
                continue
            headers[file.path.partition(_HEADERS)[2].partition("/")[2]] = file
    return headers

def _libraries(contexts, entry):
    """Sorts what is linked: archives and flags, ours and the entry's; the system's."""
    ours, start, our_flags, flags, system = {}, {}, [], [], {}
    for context in contexts:
        for library in context.linking_context.linker_inputs.to_list():
            if library.owner.workspace_name == _SYSTEM:
                if library.user_link_flags:
                    system[library.owner.name] = True
                continue
            archives = start if library.owner == entry else ours
            for file in library.libraries:
                archives[file.pic_static_library] = True
            if library.owner == entry:
                flags = library.user_link_flags
            else:
                our_flags += [
                    flag
                    for flag in library.user_link_flags
                    if flag not in our_flags
                ]
    return struct(
        entry = start.keys(),
        entry_flags = flags,
        our_flags = our_flags,
        ours = ours.keys(),
        system = sorted(system.keys()),
    )

def _cc_sdk_impl(ctx):
    contexts = [dep[CcInfo] for dep in ctx.attr.deps]
    headers = _headers(contexts)
    libraries = _libraries(contexts, ctx.attr.entry[0].label)
    toolchain = find_cpp_toolchain(ctx)
    folder = ctx.actions.declare_directory(ctx.label.name)
    manifest = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(manifest, json.encode(struct(
        ar = toolchain.ar_executable,
        archives = [file.path for file in libraries.ours],
        compiler = toolchain.compiler_executable,
        description = ctx.attr.description,
        docs = [file.path for file in ctx.files.docs],
        entry = [file.path for file in libraries.entry],
        exports = ctx.file.exports.path,
        headers = {path: file.path for path, file in headers.items()},
        link_flags = libraries.entry_flags,
        # In the shared library they have done what they are for.
        static_link_flags = libraries.our_flags,
        strip = toolchain.strip_executable,
        system = libraries.system,
        templates = [file.path for file in ctx.files._templates],
        url = PROJECT.url,
        version = ctx.attr.version,
    )))
    ctx.actions.run(
        executable = ctx.executable._assemble,
        arguments = [manifest.path, folder.path],
        inputs = depset(
            headers.values() + libraries.ours + libraries.entry + ctx.files.docs +
            ctx.files._templates + [manifest, ctx.file.exports],
            transitive = [toolchain.all_files],
        ),
        outputs = [folder],
        mnemonic = "CcSdk",
        progress_message = "Assembling %s" % folder.short_path,
        use_default_shell_env = True,
    )
    return [DefaultInfo(
        files = depset([folder]),
        runfiles = ctx.runfiles(files = [folder]),
    )]

cc_sdk = rule(
    doc = "A folder with headers, libraries, and what finds them.",
    implementation = _cc_sdk_impl,
    attrs = dict({
        "deps": attr.label_list(
            doc = "What programs may include, with all that this needs.",
            cfg = optimized,
            mandatory = True,
            providers = [CcInfo],
        ),
        "description": attr.string(mandatory = True),
        "docs": attr.label_list(allow_files = True),
        "entry": attr.label(
            doc = "What programs link statically in any case, with flags.",
            cfg = optimized,
            mandatory = True,
            providers = [CcInfo],
        ),
        "exports": attr.label(
            doc = "The version script of the shared library.",
            allow_single_file = True,
            mandatory = True,
        ),
        "version": attr.string(mandatory = True),
        "_assemble": attr.label(
            default = "//tools/install/private:assemble",
            executable = True,
            cfg = "exec",
        ),
        "_cc_toolchain": attr.label(
            default = "@bazel_tools//tools/cpp:current_cc_toolchain",
        ),
        "_templates": attr.label(
            default = "//tools/install/private:templates",
        ),
    }, **TRANSITION_ATTRS),
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
