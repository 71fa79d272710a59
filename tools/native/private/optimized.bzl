"""How native code that is published gets built."""

_OPTIONS = {"//command_line_option:compilation_mode": "fastbuild"}

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
