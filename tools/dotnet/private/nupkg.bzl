"""NuGet packages."""

load("@asyncpal_dotnet//:sdk.bzl", "SDK")
load(":csharp_library.bzl", "CSharpInfo")

def _nupkg_impl(ctx):
    lib = "lib/%s/" % SDK.tfm
    info = ctx.attr.library[CSharpInfo]
    files = {lib + f.basename: f for f in ctx.files.library}
    files["README.md"] = ctx.file.readme
    files.update({
        path: target.files.to_list()[0]
        for target, path in ctx.attr.files.items()
    })
    metadata = {
        "id": ctx.attr.id,
        "version": ctx.attr.version,
        "authors": ctx.attr.authors,
        "description": ctx.attr.description,
        "license": ctx.attr.license,
        "readme": "README.md",
        "tags": " ".join(ctx.attr.package_tags),
    }
    manifest = ctx.actions.declare_file(ctx.label.name + ".json")
    brought = ctx.attr.natives
    natives = info.natives if brought else depset()
    licenses = info.licenses if brought else depset()
    ctx.actions.write(manifest, json.encode(struct(
        dependencies = ctx.attr.dependencies,
        files = {path: file.path for path, file in files.items()},
        framework = SDK.tfm,
        licenses = [folder.path for folder in licenses.to_list()],
        metadata = metadata,
        natives = [folder.path for folder in natives.to_list()],
    )))
    package = ctx.actions.declare_file("%s.%s.nupkg" % (
        ctx.attr.id,
        ctx.attr.version,
    ))
    ctx.actions.run(
        executable = ctx.executable._pack,
        arguments = [package.path, manifest.path],
        inputs = depset(
            files.values() + [manifest],
            transitive = [licenses, natives],
        ),
        outputs = [package],
        mnemonic = "NuGetPack",
        progress_message = "Packing %s" % package.short_path,
    )
    return [DefaultInfo(
        files = depset([package]),
        runfiles = ctx.runfiles(files = [package]),
    )]

nupkg = rule(
    implementation = _nupkg_impl,
    attrs = {
        "authors": attr.string(default = "Asyncpal"),
        "dependencies": attr.string_dict(
            doc = "Ids of the packages that it needs, with their versions.",
        ),
        "description": attr.string(mandatory = True),
        "files": attr.label_keyed_string_dict(
            doc = "Further files, each with its path in the package.",
            allow_files = True,
        ),
        "id": attr.string(mandatory = True),
        "library": attr.label(mandatory = True, providers = [CSharpInfo]),
        "license": attr.string(default = "MIT"),
        "natives": attr.bool(
            doc = "Whether it has the shared libraries; else, a dependency does.",
            default = True,
        ),
        "package_tags": attr.string_list(),
        "readme": attr.label(mandatory = True, allow_single_file = [".md"]),
        "version": attr.string(mandatory = True),
        "_pack": attr.label(
            default = "//tools/dotnet:pack",
            executable = True,
            cfg = "exec",
        ),
    },
)
