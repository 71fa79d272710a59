#!/usr/bin/env python3
"""Writes the members of Pool that differ in their function's shape alone.

usage: overloads.py FOLDER

A shape is what a function returns (shapes.KINDS), how many arguments it takes,
and whether a CancellationToken comes after them. Each of SubmitAsync(), Run()
and Post() exists for each shape, and each map for those that have an argument.
"""

import pathlib
import sys

import maps
import shapes

_HEADER = """// Written by bindings/csharp/overloads.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Asyncpal.Internal;

namespace Asyncpal;

/// <content>%s</content>
public abstract partial class Pool
{
%s}
"""

_BASE = "SubmitAsync{TResult}(Func{TResult}, CancellationToken, TaskOptions)"

_SUBMIT_DOC = """
    <summary>Runs a function on a worker.</summary>
    <param name="function">
    What to run. One that is asynchronous leaves its worker, in a thread pool, at
    its first await; what follows is up to the .NET thread pool. In a process pool
    a worker runs all of it.
    </param>
    <param name="cancellationToken">
    Cancelled before the function has begun: it never runs. A running one on a
    thread may look at its own token; in a process it is ended, with its worker.
    </param>
    <param name="options">Its name and limits.</param>
    <returns>
    A task with what the function returns or throws. It becomes canceled with
    that token, or when the pool is shut down before the function has begun.
    Whatever awaits it does not continue on a worker.
    </returns>
    <exception cref="ArgumentOutOfRangeException">An option is.</exception>
    <exception cref="ObjectDisposedException">The pool is closed.</exception>
    <exception cref="BrokenPoolException">The pool is broken.</exception>
"""

_RUN_DOC = """
    <summary>
    Runs a function on a worker and waits for it: returns what it returns and
    throws what it throws. A worker of a thread pool may run the function of its
    own pool right there, or is stood in for.
    </summary>
    <inheritdoc cref="%s"/>
""" % _BASE

_POST_DOC = """
    <summary>
    Runs a function whose end nobody waits for. What it throws goes to the pool's
    <see cref="PoolOptions.UnobservedFailureHandler"/>; what it returns is
    dropped.
    </summary>
    <inheritdoc cref="%s"/>
""" % _BASE

_STOPPABLE = """
    Its token is cancelled by the caller's, by its timeout, and when the pool is
    shut down, unless that drains it. In a process pool the token never is, since
    the worker is killed.
"""


def submit(shape):
  if shape.arity or shape.stoppable or shape.kind.name != "value":
    text = "Runs %s on a worker%s.%s" % (
        shape.kind.phrase,
        ["", ", with an argument", ", with two arguments",
         ", with three arguments", ", with four arguments"][shape.arity],
        _STOPPABLE.rstrip() if shape.stoppable else "")
    doc = f'\n    <summary>\n    {text}\n    </summary>\n' \
          f'    <inheritdoc cref="{_BASE}"/>\n'
  else:
    doc = _SUBMIT_DOC
  start = "SubmitAsynchronous" if shape.kind.is_async else "Submit"
  result = shape.kind.result or "Nothing"
  call_result = f"Task<{result}>" if shape.kind.is_async else result
  returned = f"Task<{result}>" if shape.kind.result else "Task"
  arguments = "".join(", " + name for name in shape.arguments)
  if shape.is_called_as_it_is:
    invoke = "function"
  else:
    invoke = "() => " + shape.call("default")
  call = f"new Call<{call_result}>(\n                {invoke}, function{arguments})"
  if shape.stoppable:
    call += f"\n            {{\n                Stoppable = stop => " \
            f"{shape.call('stop')},\n            }}"
  return shapes.member(
      doc, shape, returned, "SubmitAsync",
      f"""
    {{
        ArgumentNullException.ThrowIfNull(function);
        return {start}(
            {call},
            options,
            cancellationToken);
    }}""")


def run(shape):
  arguments = ", ".join(["function", *shape.arguments])
  return shapes.member(
      _RUN_DOC, shape, shape.kind.result or "void", "Run",
      f" =>\n        WaitFor(SubmitAsync({arguments}, cancellationToken, options));")


def post(shape):
  arguments = ", ".join(["function", *shape.arguments])
  return shapes.member(
      _POST_DOC, shape, "void", "Post",
      f" =>\n        Watch(SubmitAsync({arguments}, cancellationToken, options));")


def main():
  folder = pathlib.Path(sys.argv[1])
  files = {
      "PoolSubmit.cs": ("Submitting single tasks.", submit, shapes.all_shapes()),
      "PoolRun.cs": ("Running single tasks.", run, shapes.all_shapes()),
      "PoolPost.cs": ("Tasks that nobody waits for.", post, shapes.all_shapes()),
      "PoolMapFunctions.cs":
          ("What maps call.", maps.function, shapes.map_shapes()),
      "PoolMaps.cs":
          ("Maps that block their reader.", maps.blocking, shapes.map_shapes()),
      "PoolAsyncMaps.cs":
          ("Maps whose readers await.", maps.asynchronous, shapes.map_shapes()),
  }
  for name, (content, write, all_shapes) in files.items():
    members = "\n".join(write(shape) for shape in all_shapes)
    (folder / name).write_text(_HEADER % (content, members), encoding="utf-8")


if __name__ == "__main__":
  main()
