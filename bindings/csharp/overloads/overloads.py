#!/usr/bin/env python3
"""Writes the members of pools and views that differ in their function's shape alone.

usage: overloads.py FOLDER

A shape is what a function returns (shapes.KINDS), how many arguments it takes,
and whether a CancellationToken comes after them. Each of SubmitAsync(),
SubmitAfterAsync(), Every(), Run() and Post() exists for each shape, and each map for those that have an argument.
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
%s
{
%s}
"""

_RUNNER = "public abstract partial class TaskRunner"
_POOL = "public abstract partial class Pool"
_KEYED = "public sealed partial class KeyedPool<TKey>"

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

_AFTER_BASE = ("SubmitAfterAsync{TResult}(TimeSpan, Func{TResult}, "
               "CancellationToken, TaskOptions)")

_AFTER_DOC = """
    <summary>
    Runs a function on a worker, no earlier than after a delay. Until then the task is
    pending, and counted in <see cref="PoolStats.Delayed"/>; it holds no worker and no
    thread.
    </summary>
    <param name="delay">
    By the pool's <see cref="PoolOptions.TimeProvider"/>. Zero: none; infinite: until it
    is cancelled.
    </param>
    <param name="function">What to run, as by SubmitAsync().</param>
    <param name="cancellationToken">
    Cancelled before the function has begun, it ends the task at once; later, as for
    SubmitAsync().
    </param>
    <param name="options">
    Its name and limits. The <see cref="TaskOptions.QueueDeadline"/> counts from when
    its time has come.
    </param>
    <remarks>
    <see cref="PoolOptions.MaxPending"/> counts the task from its submission; when its
    time has come, it is never rejected. In a full pool,
    <see cref="WhenFull.CallerRuns"/> waits for room. A shutdown cancels it, also when
    the pool drains, unless its time has come.
    </remarks>
    <returns>As SubmitAsync().</returns>
    <exception cref="ArgumentOutOfRangeException">
    The delay is negative, or an option out of range.
    </exception>
    <exception cref="RejectedException">The pool is full, and rejects.</exception>
    <exception cref="ObjectDisposedException">The pool is closed.</exception>
    <exception cref="BrokenPoolException">The pool is broken.</exception>
"""

_EVERY_BASE = "Every(TimeSpan, Action, PeriodicOptions)"

_EVERY_DOC = """
    <summary>
    Runs a function at once and again after each period, one run at a time.
    </summary>
    <param name="period">
    Positive; infinite: further runs come by <see cref="Periodic.Trigger"/> only.
    </param>
    <param name="function">
    What to run. What it returns is dropped; a run of one that is asynchronous lasts
    until that is done. For a process its arguments are encoded for each run.
    </param>
    <param name="options">What the period counts from, what failures do, and so on.</param>
    <returns>
    A handle, by which it can be ended; it goes on without that.
    </returns>
    <remarks>
    Each run is a task of the pool. A full pool does with the first run what it does
    with one of SubmitAfterAsync(); later ones need no room.
    <see cref="Pool.Join()"/> waits for the end, which may never come; the pool's
    shutdown is one.
    </remarks>
    <exception cref="ArgumentOutOfRangeException">
    The period or an option is out of range.
    </exception>
    <exception cref="RejectedException">The pool is full, and rejects.</exception>
    <exception cref="ObjectDisposedException">The pool is closed.</exception>
    <exception cref="BrokenPoolException">The pool is broken.</exception>
"""

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


def submit_after(shape):
  is_base = shape.is_called_as_it_is
  doc = _AFTER_DOC if is_base else f'    <inheritdoc cref="{_AFTER_BASE}"/>\n'
  returned = f"Task<{shape.kind.result}>" if shape.kind.result else "Task"
  arguments = ", ".join(["function", *shape.arguments])
  return shapes.member(
      doc, shape, returned, "SubmitAfterAsync",
      f" =>\n        SubmitAsync(\n            {arguments}, cancellationToken,"
      " After(delay, options));", first=["TimeSpan delay"])


def every(shape):
  is_base = shape.kind.name == "void" and not shape.arity and not shape.stoppable
  doc = _EVERY_DOC if is_base else f'    <inheritdoc cref="{_EVERY_BASE}"/>\n'
  arguments = ", ".join(["function", *shape.arguments])
  parameters = ["TimeSpan period", f"{shape.function_type} function"]
  parameters += [
      f"{type_} {argument}"
      for type_, argument in zip(shape.types, shape.arguments)
  ]
  parameters.append("PeriodicOptions? options = null")
  return shapes.declaration(
      doc, shape.priority, "public Periodic",
      f"Every{shape.type_parameters}", parameters, f"""
    {{
        ArgumentNullException.ThrowIfNull(function);
        return Repeat(
            period, options, (run, stop) => SubmitAsync({arguments}, stop, run));
    }}""")


def keyed(name):
  """A form of PoolView's with a key in front."""

  def write(shape):
    result = shape.kind.result
    returned = {
        "SubmitAsync": f"Task<{result}>" if result else "Task",
        "Run": result or "void",
        "Post": "void",
    }[name]
    arguments = ", ".join(["function", *shape.arguments])
    doc = (f'    <summary>As <see cref="TaskRunner"/>\'s, for that key.</summary>\n'
           f'    <inheritdoc cref="TaskRunner.{_BASE}"/>\n')
    return shapes.member(
        doc, shape, returned, name,
        f" =>\n        Key(key).{name}({arguments}, cancellationToken, options);",
        first=["TKey key"])

  return write


def main():
  folder = pathlib.Path(sys.argv[1])
  all_shapes = shapes.all_shapes()
  maps_of = shapes.map_shapes()
  files = {
      "PoolSubmit.cs": (_RUNNER, "Submitting single tasks.", submit, all_shapes),
      "PoolSubmitAfter.cs": (_POOL, "Tasks for later.", submit_after, all_shapes),
      "PoolEvery.cs": (_POOL, "Periodic tasks.", every, all_shapes),
      "PoolRun.cs": (_RUNNER, "Running single tasks.", run, all_shapes),
      "PoolPost.cs": (_RUNNER, "Tasks that nobody waits for.", post, all_shapes),
      "PoolMapFunctions.cs": (_RUNNER, "What maps call.", maps.function, maps_of),
      "PoolMaps.cs":
          (_RUNNER, "Maps that block their reader.", maps.blocking, maps_of),
      "PoolAsyncMaps.cs":
          (_RUNNER, "Maps whose readers await.", maps.asynchronous, maps_of),
      "KeyedPoolSubmit.cs":
          (_KEYED, "Submitting single tasks.", keyed("SubmitAsync"), all_shapes),
      "KeyedPoolRun.cs": (_KEYED, "Running single tasks.", keyed("Run"), all_shapes),
      "KeyedPoolPost.cs":
          (_KEYED, "Tasks that nobody waits for.", keyed("Post"), all_shapes),
  }
  for name, (declaration, content, write, taken) in files.items():
    members = "\n".join(write(shape) for shape in taken)
    (folder / name).write_text(
        _HEADER % (content, declaration, members), encoding="utf-8")


if __name__ == "__main__":
  main()
