"""Finds the .NET SDK of this machine."""

# Older ones have neither the compiler nor the libraries that the sources use.
_MINIMUM_MAJOR = 10

_FRAMEWORKS = ["Microsoft.NETCore.App", "Microsoft.AspNetCore.App"]

# A package of NuGet's that is also part of ASP.NET.
LOGGING = "Microsoft.Extensions.Logging.Abstractions.dll"

def _version(text):
    """The numbers of "10.0.401", or None for previews and other words."""
    words = text.split(".")
    for word in words:
        if not word.isdigit():
            return None
    return [int(word) for word in words]

def _newest(folder, major = None):
    """The path of the newest version that the folder has, or None."""
    names = [path.basename for path in folder.readdir()] if folder.exists else []
    versions = sorted([
        (_version(name), name)
        for name in names
        if _version(name) and major in [None, _version(name)[0]]
    ])
    return folder.get_child(versions[-1][1]) if versions else None

def _reference_assemblies(root, framework, tfm):
    pack = _newest(root.get_child("packs").get_child(framework + ".Ref"))
    folder = pack.get_child("ref").get_child(tfm) if pack else None
    if not folder or not folder.exists:
        return []
    return sorted([
        str(path)
        for path in folder.readdir()
        if path.basename.endswith(".dll")
    ])

def find_sdk(repository_ctx):
    """Returns the SDK as a struct, or a sentence that says what is missing."""
    dotnet = repository_ctx.which("dotnet")
    if not dotnet:
        return "there is no dotnet on PATH"
    root = dotnet.realpath.dirname
    sdk = _newest(root.get_child("sdk"))
    if not sdk:
        return "%s has a runtime, but no SDK" % root
    major = _version(sdk.basename)[0]
    if major < _MINIMUM_MAJOR:
        return "%s is older than .NET %d" % (sdk, _MINIMUM_MAJOR)
    csc = sdk.get_child("Roslyn").get_child("bincore").get_child("csc.dll")
    if not csc.exists:
        return "%s is missing" % csc
    tfm = "net%d.0" % major
    frameworks = {
        name: _reference_assemblies(root, name, tfm)
        for name in _FRAMEWORKS
    }
    for name, assemblies in frameworks.items():
        if not assemblies:
            return "%s/packs has no %s.Ref for %s" % (root, name, tfm)
    aspnet = _newest(root.get_child("shared").get_child(_FRAMEWORKS[1]), major)
    logging = aspnet.get_child(LOGGING) if aspnet else None
    if not logging or not logging.exists:
        return "%s/shared has no %s for %s" % (root, LOGGING, tfm)

    # Actions name these files by absolute paths that hold the version, so
    # another SDK compiles everything again.
    return struct(
        csc = str(csc),
        dotnet = str(dotnet.realpath),
        frameworks = frameworks,
        logging = str(logging),
        tfm = tfm,
    )
