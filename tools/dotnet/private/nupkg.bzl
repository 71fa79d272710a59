"""NuGet packages."""

load("@asyncpal_dotnet//:sdk.bzl", "SDK")
load("//tools/native:defs.bzl", "TRANSITION_ATTRS", "optimized")
load("//tools/release:project.bzl", "PROJECT")
load(":csharp_library.bzl", "CSharpInfo")

def _metadata(ctx):
    return {
        "id": ctx.attr.id,
        "version": ctx.attr.version,
        "authors": ctx.attr.authors,
        "description": ctx.attr.description,
        "license": ctx.attr.license,
        "projectUrl": ctx.attr.url,
        "readme": "README.md",
        "repository": ctx.attr.repository,
        "tags": " ".join(ctx.attr.package_tags),
    }

def _pack(ctx, ending, files, folders = {}, metadata = None, dependencies = {}):
    """Packs files and folders, which are depsets by their place in the package."""
    stem = "%s.%s" % (ctx.attr.id, ctx.attr.version)
    manifest = ctx.actions.declare_file("%s.%s.json" % (ctx.label.name, ending))
    ctx.actions.write(manifest, json.encode(struct(
        dependencies = dependencies,
        files = {path: file.path for path, file in files.items()},
        folders = {
            place: [folder.path for folder in depset.to_list()]
            for place, depset in folders.items()
        },
        framework = SDK.tfm,
        metadata = metadata,
    )))
    package = ctx.actions.declare_file("%s.%s" % (stem, ending))
    status = [ctx.info_file] if ctx.attr.stamp else []
    ctx.actions.run(
        executable = ctx.executable._pack,
        arguments = [package.path, manifest.path] + [f.path for f in status],
        inputs = depset(
            files.values() + [manifest] + status,
            transitive = folders.values(),
        ),
        outputs = [package],
        mnemonic = "NuGetPack",
        progress_message = "Packing %s" % package.short_path,
    )
    return package

def _nupkg_impl(ctx):
    lib = "lib/%s/" % SDK.tfm
    info = ctx.attr.library[0][CSharpInfo]
    files = {lib + f.basename: f for f in ctx.files.library}
    files["README.md"] = ctx.file.readme
    files.update({
        path: target.files.to_list()[0]
        for target, path in ctx.attr.files.items()
    })
    brought = ctx.attr.natives
    package = _pack(
        ctx,
        "nupkg",
        files,
        # The only platform that the native libraries are built for.
        {
            "licenses": info.licenses,
            "runtimes/linux-x64/native": info.natives,
        } if brought else {},
        metadata = _metadata(ctx),
        dependencies = ctx.attr.dependencies,
    )
    symbols = _pack(
        ctx,
        "snupkg",
        {lib + info.symbols.basename: info.symbols},
        metadata = dict(
            id = ctx.attr.id,
            version = ctx.attr.version,
            authors = ctx.attr.authors,
            description = ctx.attr.description,
            packageTypes = "SymbolsPackage",
            repository = ctx.attr.repository,
        ),
    )

    # Galleries refuse symbols of native code in a .snupkg.
    debug = []
    if brought:
        debug = [_pack(ctx, "debug.zip", {}, {"": info.native_symbols})]
    return [
        DefaultInfo(
            files = depset([package]),
            runfiles = ctx.runfiles(files = [package]),
        ),
        OutputGroupInfo(
            symbols = depset([symbols] + debug),
        ),
    ]

nupkg = rule(
    implementation = _nupkg_impl,
    attrs = dict({
        "authors": attr.string(default = PROJECT.authors),
        "dependencies": attr.string_dict(
            doc = "Ids of the packages that it needs, with their versions.",
        ),
        "description": attr.string(mandatory = True),
        "files": attr.label_keyed_string_dict(
            doc = "Further files, each with its path in the package.",
            allow_files = True,
        ),
        "id": attr.string(mandatory = True),
        "library": attr.label(
            cfg = optimized,
            mandatory = True,
            providers = [CSharpInfo],
        ),
        "license": attr.string(default = PROJECT.license),
        "natives": attr.bool(
            doc = "Whether it has the shared libraries; else, a dependency does.",
            default = True,
        ),
        "package_tags": attr.string_list(),
        "readme": attr.label(mandatory = True, allow_single_file = [".md"]),
        "repository": attr.string(
            doc = "Where Git finds the sources.",
            default = PROJECT.repository,
        ),
        "stamp": attr.bool(doc = "Whether to name the commit."),
        "url": attr.string(default = PROJECT.url),
        "version": attr.string(mandatory = True),
        "_pack": attr.label(
            default = "//tools/dotnet:pack",
            executable = True,
            cfg = "exec",
        ),
    }, **TRANSITION_ATTRS),
)
