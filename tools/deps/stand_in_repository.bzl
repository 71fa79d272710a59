"""A repository made of files that this workspace carries."""

def _stand_in_repository_impl(repository_ctx):
    repository_ctx.file("WORKSPACE")
    for label, path in repository_ctx.attr.files.items():
        repository_ctx.symlink(label, path)
        folder, _, name = path.rpartition("/")
        if name != "BUILD":
            repository_ctx.file(folder + "/BUILD")

stand_in_repository = repository_rule(
    doc = "Links files of this workspace into a repository of their own.",
    implementation = _stand_in_repository_impl,
    attrs = {
        "files": attr.label_keyed_string_dict(
            doc = "Each file with its path in the new repository.",
            mandatory = True,
        ),
    },
)
