"""The shapes of functions, and how C# spells them."""

import dataclasses

MAX_ARGUMENTS = 4

# More than any shape's.
ABOVE_ALL_PRIORITIES = 4 * (MAX_ARGUMENTS + 1)


@dataclasses.dataclass(frozen=True)
class Kind:
  """What a function returns."""

  name: str
  phrase: str
  returned: str  # by the delegate; empty: it is an Action
  result: str  # of the task; empty: none
  is_async: bool
  wrapped: str  # a call of it, as what a pool runs


KINDS = [
    Kind("value", "a function", "TResult", "TResult", False, "%s"),
    Kind("void", "an action", "", "", False, "{ %s; return default; }"),
    Kind("Task<T>", "an asynchronous function", "Task<TResult>", "TResult",
         True, "Awaiting.Of(%s)"),
    Kind("Task", "an asynchronous function", "Task", "", True,
         "Awaiting.Of(%s)"),
    Kind("ValueTask<T>", "an asynchronous function", "ValueTask<TResult>",
         "TResult", True, "Awaiting.Of(%s)"),
    Kind("ValueTask", "an asynchronous function", "ValueTask", "", True,
         "Awaiting.Of(%s)"),
]


@dataclasses.dataclass(frozen=True)
class Shape:
  """A kind with a number of arguments, and perhaps a token after them."""

  kind: Kind
  arity: int
  stoppable: bool

  @property
  def types(self):
    return [f"T{i + 1}" for i in range(self.arity)]

  @property
  def type_parameters(self):
    names = self.types + ([self.kind.result] if self.kind.result else [])
    return f"<{', '.join(names)}>" if names else ""

  @property
  def arguments(self):
    if self.arity == 1:
      return ["argument"]
    return ["first", "second", "third", "fourth"][:self.arity]

  @property
  def function_type(self):
    names = list(self.types)
    if self.stoppable:
      names.append("CancellationToken")
    if self.kind.returned:
      names.append(self.kind.returned)
    name = "Func" if self.kind.returned else "Action"
    return f"{name}<{', '.join(names)}>" if names else name

  @property
  def is_called_as_it_is(self):
    return self.kind.name == "value" and not self.arity and not self.stoppable

  @property
  def priority(self):
    """Task before all others, which are equal; then, fewer arguments first;
    then, without a token first.

    An async lambda fits Task and ValueTask alike; `() => throw` fits Action,
    too. SubmitAsync(f, token) fits an f with a token of its own, and one whose
    argument is that token. Many methods, such as Task.Delay(), have an overload
    with a token beside the one without; and to the compiler Console.WriteLine(
    string, object) is one with a token, until that turns out to be a struct.
    """
    is_task = self.kind.returned.startswith("Task")
    rank = MAX_ARGUMENTS - self.arity + (MAX_ARGUMENTS + 1 if is_task else 0)
    return 2 * rank + (0 if self.stoppable else 1)

  def call(self, token, arguments=None):
    """An expression, or a block, that calls the function."""
    values = list(self.arguments if arguments is None else arguments)
    if self.stoppable:
      values.append(token)
    return self.kind.wrapped % f"function({', '.join(values)})"


def all_shapes():
  return [
      Shape(kind, arity, stoppable)
      for kind in KINDS
      for stoppable in (False, True)
      for arity in range(MAX_ARGUMENTS + 1)
  ]


def map_shapes():
  """Those with an argument; an action has nothing to give."""
  return [
      shape for shape in all_shapes() if shape.arity and shape.kind.name != "void"
  ]


def comment(doc):
  """The lines of a documentation comment."""
  return "".join(
      f"    /// {line.strip()}\n" for line in doc.strip().splitlines())


def member(doc, shape, returned, name, body, first=()):
  """An overload that takes the arguments of one call, and others first."""
  parameters = [*first, f"{shape.function_type} function"]
  parameters += [
      f"{type_} {argument}"
      for type_, argument in zip(shape.types, shape.arguments)
  ]
  parameters += [
      "CancellationToken cancellationToken = default",
      "TaskOptions? options = null",
  ]
  return declaration(doc, shape.priority, f"public {returned}",
                     f"{name}{shape.type_parameters}", parameters, body)


def declaration(doc, priority, returned, name, parameters, body):
  lines = ",\n".join(f"        {parameter}" for parameter in parameters)
  return (f"{comment(doc)}"
          f"    [OverloadResolutionPriority({priority})]\n"
          f"    {returned} {name}(\n{lines}){body}\n")
