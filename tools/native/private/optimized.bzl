"""How native code that is published gets built."""

_OPTIONS = {
    "//command_line_option:compilation_mode": "opt",
    # Line numbers for the symbols that are kept beside the stripped library.
    "//command_line_option:copt": ["-g1"],
    "//command_line_option:cxxopt": [],
    # One set of objects for shared libraries, and for archives.
    "//command_line_option:force_pic": True,
    "//command_line_option:linkopt": [],
    # The bundle strips its libraries itself, and keeps what it takes off.
    "//command_line_option:strip": "never",
}

def _optimized_impl(_settings, _attr):
    return _OPTIONS

# Whatever the command line says, what is packed is the same.
optimized = transition(
    implementation = _optimized_impl,
    inputs = [],
    outputs = _OPTIONS.keys(),
)

# What each rule with such a transition has among its attributes.
TRANSITION_ATTRS = {
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
}
