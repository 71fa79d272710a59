"""The overloads of maps, and of the function that makes all of them alike."""

import dataclasses

import shapes

# IQueryable and the like are often both; whoever awaits the results wants to
# await the inputs, too.
_ASYNC_INPUT_PRIORITY = shapes.ABOVE_ALL_PRIORITIES

_AHEAD = """It is a few tasks ahead of its reader, so that inputs may be
    many, or without end; leaving it early cancels what has not begun."""


@dataclasses.dataclass(frozen=True)
class Map:
  """One of the maps, by its name without Async."""

  is_star: bool
  is_eager: bool
  is_ordered: bool
  is_settled: bool = False

  @property
  def name(self):
    return "".join([
        "Starmap" if self.is_star else "Map",
        "Settled" if self.is_settled else "",
        "All" if self.is_eager else "",
        "" if self.is_ordered else "Unordered",
    ])

  def summary(self, is_async):
    given = "in the order of the inputs" if self.is_ordered else \
        "as they are done"
    what = "each tuple's elements" if self.is_star else \
        "each input, or one of each of several, until the shortest ends"
    end = "its task is done when they are" if is_async else \
        "returns when they are done"
    how = f"It starts all of its tasks at once, and {end}." if self.is_eager \
        else _AHEAD
    if self.is_settled:
      given = "what it returns or throws " + given
    else:
      given = "the results " + given
    return f"Calls a function with {what};\n    gives {given}.\n    {how}"


MAPS = [
    Map(is_star, is_eager, is_ordered)
    for is_star in (False, True)
    for is_eager in (False, True)
    for is_ordered in (True, False)
]

# Those whose calls may fail.
SETTLED_MAPS = [
    Map(is_star, is_eager, is_ordered=True, is_settled=True)
    for is_star in (False, True)
    for is_eager in (False, True)
]

_SETTLED_BASE = ("MapSettled{T1, TResult}(Func{T1, TResult}, IEnumerable{T1}, "
                 "MapOptions, CancellationToken)")

_BASE = ("Map{T1, TResult}(Func{T1, TResult}, IEnumerable{T1}, MapOptions, "
         "CancellationToken)")

_MAP_DOC = """
    <param name="function">
    What to call, on workers. One that is asynchronous is awaited; if it has no
    result, its input stands for that.
    </param>
    <param name="inputs">
    Read by the thread that reads the results, and one chunk at a time.
    </param>
    <param name="options">How the inputs become tasks.</param>
    <param name="cancellationToken">
    Ends the map, with a <see cref="TaskCanceledException"/>.
    </param>
    <remarks>
    What a call throws comes out in the place of its result, and ends the map.
    The results can be read once. The first tasks start with the call. A token
    that the function takes is cancelled when the map ends early, or the pool is
    shut down; in a process pool it never is.
    </remarks>
    <exception cref="TimeoutException">The time in the options is over.</exception>
    <exception cref="ObjectDisposedException">The pool is closed.</exception>
    <exception cref="BrokenPoolException">The pool is broken.</exception>
"""


_SETTLED_DOC = """
    <param name="function">
    What to call, on workers. One that is asynchronous is awaited; if it has no
    result, its input stands for that.
    </param>
    <param name="inputs">
    Read by the thread that reads the results, and one chunk at a time. One that
    can't be sent to a process ends the map.
    </param>
    <param name="options">
    How the inputs become tasks. Their <see cref="MapOptions.Progress"/> is told of
    each call that has failed.
    </param>
    <param name="cancellationToken">
    Ends the map, with a <see cref="TaskCanceledException"/>.
    </param>
    <remarks>
    No call ends the map, nor its chunk; a worker process that dies costs the results
    of its whole chunk. A call that is asked to stop, as the map has ended, is no
    failure. The results can be read once. The first tasks start with the call.
    </remarks>
    <exception cref="TimeoutException">The time in the options is over.</exception>
    <exception cref="ObjectDisposedException">The pool is closed.</exception>
    <exception cref="BrokenPoolException">The pool is broken.</exception>
"""


def _input_type(shape):
  """What one call takes."""
  if shape.arity == 1:
    return "T1"
  names = ["First", "Second", "Third", "Fourth"]
  return "(%s)" % ", ".join(map(" ".join, zip(shape.types, names)))


def _result_type(shape):
  return shape.kind.result or _input_type(shape)


def function(shape):
  """Makes a MapFunction of a function."""
  values = [f"input.Item{i + 1}" for i in range(shape.arity)]
  if shape.arity == 1:
    values = ["input"]
  called = "function(%s)" % ", ".join(
      values + (["stop"] if shape.stoppable else []))
  types = f"{_input_type(shape)}, {_result_type(shape)}"
  if not shape.kind.is_async:
    how = f"CallOne = (input, stop) => {called},"
  elif shape.kind.result:
    how = f"CallOneAsync = (input, stop) => Awaiting.Of({called}),"
  else:
    how = ("CallOneAsync = async (input, stop) =>\n                {\n"
           f"                    await Awaiting.Of({called}).ConfigureAwait(false);\n"
           "                    return input;\n                },\n"
           "                GivesInputs = true,")
  stoppable = "true" if shape.stoppable else "false"
  return (
      f"    private static MapFunction<{types}> Bind{shape.type_parameters}(\n"
      f"        {shape.function_type} function)\n"
      "    {\n"
      "        ArgumentNullException.ThrowIfNull(function);\n"
      f"        return new MapFunction<{types}>(\n"
      f"            function, input => [{', '.join(values)}], {stoppable})\n"
      "            {\n"
      f"                {how}\n"
      "            };\n"
      "    }\n")


def overload(shape, kind, is_async, enumerable):
  name = kind.name + ("Async" if is_async else "")
  priority = shape.priority
  if enumerable != "IEnumerable":
    priority += _ASYNC_INPUT_PRIORITY
  doc = f"    <summary>\n    {kind.summary(is_async)}\n    </summary>\n"
  base = _SETTLED_BASE if kind.is_settled else _BASE
  is_base = (kind in (MAPS[0], SETTLED_MAPS[0]) and not is_async and shape.arity == 1 and
             shape.kind.name == "value" and not shape.stoppable)
  if is_base:
    doc += _SETTLED_DOC if kind.is_settled else _MAP_DOC
  else:
    doc += f'    <inheritdoc cref="{base}"/>\n'
  if kind.is_star or shape.arity == 1:
    inputs = [f"{enumerable}<{_input_type(shape)}> inputs"]
    given = "inputs"
  else:
    inputs = [
        f"{enumerable}<{type_}> {argument}"
        for type_, argument in zip(shape.types, shape.arguments)
    ]
    given = f"Zip({', '.join(shape.arguments)})"
  result = _result_type(shape)
  bound = "Bind(function)"
  if kind.is_settled:
    result = f"Settled<{result}>"
    bound = f"Settling.Of({bound})"
    given = f"Settling.Index({given})"
  if kind.is_eager:
    returned = f"IReadOnlyList<{result}>"
    read = "ReadAll"
  else:
    returned = f"{'IAsync' if is_async else 'I'}Enumerable<{result}>"
    read = "Read"
  if is_async:
    read += "Async"
    if kind.is_eager:
      returned = f"Task<{returned}>"
  plan = (f'new MapPlan("{name}", IsOrdered: {str(kind.is_ordered).lower()}, '
          f"IsEager: {str(kind.is_eager).lower()})")
  return shapes.declaration(
      doc, priority, f"public {returned}", name + shape.type_parameters,
      [f"{shape.function_type} function"] + inputs + [
          "MapOptions? options = null",
          "CancellationToken cancellationToken = default",
      ], f""" =>
        {read}(Start(
            {plan},
            {bound},
            {given},
            options,
            cancellationToken));""")


def _maps(shape):
  return [
      kind for kind in MAPS + SETTLED_MAPS
      if shape.arity > 1 or not kind.is_star
  ]


def blocking(shape):
  return "\n".join(
      overload(shape, kind, False, "IEnumerable") for kind in _maps(shape))


def asynchronous(shape):
  return "\n".join([
      overload(shape, kind, True, enumerable) for kind in _maps(shape)
      for enumerable in (
          ["IEnumerable", "IAsyncEnumerable"] if shape.arity == 1 or
          kind.is_star else ["IEnumerable"])
  ])
