"""What every package says of the project, beside its version."""

PROJECT = struct(
    authors = "The Asyncpal Authors",
    license = "MIT",
    license_url = "https://opensource.org/license/mit",
    # Where the repository is, for people and for Git.
    repository = "https://asyncpal.io/asyncpal.git",
    title = "Asyncpal",
    url = "https://asyncpal.io",
)
