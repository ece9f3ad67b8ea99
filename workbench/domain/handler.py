"""Handler: a function that handles messages, in whichever of the four styles Python has for one.

An async generator yields its results one by one, each taking effect before the next line runs. A generator, a
coroutine or a plain function may be used as well; what they return is one result, several in a list or tuple, or None.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from types import CoroutineType, FrameType, MappingProxyType
from typing import Any

from workbench.domain.datadef import Datadef
from workbench.domain.entity import Command, Event
from workbench.domain.mutation import Mutation
from workbench.domain.place import place_of, source_of
from workbench.errors import DatabaseError, DefinitionError, HandlerFault, authors_frames, told_place
from workbench.wording import offered

# Whose result something is that was given by another kind of handler.
_ELSEWHERE: Mapping[type[Any], str] = MappingProxyType({
    Mutation: "a mutation is for the handler of an event, which a command's handler yields",
    Event: "an event is for the handler of a command", Command: "a command is for a policy: what follows from an event",
    dict: "for the caller it is context.respond(name=value)"})


def unawaited(coroutine: CoroutineType[Any, Any, Any]) -> str:
    """What is said of a coroutine that stands where its result was meant."""
    return f"{coroutine.__name__}(…) is async, and was not awaited; write await before it"


class Handler:
    """A registered function: whose it is (``domain``), how it is called (``name``) and where it came from.

    ``results`` has a message and its context handled: an async generator of what the function yields or returns."""

    __slots__ = ("domain", "function", "name", "place", "results")

    def __init__(self, function: Callable[..., Any], domain: str) -> None:
        self.function, self.domain = function, domain
        self.name = getattr(function, "__name__", repr(function))
        try:
            inspect.signature(function).bind(None, None)
        except TypeError as error:
            raise DefinitionError(f"the handler {self.name} of {domain} is called with two arguments, what it handles "
                                  f"and a context, as in def {self.name}(message, context), and it takes others: "
                                  f"{error}") from None
        except ValueError:      # it has no signature to look at, as some functions of C
            pass
        self.place = place_of(function)
        self.results: Callable[[Any, Any], AsyncGenerator[Any, None]] = (
            function if inspect.isasyncgenfunction(function) else self._results)

    def __repr__(self) -> str:
        return f"<handler {self.name} of {self.domain}>"

    async def _results(self, message: Any, context: Any) -> AsyncGenerator[Any, None]:
        """What the function yields or returns, one by one, whatever its style."""
        __tracebackhide__ = True
        answer = self.function(message, context)
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer is None:
            return
        if isinstance(answer, AsyncGenerator):      # of a plain function around one
            async with aclosing(answer):
                async for result in answer:
                    yield result
        elif isinstance(answer, AsyncIterator):
            async for result in answer:
                yield result
        elif isinstance(answer, list | tuple | Iterator):
            for result in answer:
                yield result
        else:       # whatever else can be iterated, an Answer or a table, is one result
            yield answer

    async def returned(self, message: Any, context: Any) -> Any:
        """The one value of a response handler: what it returns, or the async generator it is."""
        answer = self.function(message, context)
        return await answer if isinstance(answer, Awaitable) else answer

    def explain(self, error: BaseException, results: AsyncGenerator[Any, None]) -> None:
        """Adds to an error what its traceback does not show: that an await is missing, which field was meant, or, where
        it has no line of the author's, where the function gave what the error came of. Those of the database, and with
        notes, stay as they are."""
        if not isinstance(error, Exception) or isinstance(error, DatabaseError) or hasattr(error, "__notes__"):
            return
        if isinstance(error, AttributeError) and isinstance(error.obj, CoroutineType):
            error.add_note(unawaited(error.obj))
            if inspect.getcoroutinestate(error.obj) == inspect.CORO_CREATED:
                error.obj.close()       # or Python warns of it besides, wherever it is collected
        elif isinstance(error, TypeError) and " argument after ** must be a mapping, not " in str(error):
            error.add_note("to hand on all fields of a record say **values_of(record)")
        elif (isinstance(error, AttributeError) and isinstance(error.obj, Datadef) and error.name is not None
              and not hasattr(type(error.obj), error.name)):
            besides = [name for name in ("target", "identifier") if hasattr(type(error.obj), name)]
            error.add_note(f'there is no field "{error.name}"; {offered(error.name, [*error.obj._public, *besides])}')
        elif next(authors_frames(error.__traceback__), None) is None:
            frame = self._waiting_frame(results)
            where = source_of(self.function) if frame is None else told_place(frame, frame.f_lineno)
            error.add_note(f"This came of what the handler {self.name} of {self.domain} gave: {where}")

    def _waiting_frame(self, results: AsyncGenerator[Any, None]) -> FrameType | None:
        """Where the function waits, as it has yielded something; None where it has returned."""
        waiting: Any = results
        if self.results is not self.function and (frame := getattr(results, "ag_frame", None)) is not None:
            waiting = frame.f_locals.get("answer")
        found: FrameType | None = getattr(waiting, "ag_frame", None) or getattr(waiting, "gi_frame", None)
        return found

    def fault(self, value: Any, allowed: str, instead: str = "") -> HandlerFault:
        """The error for a result that this kind of handler may not give, and what to do ``instead``: where nothing is
        said of it, where such a one belongs."""
        instead = instead or next((words for kind, words in _ELSEWHERE.items() if isinstance(value, kind)), "")
        return HandlerFault(f"the handler {self.name} of {self.domain}", value,
                            f"{allowed}; {instead}" if instead else allowed)
