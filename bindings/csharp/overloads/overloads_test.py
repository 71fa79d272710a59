#!/usr/bin/env python3
"""Writes a test of which overload a call gets.

usage: overloads_test.py OUTPUT

The test's probe has the signatures and priorities of Pool's members, and bodies
that name them. Each shape is called as a method group, a lambda, an async lambda
and a lambda that throws, with and without token and options.
"""

import pathlib
import re
import sys

import maps
import overloads
import shapes

_FILE = """// Written by bindings/csharp/overloads.
using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Asyncpal.Tests;

/// Which overload the compiler takes for a call: none is a task of a task.
public sealed class OverloadsTest
{
    private static readonly CancellationToken Token = default;
    private static readonly TaskOptions Options = new();
    private static readonly MapOptions MapOptions = new();
    private static readonly PeriodicOptions PeriodicOptions = new();
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(1);
    private static readonly int[] Ints = [1];

    [Fact]
    public void EveryShapeGetsItsOwnOverload()
    {
        var probe = new Probe();
%s    }

    private static void Touch(params int[] values)
    {
    }

%s
    private sealed class Probe
    {
%s    }
}
"""

_LAMBDAS = {
    "value": "1",
    "void": "Touch()",
    "Task<T>": "Task.FromResult(1)",
    "Task": "Task.CompletedTask",
    "ValueTask<T>": "new ValueTask<int>(1)",
    "ValueTask": "new ValueTask()",
}

_BY_NAME = {kind.name: kind for kind in shapes.KINDS}


def identifier(shape):
  kind = shape.kind.name.replace("<T>", "OfInt")
  stop = "Stoppable" if shape.stoppable else ""
  return f"{kind[0].upper()}{kind[1:]}{shape.arity}{stop}"


def parameters(shape):
  names = [f"int a{i}" for i in range(shape.arity)]
  if shape.stoppable:
    names.append("CancellationToken stop")
  return ", ".join(names)


def method(shape):
  returned = shape.kind.returned.replace("TResult", "int") or "void"
  return (f"    private static {returned} {identifier(shape)}"
          f"({parameters(shape)}) => {_LAMBDAS[shape.kind.name]};\n")


def spellings(shape):
  """Pairs of an expression and of the shape that it is taken for."""
  taken = lambda name: shapes.Shape(_BY_NAME[name], shape.arity, shape.stoppable)
  list_ = parameters(shape)
  yield identifier(shape), shape
  yield f"({list_}) => {_LAMBDAS[shape.kind.name]}", shape
  yield (f"async ({list_}) => {{ await Task.Yield(); return 1; }}",
         taken("Task<T>"))
  yield f"async ({list_}) => await Task.Yield()", taken("Task")
  yield f"({list_}) => throw new FormatException()", taken("Task")


def submissions():
  for shape in shapes.all_shapes():
    ones = ["1"] * shape.arity
    for function, taken in spellings(shape):
      for rest in ([], ["Token"], ["options: Options"], ["Token", "Options"]):
        yield taken, f"SubmitAsync({', '.join([function, *ones, *rest])})"
  # The token is the pool's to give, not an argument; and overloaded methods.
  plain = shapes.Shape(_BY_NAME["value"], 2, False)
  yield plain, "SubmitAsync(Math.Max, 1, 2)"
  yield plain, "SubmitAsync(Math.Max, 1, 2, Token)"
  stoppable = shapes.Shape(_BY_NAME["Task"], 0, True)
  yield stoppable, "SubmitAsync(stop => Task.Delay(1, stop), Token)"
  delay = shapes.Shape(_BY_NAME["Task"], 1, False)
  yield delay, "SubmitAsync(Task.Delay, 1)"
  yield delay, "SubmitAsync(Task.Delay, 1, Token)"
  # It has no other overload than with a token, which may be left out.
  text = shapes.Shape(_BY_NAME["Task<T>"], 1, True)
  yield text, 'SubmitAsync(File.ReadAllTextAsync, "name")'
  yield text, 'SubmitAsync(File.ReadAllTextAsync, "name", Token, Options)'
  printed = shapes.Shape(_BY_NAME["void"], 1, False)
  yield printed, 'SubmitAsync(Console.WriteLine, "text")'
  yield printed, "SubmitAsync(Thread.Sleep, 1)"


def with_times():
  """Those whose first argument is a delay or a period."""
  for shape in shapes.all_shapes():
    ones = ["1"] * shape.arity
    for function, taken in spellings(shape):
      call = ", ".join(["Time", function, *ones])
      yield taken, f"SubmitAfterAsync({call}, Token, Options)"
      yield taken, f"SubmitAfterAsync({call})"
      yield taken, f"Every({call})"
      yield taken, f"Every({call}, PeriodicOptions)"


def mappings():
  for shape in shapes.map_shapes():
    inputs = ["Ints"] * shape.arity
    for function, taken in spellings(shape):
      for rest in ([], ["MapOptions"], ["MapOptions", "Token"]):
        yield taken, f"Map({', '.join([function, *inputs, *rest])})"
  delay = shapes.Shape(_BY_NAME["Task"], 1, False)
  yield delay, "Map(Task.Delay, Ints)"


def bare(member):
  """A member without its comment and with its shape for a body."""
  lines = [line for line in member.splitlines() if "///" not in line]
  text = "\n".join(lines)
  head = re.split(r"\n    \{|\) =>", text)[0].rstrip(")") + ")"
  head = re.sub(r"public .*? (SubmitAsync|SubmitAfterAsync|Every|Map)", r"public string \1", head)
  return head


def probe():
  members = [(shape, overloads.submit(shape)) for shape in shapes.all_shapes()]
  members += [(shape, write(shape))
              for write in (overloads.submit_after, overloads.every)
              for shape in shapes.all_shapes()]
  members += [(shape, maps.overload(shape, maps.MAPS[0], False, "IEnumerable"))
              for shape in shapes.map_shapes()]
  return "\n".join(
      bare(member) + f' =>\n        "{shape.function_type}";\n'
      for shape, member in members)


def main():
  checks = "".join(
      f'        Assert.Equal("{taken.function_type}", probe.{call});\n'
      for taken, call in dict.fromkeys([*submissions(), *with_times(), *mappings()]))
  methods = "".join(method(shape) for shape in shapes.all_shapes())
  pathlib.Path(sys.argv[1]).write_text(
      _FILE % (checks, methods, probe()), encoding="utf-8")


main()
