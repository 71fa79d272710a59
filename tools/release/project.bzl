"""What every package says about the project, besides its version.

The addresses belong to the domain of the Java package's group, io.asyncpal. A
release checks first that they are reachable (CONTRIBUTING.md, "Versions").
"""

PROJECT = struct(
    authors = "The Asyncpal Authors",
    license = "MIT",
    license_url = "https://opensource.org/license/mit",
    # Where the repository is, for people and for Git.
    repository = "https://asyncpal.io/asyncpal.git",
    title = "Asyncpal",
    url = "https://asyncpal.io",
)
